"""From the first extra message at the webhook to the row that fires the alert, and back by a link of that alert."""

from __future__ import annotations

import re
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest

from dashboards.alerts.evaluation import Instances, evaluate
from dashboards.alerts.rules import MISSING_EVALUATIONS, RULES
from deploy.clickhouse.asking import asking
from deploy.clickhouse.client import clickhouse
from deploy.settings_sources import load
from ingest.kafka.publisher import Publisher
from ingest.sources import read_sources, sources_file
from schemas.contract.topics import EVENTS
from tests.ingest.platforms.builders.vk_calls import GROUP, PAGE, body, message
from tests.servers.machine import Machine, machine
from tests.servers.ports import free_port
from tests.stack.builders.folding import until
from tests.stack.test_webhook import is_folded, post
from tests.streams.builders.records import event, hex32

pytestmark = pytest.mark.long

PLACE = "57701000"
OTHERS = [f"57{m:03d}000" for m in (702, 703, 704)] + [f"22{m:03d}000" for m in (701, 702, 703)]
HISTORY_DAYS = 45
PUBLIC = "https://spikes.example.org"
#: The service evaluates every five minutes, 20 seconds after the moment.
STEP_S = 300


@pytest.fixture
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Kafka, ClickHouse, a worker, a webhook with one page of VK, and 45 days of half a message an hour and place."""
    settings = {
        "WORKERS": "1",
        "KAFKA_HEAP_MB": "384",
        "SPIKES_LINKS_URL": PUBLIC,
        "SPIKES_LINKS_PORT": str(free_port()),
    }
    with machine(tmp_path_factory.mktemp("alert"), settings) as made:
        made.run("up")
        (made.folder / "pages.csv").write_text(
            f"network;native_id;name;place;official\nvk;{GROUP};Глава;{PLACE};mayor\n"
        )
        made.run("pages", "import", "pages.csv", "--from", "2020-01-01")
        (made.folder / "code.txt").write_text("1a2b3c4d\n")
        made.run("sources", "add", "vk", str(GROUP), "--confirmation-file", "code.txt")
        publish_history(made)
        made.environ["GOSPULSE_WEBHOOK_PROCESSES"] = "1"
        made.run("up")
        until(lambda: made.outcome("sources", "test", "vk", str(GROUP))[1].count("✓") == 2, "the page is known")
        until(lambda: is_folded(made), "the history is folded", patience_s=120)
        yield made


def publish_history(stack: Machine) -> None:
    """Half a message an hour in each place, until now."""
    random = np.random.default_rng(3)
    now = int(time.time())
    with Publisher(load(stack.environ, stack.folder).kafka) as publisher:
        for place in (PLACE, *OTHERS):
            for number, back in enumerate(np.sort(random.uniform(0, HISTORY_DAYS * 86_400, HISTORY_DAYS * 12))):
                name = (place, number)
                raw = event(
                    name, "appeal_received", at=int(now - back) * 1000, place=place, author=hex32(("author", name)),
                    page=PAGE if place == PLACE else f"vk:9{place}",
                )  # fmt: skip
                publisher.publish(EVENTS, place, raw)


def firing(stack: Machine) -> list[dict[str, str]]:
    """Labels of the instances that the rule of municipalities fires."""
    rule = next(each for each in RULES if each.uid == "gospulse-spike-place")
    with clickhouse(load(stack.environ, stack.folder).clickhouse) as client:
        answer = asking(client)(rule.sql)
    no_data: Any = rule.no_data
    found = evaluate(Instances(), answer, no_data=no_data, missing_evaluations=MISSING_EVALUATIONS)
    return [dict(labels) for labels in found.firing]


def iso(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat()


@pytest.mark.timeout(900)
def test_extra_messages_fire_the_alert_within_an_evaluation_and_a_link_dismisses_it(stack: Machine) -> None:
    secret = read_sources(sources_file(stack.data / "sources", "vk"))[str(GROUP)].secrets[0]
    first = int(time.time())
    for number in range(25):
        said = message(citizen=(1 << 42) + number, cmid=number + 1, date=first + number)
        assert post(stack, body("message_new", said, secret=secret, event_id=f"extra-{number}")) == 200
    until(lambda: is_folded(stack), "the extra messages are folded")
    # The moment before the first message is ordinary; the next one of the grid holds them all.
    before = first // STEP_S * STEP_S
    moment = (first + 25) // STEP_S * STEP_S + STEP_S
    assert "0 episodes" in stack.run("spikes", "run", "--once", "--at", iso(before))
    assert firing(stack) == []
    said_by_detector = stack.run("spikes", "run", "--once", "--at", iso(moment))
    (alert,) = firing(stack)
    assert alert["code"] == PLACE and moment - first <= 2 * STEP_S
    assert alert["spike"] in said_by_detector
    # The same evaluation again is the same alert, with the same links.
    stack.run("spikes", "run", "--once", "--at", iso(moment))
    assert firing(stack) == [alert]

    stack.environ["GOSPULSE_SPIKES"] = "true"
    assert "links in alerts are answered at 127.0.0.1:" in stack.run("up")
    assert "spike-links" in stack.processes() and "detector" in stack.processes()
    port = stack.environ["GOSPULSE_SPIKES_LINKS_PORT"]
    link = re.sub(f"^{PUBLIC}", f"http://127.0.0.1:{port}", alert["dismiss"])
    with urllib.request.urlopen(link, timeout=120) as page:
        assert "Отклонить" in page.read().decode()
    assert firing(stack) == [alert], "opening a link decides nothing"
    with urllib.request.urlopen(urllib.request.Request(link, method="POST"), timeout=120) as page:
        assert page.status == 200
    assert firing(stack) == []
    stack.environ["GOSPULSE_SPIKES_LINKS_URL"] = ""
    assert "no longer wanted" in stack.run("up")
    assert "spike-links" not in stack.processes()
