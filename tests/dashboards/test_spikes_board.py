"""The board of spikes on a real engine: empty, and with one open and one closed episode."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from dashboards.boards.spikes import SPIKES_BOARD
from dashboards.checker import check, problems
from dashboards.datasource.macros import Window
from dashboards.datasource.request import resolve, sql_of
from deploy.clickhouse.asking import asking
from deploy.clickhouse.client import clickhouse as open_clickhouse
from streams.spikes.aftermath import Aftermath, write_aftermath
from streams.spikes.episodes import Episode, write_episodes
from tests.conftest import ClickHouseServer

NOW = datetime(2026, 11, 27, 12, 0, tzinfo=UTC)
WINDOW = Window(
    from_ms=int((NOW - timedelta(days=7)).timestamp()) * 1000,
    to_ms=int(NOW.timestamp()) * 1000,
    interval_ms=60_000,
)


@pytest.fixture
def client(clickhouse_server: ClickHouseServer) -> Iterator[Client]:
    clickhouse_server.prepare()
    with open_clickhouse(clickhouse_server.connection) as opened:
        yield opened


@pytest.fixture
def ask(client: Client, clickhouse_server: ClickHouseServer) -> Iterator[Any]:
    with open_clickhouse(clickhouse_server.analyst) as analyst:
        yield asking(analyst)


def episode(name: str, since: datetime, **fields: Any) -> Episode:
    values: dict[str, Any] = {
        "id": name,
        "series": "57701000",
        "level": "municipality",
        "since": since,
        "evaluated": since + timedelta(hours=1),
        "state": "open",
        "active_at": since + timedelta(hours=1),
        "alerted_at": since,
        "window_h": 3,
        "observed": 24,
        "expected": 2.5,
        "alarms": 1e-6,
        "best_alarms": 1e-6,
        "authors": 20,
        "nature": "spike",
        "push": True,
        "reason": "Пермь: за 3 часа 24 сообщений, обычно 2,5.",
        "pages": (("vk:1", 20),),
        "topics": (("housing.heating", 22),),
        "entrances": (("public_page", 24),),
    }
    return Episode(**(values | fields))


def rows(ask: Any, number: int) -> list[dict[str, Any]]:
    """Rows of a panel with every variable at «Все»; the territory on the chart is the municipality of the tests."""
    variables = resolve(SPIKES_BOARD.json(), {"spike": ["57701000"]}, WINDOW, ask)
    panel = next(panel for panel in SPIKES_BOARD.panels if panel.id == number)
    answer = ask(sql_of(panel.json([])["targets"][0], variables, WINDOW))
    return [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]


def test_every_query_runs_on_an_empty_system(ask: Any) -> None:
    assert problems(list(check(SPIKES_BOARD, WINDOW, ask, rows_needed=False))) == []


def test_open_and_closed_episodes_are_shown(client: Client, ask: Any) -> None:
    past = NOW - timedelta(days=3)
    closed = episode("b" * 16, past, state="closed", closed_at=past + timedelta(hours=20), best_alarms=1e-4)
    write_episodes(
        client,
        [
            episode("a" * 16, NOW - timedelta(hours=2)),
            closed,
            episode("c" * 16, NOW - timedelta(hours=1), series="57702000", nature="one_author", push=False),
        ],
    )
    found = Aftermath(
        computed=NOW,
        appeals=40,
        usual=6.0,
        peak_hour=past,
        peak=18,
        hours=8.0,
        half_after_h=2.0,
        first_post_h=5.0,
        silent_pages=("vk:1",),
        answered=10,
    )
    write_aftermath(client, closed, found)
    client.insert(
        "gospulse_data.spike_decisions",
        [["b" * 16, NOW, "confirm", "нет отопления", "duty"]],
        column_names=["id", "at", "decision", "why", "by"],
    )
    client.insert(
        "gospulse_data.spike_expected",
        [["57701000", NOW - timedelta(hours=h), "municipality", 1.5, 0.0, 4.0, NOW] for h in range(1, 4)],
        column_names=["series", "hour", "level", "expected", "low", "high", "learnt"],
    )
    assert problems(list(check(SPIKES_BOARD, WINDOW, ask, rows_needed=False))) == []
    assert [list(row.values()) for row in rows(ask, 1) + rows(ask, 2) + rows(ask, 3)] == [[1], [2], [1.0]]
    (queue,) = rows(ask, 6)
    assert (queue["Решение"], queue["Сообщений"], queue["Код"]) == ("Новый", 24, "57701000")
    assert queue["Что произошло"] == "Пермь: за 3 часа 24 сообщений, обычно 2,5."
    (past_one,) = rows(ask, 8)
    assert (past_one["Пик за час"], past_one["Промолчали"], past_one["Получили ответ"]) == (18, 1, 0.25)
    assert past_one["Решение"] == "Подтверждён"
    assert [row["Обычно за час"] for row in rows(ask, 7)] == [1.5, 1.5, 1.5]
