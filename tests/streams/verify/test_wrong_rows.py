"""The verifier on real parts: green where the rows are what the log says, red wherever one of them is not."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from schemas.connections import KafkaConnection
from schemas.contract.events import Event, encode_event
from streams.bookkeeping.offsets import KafkaOffsets
from streams.definition import Stamp
from streams.positions import TopicPartition
from streams.refresh.refresher import Refresher
from streams.verify.report import Report
from streams.verify.stored.facts import FACT_KEY
from tests.streams.builders.folded_log import START_MS, FoldedLog
from tests.streams.builders.tamperings import TAMPERINGS
from tests.streams.builders.verify_bench import Bench


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
    assert bench.verify(folded).rollups_behind == ["place_hour", "place_day", "page_day", "share_day", "lives"]
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


@pytest.mark.long
def test_tables_for_reading_are_compared_with_what_they_are_made_of(bench: Bench, folded: FoldedLog) -> None:
    Refresher(bench.client, folded.generation).drain()
    tables = {
        "region_hour": "appeals + 1 AS appeals, version + 1 AS version",
        "place_5min": "appeals + 1 AS appeals, version + 1 AS version",
        "network_day": "appeals + 1 AS appeals, version + 1 AS version",
        "totals": "appeals + 1 AS appeals, version + 1 AS version",
        "share_day": "'nobody' AS numerator_source, version + 1 AS version",
        "share_region_day": "denominator + 1 AS denominator, version + 1 AS version",
        "appeal_rows": "'00000000' AS place",
        "answer_month": "answered + 1 AS answered, version + 1 AS version",
        "page_spans": "'vk:nobody' AS page",
        "people_unions": "'max' AS network",
        "page_levels": "'ok:nobody' AS page",
    }
    compared = bench.verify(folded).findings
    assert compared.kept == []
    for table in tables:
        assert compared.compared.get(table, 0) > 0, table
    for table, change in tables.items():
        name = f"gospulse_data.{table}_g{folded.generation}"
        bench.client.command(f"INSERT INTO {name} SELECT * REPLACE ({change}) FROM {name} LIMIT 1")
    assert set(bench.verify(folded).findings.differences) == set(tables)


@pytest.mark.long
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
    assert waiting.rollups_behind == ["place_day", "page_day", "share_day"]
    monkeypatch.setattr(
        "streams.verify.compare.behind.FORGOTTEN_AFTER_S", {"place_day": 0, "page_day": 0, "share_day": 0}
    )
    forgotten = bench.verify(folded)
    assert forgotten.rollups_behind == []
    assert {"place_day", "page_day", "share_day"} <= set(forgotten.findings.differences)


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


@pytest.mark.long
def test_processes_side_by_side_find_the_same(bench: Bench, folded: FoldedLog, monkeypatch: pytest.MonkeyPatch) -> None:
    one = bench.verify(folded)
    monkeypatch.setattr("streams.verify.run.ONE_PROCESS_BELOW", 0)
    two = bench.verify(folded, processes=2)
    # Limits of age go by the clock, and a minute may end between the two.
    assert replace(two, kept_from=one.kept_from) == one


def test_an_appeal_with_a_corrected_date_is_one_appeal(bench: Bench, kafka: KafkaConnection) -> None:
    log = bench.other_log(kafka)
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
