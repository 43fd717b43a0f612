"""The verifier on real parts: green where the rows are what the log says, red wherever one of them is not."""

from __future__ import annotations

import itertools
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from msgspec.structs import replace

from deploy.clickhouse.client import clickhouse as open_clickhouse
from schemas.clickhouse.retention import retention_statements
from schemas.clickhouse.sql_files import Rendering, Retention
from schemas.connections import ClickHouseConnection, KafkaConnection
from schemas.contract.events import Event, encode_event
from streams.bookkeeping.decisions import SKIP_GAP, decisions, record, undo
from streams.bookkeeping.offsets import KafkaOffsets
from streams.definition import Stamp, encode_definition
from streams.fold.batch import Batch
from streams.positions import Partition, TopicPartition
from streams.refresh.refresher import Refresher
from streams.verify.recount.rules import parse_rules
from streams.verify.report import Report
from streams.verify.run import VerifyConfig, verify
from streams.verify.stored.facts import FACT_KEY
from tests.conftest import ClickHouseServer
from tests.streams.builders.folded_log import START_MS, FoldedLog, some_events, some_readings, some_rejections
from tests.streams.builders.tamperings import TAMPERINGS

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
        self._read: dict[tuple[str, int, int], Batch] = {}

    def generation(self, **definition: object) -> FoldedLog:
        """A new generation of the same log; nothing is folded yet."""
        return FoldedLog(self.kafka, self.client, next(_generations), self._read, **definition)

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
                rollup_patience_s=0,
            )
        )


