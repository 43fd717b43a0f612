"""What the verifier cannot judge or may not miss: rows under way, stopped partitions, retention, a lost log."""

from __future__ import annotations

import json
import random
import time

import pytest

from schemas.clickhouse.retention import retention_statements
from schemas.clickhouse.sql_files import Rendering, Retention
from schemas.connections import KafkaConnection
from streams.bookkeeping.decisions import SKIP_GAP, decisions, record, undo
from streams.bookkeeping.offsets import KafkaOffsets
from streams.positions import Partition, TopicPartition
from streams.refresh.refresher import Refresher
from tests.streams.builders.folded_log import START_MS, some_events, some_readings
from tests.streams.builders.verify_bench import EVENTS, Bench

#: How far back the old records of the retention's test lie.
LONG_AGO_DAYS = 400


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


def test_a_log_whose_start_is_gone(bench: Bench, kafka: KafkaConnection) -> None:
    """What the log no longer holds is said and not judged; what it holds is, as far as the window allows."""
    log = bench.other_log(kafka)
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
    log = bench.other_log(kafka)
    log.send("events", 0, some_events(random.Random(4), 100))
    log.fold()
    progress = f"gospulse_data.progress_g{log.generation}"
    bench.client.command(f"INSERT INTO {progress} SELECT * REPLACE (150 AS folded) FROM {progress} WHERE part = 0")
    report = bench.verify(log)
    assert "log" in report.findings.differences
    assert "lost records" in next(d.stored for d in report.findings.kept if d.table == "log")


@pytest.mark.long
def test_rows_that_retention_deleted_are_no_difference(bench: Bench, kafka: KafkaConnection) -> None:
    """Rows older than their tables keep them are gone, and the report says so; a younger one that is gone is missed."""
    log = bench.other_log(kafka)
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


def _long_ago(value: bytes, *times: str) -> bytes:
    """The same record, but every second one told of times long ago."""
    try:
        record = json.loads(value)
    except ValueError:
        return value
    if "id" not in record or int(record["id"][-1], 16) % 2:
        return value
    return json.dumps(record | {name: record[name] - LONG_AGO_DAYS * 86_400_000 for name in times}).encode()


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
