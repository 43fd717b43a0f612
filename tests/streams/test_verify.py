"""The verifier on real parts: green where the rows are what the log says, red wherever one of them is not."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from kafka import KafkaAdminClient, TopicPartition

from deploy.clickhouse_client import clickhouse as open_clickhouse
from schemas.connections import ClickHouseConnection, KafkaConnection
from schemas.events import Event, encode_event
from schemas.migrate import migrate
from schemas.sql_files import Rendering
from streams.generation import Stamp, current_definition, encode_definition
from streams.offsets import KafkaOffsets
from streams.verify.report import Report
from streams.verify.rules import parse_rules
from streams.verify.run import VerifyConfig, verify
from tests.conftest import ClickHouseServer
from tests.streams.folded_log import START_MS, FoldedLog, some_events, some_readings, some_rejections

EVENTS = 400
LIMIT = 200
_generations = itertools.count(100)


class Bench:
    """One log of a thousand records, folded into as many generations as tests ask for."""

    def __init__(self, kafka: KafkaConnection, server: ClickHouseServer, client: Client, scratch: Path) -> None:
        self.kafka = kafka
        self.clickhouse: ClickHouseConnection = server.connection
        self.client = client
        self._scratch = scratch

    def generation(self, **definition: object) -> FoldedLog:
        """A new generation of the same log; nothing is folded yet."""
        return FoldedLog(self.kafka, self.client, next(_generations), **definition)

    def verify(self, log: FoldedLog, processes: int = 1) -> Report:
        """Verify a generation."""
        scratch = self._scratch / f"{next(_generations)}"
        scratch.mkdir()
        rules = parse_rules(encode_definition(log.definition))
        return verify(
            VerifyConfig(
                kafka=log.kafka,
                clickhouse=self.clickhouse,
                rules=rules,
                scratch=scratch,
                processes=processes,
                limit=LIMIT,
            )
        )


@pytest.fixture(scope="module")
def bench(
    kafka_bootstrap: str, clickhouse_server: ClickHouseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    rng = random.Random(20261001)
    kafka = KafkaConnection(bootstrap=(kafka_bootstrap,), topic_prefix=f"verify-{rng.getrandbits(32)}.")
    with open_clickhouse(clickhouse_server.connection) as client:
        for database in ("gospulse", "gospulse_data"):
            client.command(f"DROP DATABASE IF EXISTS {database} SYNC")
        migrate(client, Rendering(), encode_definition(current_definition(1)))
        bench = Bench(kafka, clickhouse_server, client, tmp_path_factory.mktemp("verify"))
        log = bench.generation()
        for part in (0, 1):
            log.send("events", part, some_events(rng, EVENTS))
        log.send("readings", 0, some_readings(rng, 100))
        log.send("rejected", 0, some_rejections(3))
        yield bench


@pytest.fixture
def folded(bench: Bench) -> FoldedLog:
    log = bench.generation()
    log.fold()
    return log


def test_rows_of_the_fold_are_green(bench: Bench, folded: FoldedLog) -> None:
    report = bench.verify(folded)
    assert report.findings.kept == []
    assert report.green
    assert report.quiet
    for table in ("appeals", "answers", "appeal_changes", "page_hour", "people_day", "readings", "rejected"):
        assert report.findings.compared[table] > 0
    assert not report.findings.bracketed
    assert report.repeats.dropped_by_window > 0
    assert report.repeats.counted_again_engagement > 0
    assert report.reconciliation is not None
    assert report.reconciliation.difference == report.reconciliation.explained > 0


#: What is done to the rows -> (table, statement, part of the difference that names it).
TAMPERINGS = {
    "a chunk is missing": (
        "page_hour",
        "ALTER TABLE {page_hour} DELETE WHERE part = 1 AND chunk = 2",
        "partition 1 chunk 2: ",
    ),
    "a chunk is doubled": (
        "page_hour",
        "INSERT INTO {page_hour} SELECT * REPLACE (chunk + 1 AS chunk) FROM {page_hour} WHERE part = 0 AND chunk = 4",
        "partition 0 chunk 4: ",
    ),
    "the last, partial chunk is too high": (
        "page_hour",
        "INSERT INTO {page_hour} SELECT * REPLACE (comment_added + 1 AS comment_added) FROM {page_hour}"
        " WHERE part = 1 AND chunk = 6",
        "partition 1 chunk 6: ",
    ),
    "counts stand beyond the log": (
        "page_hour",
        "INSERT INTO {page_hour} SELECT * REPLACE (chunk + 100 AS chunk) FROM {page_hour} WHERE chunk = 100 LIMIT 1",
        "chunk 100: ",
    ),
    "a count stands in another place": (
        "page_hour",
        "INSERT INTO {page_hour} SELECT * REPLACE ('75000000' AS place) FROM {page_hour} WHERE chunk = 1 LIMIT 1",
        "75000000",
    ),
    "a count stands in another partition": (
        "page_hour",
        "INSERT INTO {page_hour} SELECT * REPLACE (7 AS part) FROM {page_hour} WHERE chunk = 1 LIMIT 1",
        "partition 7",
    ),
    "an appeal is missing": (
        "appeals",
        "ALTER TABLE {appeals} DELETE WHERE appeal = (SELECT max(appeal) FROM {appeals})",
        "none",
    ),
    "an appeal nobody sent": (
        "appeals",
        "INSERT INTO {appeals} SELECT * REPLACE (repeat('0', 32) AS appeal) FROM {appeals} LIMIT 1",
        "0" * 32,
    ),
    "an appeal says another place": (
        "appeals",
        "INSERT INTO {appeals} (day, appeal, first) SELECT day, appeal, tuple(first.log, first.part, first.off, first.at, first.appended,"
        " first.id, first.page, '11111111', first.channel, first.entrance, first.topic, first.source, first.load,"
        " first.thread, first.author, first.responder, first.urgent, first.amount) FROM {appeals}"
        " WHERE first.place > '11111111' LIMIT 1",
        "11111111",
    ),
    "an answer is missing": ("answers", "ALTER TABLE {answers} DELETE WHERE id = (SELECT max(id) FROM {answers})", ""),
    "a change is missing": (
        "appeal_changes",
        "ALTER TABLE {appeal_changes} DELETE WHERE id = (SELECT max(id) FROM {appeal_changes})",
        "",
    ),
    "somebody more was active": (
        "people_day",
        "INSERT INTO {people_day} SELECT day, place, page, arrayReduce('uniqCombined64State', [toUInt64(987654321)])"
        " FROM {people_day} WHERE page = 'vk:1' AND place = '98701000'",
        "98701000 vk:1",
    ),
    "a day of people is missing": (
        "people_day",
        "ALTER TABLE {people_day} DELETE WHERE page = 'vk:2' AND place = '98701000'",
        "98701000 vk:2",
    ),
    "a reading is newer than the log": (
        "readings",
        "INSERT INTO {readings} SELECT metric, object, period_from, period_to, tuple(latest.observed_at + 1,"
        " latest.log, latest.part, latest.off, latest.value, latest.appended, latest.id, latest.page, latest.place,"
        " latest.channel, latest.entrance, latest.topic, latest.source, latest.load) FROM {readings} FINAL"
        " WHERE object = 'vk:1' AND metric = 'views'",
        "views of vk:1",
    ),
    "a reading is missing": (
        "readings",
        "ALTER TABLE {readings} DELETE WHERE object = 'vk:2' AND metric = 'views'",
        "views of vk:2",
    ),
    "a refusal is missing": (
        "rejected",
        "ALTER TABLE {rejected} DELETE WHERE log = 1 AND off = (SELECT min(off) FROM {rejected} WHERE log = 1)",
        "log 1 ",
    ),
    "a refusal nobody made": ("rejected", "INSERT INTO {rejected} SELECT * REPLACE (7 AS part) FROM {rejected}", "7"),
    "a refusal says something else": (
        "rejected",
        "INSERT INTO {rejected} SELECT * REPLACE ('No idea.' AS reason) FROM {rejected} WHERE log = 3 AND off = 0",
        "log 3 partition 0 offset 0",
    ),
}


@pytest.fixture(scope="module")
def tampered(bench: Bench) -> Report:
    """The report on a generation that was tampered with in every way."""
    log = bench.generation()
    log.fold()
    names = ("page_hour", "appeals", "answers", "appeal_changes", "people_day", "readings", "rejected")
    tables = {name: f"gospulse_data.{name}_g{log.generation}" for name in names}
    for _table, statement, _shown in TAMPERINGS.values():
        bench.client.command(statement.format(**tables), settings={"mutations_sync": 2})
    return bench.verify(log)


@pytest.mark.parametrize("what", TAMPERINGS)
def test_a_wrong_row_is_red(tampered: Report, what: str) -> None:
    table, _statement, shown = TAMPERINGS[what]
    assert not tampered.green
    found = [d for d in tampered.findings.kept if d.table == table]
    assert any(shown in f"{d.where} {d.recounted} {d.stored}" for d in found), found


def test_differences_are_only_where_rows_are_wrong(tampered: Report) -> None:
    """Every other row of the tables is compared and found equal."""
    differences = tampered.findings.differences
    assert differences["appeals"] == 3
    assert differences["answers"] == 1
    assert differences["appeal_changes"] == 1
    assert differences["people_day"] == 2
    assert differences["readings"] == 2
    assert tampered.findings.compared["appeals"] > 50
