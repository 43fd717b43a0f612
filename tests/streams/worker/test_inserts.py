"""Inserts: frames reach a real engine's tables, split where they touch too many partitions."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from schemas.connections import ClickHouseConnection, Secret
from streams.bookkeeping.progress import Progress, folded_offsets, live_workers, progress_frame
from streams.clients import SinkState
from streams.fold.events import EventFold
from streams.fold.rows import TABLES, frame
from streams.worker.inserts import CELLS, MAX_PARTITIONS, inserts
from streams.worker.sink import Sink, StoppedError
from tests.servers.ports import free_port
from tests.stack.builders.folding import until
from tests.streams.builders.records import batch, definition, event

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)


def _cells(hours: list[datetime]) -> pl.DataFrame:
    count = len(hours)
    flat: dict[str, Any] = {"hour": hours, "page": ["vk:1"] * count, "place": ["45382000"] * count}
    numbers = {name: [1] * count for name in TABLES["page_hour"] if name not in flat}
    return frame("page_hour", flat | numbers)


def test_a_flush_over_many_months_is_split_below_the_limit_of_partitions() -> None:
    months = [datetime(1990 + number // 12, 1 + number % 12, 1, tzinfo=UTC) for number in range(200)]
    made = list(inserts("page_hour", _cells(months * 3), 1))
    assert len(made) == 3
    assert sum(insert.rows for insert in made) == 600
    for insert in made:
        hours = pl.read_ipc_stream(insert.body)["hour"]
        assert hours.dt.truncate("1mo").n_unique() <= MAX_PARTITIONS


def test_a_flush_of_one_month_is_one_insert() -> None:
    made = list(inserts("page_hour", _cells([MIDNIGHT + timedelta(hours=hour) for hour in range(500)]), 1))
    assert [insert.rows for insert in made] == [500]


async def test_counters_of_any_size_arrive(tables: ClickHouseConnection) -> None:
    cells = _cells([MIDNIGHT + timedelta(hours=hour) for hour in range(3)])
    counted = {"comment_added": [0, 0, 0], "vote_added": [1, 0, 255], "reaction_added": [0, 300, 2**33]}
    sink = Sink(tables)
    columns = [pl.Series(kind, numbers, pl.UInt64) for kind, numbers in counted.items()]
    await sink.write(list(inserts("page_hour", cells.with_columns(columns), 1)))
    sql = f"SELECT {', '.join(counted)}, service_used FROM gospulse_data.page_hour_g1 ORDER BY hour"
    found = await sink.ask(lambda client: client.query(sql).result_rows)
    sink.close()
    assert found == [(0, 1, 0, 1), (0, 0, 300, 1), (0, 255, 2**33, 1)]


async def test_rows_of_every_table_arrive_as_they_were_folded(tables: ClickHouseConnection) -> None:
    fold = EventFold(7, 2, 0, definition())
    kinds = ("appeal_received", "appeal_answered", "appeal_closed", "reaction_added")
    fold.fold(batch([event(kind, kind, thread=None, topic="housing.heating") for kind in kinds] + [b"rubbish"]))
    rows = fold.flush()
    assert rows is not None
    sink = Sink(tables)
    # An insert of many years of months, which one statement could not hold, goes in as well.
    old = _cells([datetime(1990 + number // 12, 1 + number % 12, 1, tzinfo=UTC) for number in range(200)])
    await sink.write([one for table, cells in rows.tables.items() for one in inserts(table, cells, 1)])
    await sink.write(list(inserts("page_hour", old, 1)))
    found = await sink.ask(
        lambda client: [
            client.query(sql).result_rows
            for sql in (
                "SELECT first.log, first.part, first.off, first.topic, first.page, first.thread "
                "FROM gospulse_data.appeals_g1",
                "SELECT first.off, first.kind FROM gospulse_data.answers_g1",
                "SELECT first.off, first.kind FROM gospulse_data.appeal_changes_g1",
                "SELECT sum(appeal_received), sum(reaction_added) FROM gospulse_data.page_hour_g1 WHERE log = 7",
                "SELECT uniqCombined64Merge(people) FROM gospulse_data.people_day_g1",
                "SELECT log, part, off, stage FROM gospulse_data.rejected_g1",
                "SELECT source, latest.off FROM gospulse_data.sources_g1",
                "SELECT count() FROM gospulse_data.page_hour_g1 WHERE log = 1",
            )
        ]
    )
    sink.close()
    assert found == [
        [(7, 2, 0, "housing.heating", "vk:1", None)],
        [(1, "appeal_answered")],
        [(2, "appeal_closed")],
        [(1, 1)],
        [(1,)],
        [(7, 2, 4, "fold")],
        [("test", 3)],
        [(200,)],
    ]
    assert set(rows.tables) - {"touched"} <= set(CELLS)


async def test_progress_never_falls_and_tells_who_lives(tables: ClickHouseConnection) -> None:
    sink = Sink(tables)
    now = int(datetime.now(UTC).timestamp() * 1000)

    def row(worker: str, part: int, folded: int, heartbeat: int) -> Progress:
        return Progress(log=1, part=part, folded=folded, complete=5, heartbeat=heartbeat, end=folded, worker=worker)

    rows = [row("a", 0, 90, now), row("b", 1, 50, now), row("c", 2, 10, now - 60_000)]
    for written in (rows, [row("z", 0, 40, now - 120_000)]):
        await sink.write(list(inserts("progress", progress_frame(written), 1)))
    assert await sink.ask(lambda client: folded_offsets(client, 1)) == {(1, 0): 90, (1, 1): 50, (1, 2): 10}
    assert await sink.ask(lambda client: live_workers(client, 1)) == 2
    sink.close()


async def test_a_table_that_is_missing_is_refused_once_in_the_log_and_tried_until_it_is_there(
    tables: ClickHouseConnection, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.worker.sink.REFUSED_PAUSE_S", 0.05)
    caplog.set_level("INFO", "streams.worker.sink")
    sink = Sink(tables)
    cells: dict[str, object] = {key: [1] for key in ("log", "part", "off", "size")} | {"appended": [MIDNIGHT]}
    cells |= {key: ["x"] for key in ("stage", "field", "reason", "source", "origin")}
    writing = asyncio.ensure_future(sink.write(list(inserts("rejected", frame("rejected", cells), 2))))
    await _failures(sink, 3)
    assert sink.state is SinkState.REFUSED
    await sink.ask(lambda client: client.command("CREATE TABLE gospulse_data.rejected_g2 AS gospulse_data.rejected_g1"))
    await writing
    assert (sink.state, sink.rows) == (SinkState.GOOD, 1)
    assert [record.levelname for record in caplog.records if record.name == "streams.worker.sink"] == ["ERROR", "INFO"]
    sink.close()


async def test_a_worker_that_ends_gives_up_what_nobody_takes() -> None:
    nowhere = ClickHouseConnection(host="127.0.0.1", port=free_port(), username="nobody", password=Secret("x"))
    sink = Sink(nowhere)
    rows = [Progress(log=1, part=0, folded=1, complete=0, heartbeat=0, end=1, worker="a")]
    writing = asyncio.ensure_future(sink.write(list(inserts("progress", progress_frame(rows), 1))))
    await _failures(sink, 1)
    assert sink.state is SinkState.AWAY
    sink.stop()
    with pytest.raises(StoppedError):
        await writing
    sink.close()


def test_every_column_has_its_place_in_a_table() -> None:
    for table in (*TABLES, "progress"):
        empty = progress_frame([]) if table == "progress" else frame(table, {name: [] for name in TABLES[table]})
        (made,) = inserts(table, empty, 1)
        assert made.statement.startswith(f"INSERT INTO gospulse_data.{table}_g1 (")


async def _failures(sink: Sink, count: int) -> None:
    await asyncio.to_thread(until, lambda: sink.failures >= count, "attempts that fail")