@pytest.fixture(scope="module")
def bench(
    kafka_bootstrap: str, clickhouse_server: ClickHouseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    rng = random.Random(20261001)
    kafka = KafkaConnection(bootstrap=(kafka_bootstrap,), topic_prefix=f"verify-{rng.getrandbits(32)}.")
    clickhouse_server.prepare()
    with open_clickhouse(clickhouse_server.connection) as client:
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
    for table in (*FACT_KEY, "page_hour", "people_day", "readings", "rejected", "touched", "sources"):
        assert report.findings.compared[table] > 0
    assert not report.findings.bracketed
    assert report.repeats.dropped_by_window > 0
    assert report.repeats.counted_again_engagement > 0
    assert report.reconciliation is not None
    assert report.reconciliation.difference == report.reconciliation.explained > 0


@pytest.fixture(scope="module")
def tampered(bench: Bench) -> Report:
    """The report on a generation that was tampered with in every way."""
    log = bench.generation()
    log.fold()
    names = ("page_hour", *FACT_KEY, "people_day", "readings", "rejected", "touched", "sources", "fact_hours")
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
    assert differences["appeals"] == 4
    assert differences["messages"] == 1
    assert differences["posts"] == 1
    assert differences["post_removals"] == 1
    assert differences["fact_hours"] == 2
    assert differences["answers"] == 1
    assert differences["appeal_changes"] == 1
    assert differences["people_day"] == 2
    assert differences["readings"] == 2
    assert differences["touched"] == 2
    assert differences["sources"] == 2
    assert tampered.findings.compared["appeals"] > 50


def test_rollups_are_compared_with_the_cells(bench: Bench, folded: FoldedLog) -> None:
    assert bench.verify(folded).rollups_behind == ["place_hour", "place_day", "page_day", "lives"]
    Refresher(bench.client, folded.generation).drain()
    report = bench.verify(folded)
    assert report.findings.kept == []
    assert report.rollups_behind == []
    for derived in ("place_hour", "place_day", "page_day", "lives", "matches"):
        assert report.findings.compared[derived] > 3
    for rollup in ("place_hour", "place_day", "page_day"):
        table = f"gospulse_data.{rollup}_g{folded.generation}"
        bench.client.command(
            f"INSERT INTO {table} SELECT * REPLACE (appeals + 3 AS appeals, version + 1 AS version)"
            f" FROM {table} LIMIT 1"
        )
    answers = f"gospulse_data.answers_g{folded.generation}"
    lives, matches = (f"gospulse_data.{name}_g{folded.generation}" for name in ("lives", "matches"))
    bench.client.command(
        f"INSERT INTO {lives} SELECT appeal, tuple(max(life).version + 1, max(life).received_at, 'closed', NULL, NULL,"
        " toDateTime64(1e9, 3, 'UTC'), NULL, NULL, NULL, NULL, NULL)"
        f" FROM {lives} GROUP BY appeal ORDER BY appeal LIMIT 1"
    )
    bench.client.command(f"INSERT INTO {matches} SELECT min(id), tuple(1, repeat('0', 32)) FROM {answers}")
    bench.client.command(f"INSERT INTO {matches} SELECT repeat('0', 32), tuple(1, repeat('1', 32))")
    tampered = bench.verify(folded)
    # What is made of a wrong table differs from it, too.
    made_of = {"region_hour": 1, "network_day": 1, "appeal_rows": 1}
    wrong = {"place_hour": 1, "place_day": 1, "page_day": 1, "lives": 1, "matches": 2}
    assert tampered.findings.differences == wrong | made_of
    assert any("state=closed" in difference.stored for difference in tampered.findings.kept)
    assert "+3 appeals" in tampered.findings.kept[0].stored


def test_tables_for_reading_are_compared_with_what_they_are_made_of(bench: Bench, folded: FoldedLog) -> None:
    Refresher(bench.client, folded.generation).drain()
    tables = {
        "region_hour": "appeals + 1 AS appeals, version + 1 AS version",
        "network_day": "appeals + 1 AS appeals, version + 1 AS version",
        "appeal_rows": "'00000000' AS place, version + 1 AS version",
        "page_spans": "'vk:nobody' AS page",
        "people_unions": "'max' AS network",
        "page_levels": "'ok:nobody' AS page",
    }
    compared = bench.verify(folded).findings
    assert compared.kept == []
    for table in (*tables, "totals"):
        assert compared.compared.get(table, 0) > 0 or table in ("totals", "page_levels"), table
    for table, change in tables.items():
        name = f"gospulse_data.{table}_g{folded.generation}"
        bench.client.command(f"INSERT INTO {name} SELECT * REPLACE ({change}) FROM {name} LIMIT 1")
    wrong = bench.verify(folded).findings.differences
    expected = {table for table in tables if table not in ("page_spans", "page_levels")}
    assert expected <= set(wrong) <= set(tables)


def test_a_day_that_the_refresher_forgot_is_red(
    bench: Bench, folded: FoldedLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its head counts fewer hours than there are, and the refresher does nothing more."""
    Refresher(bench.client, folded.generation).drain()
    heads = f"gospulse_data.refreshed_g{folded.generation}"
    bench.client.command(
        f"INSERT INTO {heads} SELECT * REPLACE (version + 1 AS version) FROM {heads} WHERE rollup = 'place_hour'"
        " ORDER BY period DESC LIMIT 1"
    )
    touched = f"gospulse_data.touched_g{folded.generation}"
    bench.client.command(
        f"INSERT INTO {touched} SELECT * REPLACE (high + 1 AS high) FROM {touched}"
        " ORDER BY hour DESC, high DESC LIMIT 1"
    )
    waiting = bench.verify(folded)
    assert waiting.rollups_behind == ["place_day", "page_day"]
    monkeypatch.setattr("streams.verify.compare.behind.FORGOTTEN_AFTER_S", {"place_day": 0, "page_day": 0})
    forgotten = bench.verify(folded)
    assert forgotten.rollups_behind == []
    assert {"place_day", "page_day"} <= set(forgotten.findings.differences)


def test_rows_under_way_are_held_between_bounds(bench: Bench) -> None:
    """A partition that lags, and rows that were written and not acknowledged: green, and counted as in bounds."""
    log = bench.generation()
    log.fold(ends={TopicPartition("events", 0): 200, TopicPartition("readings", 0): 50})
    lagging = bench.verify(log)
    assert lagging.findings.kept == []
    assert not lagging.quiet
    assert lagging.reconciliation is None
    assert lagging.findings.bracketed["page_hour"] > 0
    log.fold(ends={TopicPartition("events", 0): 300}, tell=False)
    ahead = bench.verify(log)
    assert ahead.findings.kept == []
    table = f"gospulse_data.page_hour_g{log.generation}"
    bench.client.command(
        f"INSERT INTO {table} SELECT * REPLACE (comment_added + 1 AS comment_added) FROM {table} WHERE chunk = 4"
    )
    assert set(bench.verify(log).findings.differences) == {"page_hour"}


def test_rows_that_nobody_wrote_are_missed(bench: Bench) -> None:
    """Progress and the commit say that everything is written: the control of a worker that forgets the rewind."""
    log = bench.generation()
    log.fold(ends={TopicPartition("events", 0): 100})
    progress = f"gospulse_data.progress_g{log.generation}"
    bench.client.command(f"INSERT INTO {progress} SELECT * REPLACE (400 AS folded) FROM {progress} WHERE log = 1")
    with KafkaOffsets(log.kafka) as offsets:
        offsets.commit(
            log.kafka.group(log.generation), {TopicPartition("events", 0): 400, TopicPartition("events", 1): 500}
        )
    report = bench.verify(log)
    assert {"page_hour", "appeals", "answers", "rejected", "commits"} <= set(report.findings.differences)
    assert [d.where for d in report.findings.kept if d.table == "commits"] == ["events partition 1"]


def test_a_worker_without_the_rewind_is_noticed(bench: Bench) -> None:
    """It goes on where the rows end, in the middle of a chunk, whose cells are then those of its larger part."""
    log = bench.generation()
    chunk = log.definition.chunk
    log.fold(ends={TopicPartition("events", 0): chunk + chunk // 2})
    log.without("events", 0, range(chunk, chunk + chunk // 2)).fold()
    report = bench.verify(log)
    assert {"page_hour"} <= set(report.findings.differences) <= {"page_hour", "people_day"}
    assert all("chunk 1" in d.where for d in report.findings.kept if d.table == "page_hour")


def test_the_definition_is_honoured(bench: Bench) -> None:
    """Stamps, excluded loads and mended origins: green against the same definition, red against a plain one."""
    stamp = Stamp("vk:1", START_MS, START_MS + 3_600_000, "98646000")
    later = Stamp("vk:1", START_MS + 3_600_000, START_MS + 7_200_000, "la:cd-4")
    log = bench.generation(stamps=(stamp, later), excluded_loads=("load-0",), mended=((1, 0, 5), (1, 1, 70)))
    log.fold()
    assert bench.verify(log).findings.kept == []
    log.definition = replace(log.definition, stamps=(), excluded_loads=(), mended=())
    assert {"page_hour", "appeals", "people_day", "rejected", "readings"} <= set(bench.verify(log).findings.differences)


def test_processes_side_by_side_find_the_same(bench: Bench, folded: FoldedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    one = bench.verify(folded)
    monkeypatch.setattr("streams.verify.run.ONE_PROCESS_BELOW", 0)
    two = bench.verify(folded, processes=2)
    assert two == one


def test_a_log_whose_start_is_gone(bench: Bench, kafka: KafkaConnection) -> None:
    """What the log no longer holds is said and not judged; what it holds is, as far as the window allows."""
    log = FoldedLog(kafka, bench.client, next(_generations))
    rng = random.Random(3)
    log.send("events", 0, some_events(rng, 400))
    log.send("readings", 0, some_readings(rng, 100))
    log.fold()
    with KafkaOffsets(kafka) as offsets:
        offsets.delete_before({TopicPartition("events", 0): 192, TopicPartition("readings", 0): 30})
    report = bench.verify(log)
    assert report.findings.kept == []
    assert report.findings.gone["appeals"] > 0
    assert report.findings.bracketed["page_hour"] > 0
    assert report.findings.compared["page_hour"] > 0
    assert {p.judged_from for p in report.partitions if p.part == 0} == {192, 30, 0}
    table = f"gospulse_data.page_hour_g{log.generation}"
    bench.client.command(
        f"ALTER TABLE {table} DELETE WHERE log = {log.logs['events']} AND chunk = 5", settings={"mutations_sync": 2}
    )
    assert set(bench.verify(log).findings.differences) == {"page_hour"}


def test_a_log_that_lost_records_is_red(bench: Bench, kafka: KafkaConnection) -> None:
    log = FoldedLog(kafka, bench.client, next(_generations))
    log.send("events", 0, some_events(random.Random(4), 100))
    log.fold()
    progress = f"gospulse_data.progress_g{log.generation}"
    bench.client.command(f"INSERT INTO {progress} SELECT * REPLACE (150 AS folded) FROM {progress} WHERE part = 0")
    report = bench.verify(log)
    assert "log" in report.findings.differences
    assert "lost records" in next(d.stored for d in report.findings.kept if d.table == "log")


def test_what_retention_let_go_is_not_missed(bench: Bench, kafka: KafkaConnection) -> None:
    """Rows older than their tables keep them are gone, and the report says so; a younger one that is gone is missed."""
    log = FoldedLog(kafka, bench.client, next(_generations))
    rng = random.Random(6)
    log.send("events", 0, [_long_ago(value, "at") for value in some_events(rng, 300)])
    log.send("readings", 0, [_long_ago(value, "period_from", "period_to") for value in some_readings(rng, 60)])
    log.fold()
    Refresher(bench.client, log.generation).drain()
    assert bench.verify(log).findings.kept == []
    # Between what lies long ago and the rest, whatever the date of the test; and no rejection is kept at all.
    days = int(time.time() - START_MS / 1000) // 86_400 + LONG_AGO_DAYS // 2
    rendering = Rendering(
        retention=Retention(
            **dict.fromkeys(("appeals", "answers", "appeal_changes", "page_hour", "people_day", "readings"), days),
            rejected=0,
        )
    )
    for statement in retention_statements(bench.client, rendering):
        if f"_g{log.generation} " in statement:
            bench.client.command(statement, settings={"mutations_sync": 2})
    tables = ("page_hour", "appeals", "answers", "appeal_changes", "people_day", "readings", "rejected")
    for table in tables:
        bench.client.command(f"OPTIMIZE TABLE gospulse_data.{table}_g{log.generation} FINAL")
    report = bench.verify(log)
    assert report.findings.kept == []
    assert report.rollups_behind == []
    assert set(report.findings.expired) == {*tables, "touched", "messages", "fact_hours"}
    assert set(tables) <= set(report.kept_from)
    assert report.reconciliation is None
    for table in ("page_hour", "appeals", "people_day", "readings", "place_hour", "page_day"):
        assert report.findings.compared[table] > 0
    for table in ("page_hour", "people_day", "appeals"):
        first = f"FROM gospulse_data.{table}_g{log.generation}"
        column = {"page_hour": "hour", "appeals": "tupleElement(first, 'at')"}.get(table, "day")
        where = f"{column} = (SELECT max({column})"
        bench.client.command(f"DELETE {first} WHERE {where} {first})", settings={"mutations_sync": 2})
    assert {"page_hour", "people_day", "appeals"} <= set(bench.verify(log).findings.differences)


LONG_AGO_DAYS = 400


def _long_ago(value: bytes, *times: str) -> bytes:
    """The same record, but every second one told of times long ago."""
    try:
        record = json.loads(value)
    except ValueError:
        return value
    if "id" not in record or int(record["id"][-1], 16) % 2:
        return value
    return json.dumps(record | {name: record[name] - LONG_AGO_DAYS * 86_400_000 for name in times}).encode()


def test_an_appeal_with_a_corrected_date_is_one_appeal(bench: Bench, kafka: KafkaConnection) -> None:
    log = FoldedLog(kafka, bench.client, next(_generations))
    appeal = Event(
        v=1,
        id="0" * 31 + "1",
        kind="appeal_received",
        at=START_MS,
        source="test",
        place="75701000",
        channel="vk",
        entrance="public_page",
        appeal="a" * 32,
    )
    other_day = replace(appeal, id="0" * 31 + "2", at=START_MS - 86_400_000)
    log.send("events", 0, [encode_event(appeal), encode_event(other_day), encode_event(appeal)])
    log.fold()
    report = bench.verify(log)
    assert report.green
    assert report.appeals_in_several_hours == 1
    assert report.facts["appeals"] == 1
    assert report.repeats.fact_copies["appeals"] == 2
    assert report.repeats.dropped_by_window == 1


def test_a_stopped_partition_is_not_green(bench: Bench) -> None:
    """Every row is right, but nobody counts what the partition holds beyond them."""
    log = bench.generation()
    log.fold(ends={TopicPartition("events", 0): 100})
    assert bench.verify(log).green
    progress = f"gospulse_data.progress_g{log.generation}"
    bench.client.command(
        f"INSERT INTO {progress} (log, part, folded, latest) "
        f"SELECT log, part, 100, tuple(now64(3) + 60, {EVENTS}, 'worker-1', 'Records were lost.') "
        f"FROM {progress} WHERE log = 1 AND part = 0 LIMIT 1"
    )
    report = bench.verify(log)
    assert (report.findings.kept, report.green) == ([], False)
    assert report.unjudged == [f"events partition 0 is stopped; {EVENTS - 100} offsets wait. Records were lost."]


def test_records_that_were_given_up_are_not_green(bench: Bench) -> None:
    log = bench.generation()
    resumed = log.definition.chunk + 10
    log.floors["events", 0] = resumed
    log.fold()
    record(
        bench.client, SKIP_GAP, generation=log.generation, log=1, part=0, offset=resumed, detail="", facts={"folded": 0}
    )
    report = bench.verify(log)
    assert (report.findings.kept, report.green) == ([], False)
    (sentence,) = report.unjudged
    assert sentence.startswith(f"events partition 0 goes on at offset {resumed} by decision: nothing before it")
    (decision,) = decisions(bench.client, log.generation)[Partition(1, 0)]
    undo(bench.client, decision, generation=log.generation, partition=Partition(1, 0), why="")
    # Now everything should be there, and it is not.
    undone = bench.verify(log)
    assert undone.unjudged == []
    assert undone.findings.differences["page_hour"] > 0
