"""Alert rules: which instances fire and resolve for given rows of ``spikes``, and their committed file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from dashboards.alerts.evaluation import Instances, NoNumberTableError, evaluate, values
from dashboards.alerts.rules import MISSING_EVALUATIONS, RULES, Rule, group, provisioning
from dashboards.boards.spikes import SPIKES_BOARD
from dashboards.datasource.request import Answer
from dashboards.generate import ALERTS, alerts_text
from deploy.clickhouse.asking import asking
from deploy.clickhouse.client import clickhouse as open_clickhouse
from streams.spikes.episodes import write_episodes, write_links
from streams.spikes.links import Signer
from tests.conftest import ClickHouseServer
from tests.dashboards.test_spikes_board import episode

Ask = Callable[[str], Answer]


@pytest.fixture
def client(clickhouse_server: ClickHouseServer) -> Iterator[Client]:
    clickhouse_server.prepare()
    with open_clickhouse(clickhouse_server.connection) as opened:
        yield opened


@pytest.fixture
def ask(client: Client, clickhouse_server: ClickHouseServer) -> Iterator[Ask]:
    with open_clickhouse(clickhouse_server.analyst) as analyst:
        yield asking(analyst)


def rule(uid: str) -> Rule:
    return next(each for each in RULES if each.uid == uid)


def step(ask: Ask, of: Rule, before: Instances | None = None) -> Instances:
    no_data: Any = of.no_data
    return evaluate(before or Instances(), ask(of.sql), no_data=no_data, missing_evaluations=MISSING_EVALUATIONS)


def codes(instances: frozenset[Any]) -> list[str]:
    return sorted(dict(labels)["code"] for labels in instances)


def test_open_episodes_fire_with_stable_labels_and_closed_ones_resolve(client: Client, ask: Ask) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    opened = episode("a" * 16, now - timedelta(hours=2))
    write_episodes(
        client,
        [
            opened,
            episode("b" * 16, now - timedelta(hours=1), series="57000000", level="region"),
            episode("c" * 16, now - timedelta(hours=1), series="57702000", nature="one_author", push=False),
        ],
    )
    places, regions = rule("gospulse-spike-place"), rule("gospulse-spike-region")
    first = step(ask, places)
    assert codes(first.firing) == ["57701000"] and codes(step(ask, regions).firing) == ["57000000"]
    # The figures of the episode change, its labels do not: it stays one instance.
    write_episodes(client, [episode("a" * 16, opened.since, evaluated=now, observed=90, best_alarms=1e-12)])
    second = step(ask, places, first)
    assert second.firing == first.firing
    closed = episode("a" * 16, opened.since, evaluated=now + timedelta(minutes=5), state="closed", closed_at=now)
    write_episodes(client, [closed])
    third = step(ask, places, second)
    assert not third.firing and codes(third.resolved) == ["57701000"]


def test_a_row_that_is_gone_resolves_after_two_evaluations() -> None:
    row = Answer(("code", "is_open"), ("String", "Float64"), (("57701000", 1.0),))
    none = Answer(("code", "is_open"), ("String", "Float64"), ())
    first = evaluate(Instances(), row, no_data="OK", missing_evaluations=2)
    second = evaluate(first, none, no_data="OK", missing_evaluations=2)
    assert second.firing == first.firing and not second.resolved
    third = evaluate(second, none, no_data="OK", missing_evaluations=2)
    assert not third.firing and third.resolved == first.firing


def test_an_alert_carries_the_links_of_its_episode(client: Client, ask: Ask) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    linked, plain = (episode(name * 16, now - timedelta(hours=2), series=code) for name, code in LINKED_AND_NOT)
    write_links(client, [linked], Signer("https://spikes.example.org/", b"k" * 32))
    write_episodes(client, [linked, plain])
    places = rule("gospulse-spike-place")
    found = {dict(labels)["spike"]: dict(labels) for labels in step(ask, places).firing}
    for decision in ("accept", "dismiss", "hand_over"):
        assert found[linked.id][decision].startswith(f"https://spikes.example.org/spikes/{linked.id}.{decision}.")
        assert found[plain.id][decision] == ""
        assert f"{{{{ $labels.{decision} }}}}" in places.description
    # A day later they have expired, and no alert offers them.
    old = episode("d" * 16, now - timedelta(hours=25))
    write_links(client, [old], Signer("https://spikes.example.org/", b"k" * 32))
    write_episodes(client, [old])
    assert {dict(each)["accept"] for each in step(ask, places).firing if dict(each)["spike"] == old.id} == {""}


LINKED_AND_NOT = (("a", "57701000"), ("b", "57702000"))


def test_a_dismissed_spike_does_not_fire(client: Client, ask: Ask) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    write_episodes(client, [episode("a" * 16, now - timedelta(hours=2))])
    client.insert(
        "gospulse_data.spike_decisions",
        [["a" * 16, now, "dismiss", "учения", "duty"]],
        column_names=["id", "at", "decision", "why", "by"],
    )
    assert not step(ask, rule("gospulse-spike-place")).firing


def test_a_dead_detector_is_an_alert_of_its_own(client: Client, ask: Ask) -> None:
    dead = rule("gospulse-spike-dead")
    assert step(ask, dead).firing
    now = datetime.now(UTC).replace(microsecond=0)
    client.insert(
        "gospulse_data.spike_evaluations",
        [[now, now, 0.5, 10, 10, 0, 0.0, 0, 0, ""]],
        column_names=["evaluated", "written_at", "seconds", "series", "tested", "excluded_hours", "expected_episodes",
                      "below_hundredth", "open", "held"],
    )  # fmt: skip
    assert not step(ask, dead).firing


@pytest.mark.parametrize("each", RULES, ids=lambda each: each.uid)
def test_a_rule_gives_a_table_that_grafana_can_evaluate(ask: Ask, each: Rule) -> None:
    values(ask(each.sql))
    assert "$__" not in each.sql and "${" not in each.sql, "the front end's macros are not expanded in alert rules"
    assert "Что делать" in each.description
    assert each.panel in {panel.id for panel in SPIKES_BOARD.panels}


def test_tables_that_grafana_refuses_are_refused() -> None:
    with pytest.raises(NoNumberTableError, match="wide series"):
        values(Answer(("a", "b", "c"), ("String", "Float64", "UInt8"), (("x", 1.0, 1),)))
    with pytest.raises(NoNumberTableError, match="duplicate"):
        values(Answer(("a", "b"), ("String", "Float64"), (("x", 1.0), ("x", 0.0))))


def test_the_committed_file_is_what_the_code_makes() -> None:
    assert ALERTS.read_text(encoding="utf-8") == alerts_text(), "run python -m dashboards.generate"
    rules = json.loads(alerts_text())["groups"][0]["rules"]
    assert (
        [each["uid"] for each in rules] == [each.uid for each in RULES] == [each["uid"] for each in group("f")["rules"]]
    )
    assert provisioning()["groups"][0]["interval"] == "60s"
    # Grafana expands $ in labels of files: there must be none.
    assert all("$" not in json.dumps(each["labels"]) and "$" not in each["title"] for each in rules)
