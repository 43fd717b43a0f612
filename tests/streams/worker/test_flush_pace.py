"""When a worker flushes: by the second while it keeps up, in full flushes while it catches up, at once at the end."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from faust.types import TP

from schemas.connections import ClickHouseConnection, KafkaConnection, Secret
from streams.fold.events import EventFold
from streams.worker.config import WorkerConfig
from streams.worker.flush import PATIENCE, Flusher
from streams.worker.metrics import Metrics
from streams.worker.owned_partition import LogEnd, OwnedPartition
from streams.worker.ownership import Ownership
from streams.worker.start_rule import Start
from tests.streams.builders.records import batch, definition, event

TP0 = TP("x.events", 0)
CONFIG = WorkerConfig(
    kafka=KafkaConnection(bootstrap=("nowhere:1",), topic_prefix="x."),
    clickhouse=ClickHouseConnection(host="nowhere", port=1, username="", password=Secret("")),
    generation=1,
    name="w",
    data=Path(),
    flush_records=20,
    max_unflushed_records=40,
)


@pytest.fixture
def owned() -> Ownership:
    ownership = Ownership(CONFIG, Metrics())
    ownership.assigned([TP0])
    partition = ownership.partitions[TP0]
    partition.adopt(1, "id")
    start = Start(read_from=0, fold_from=0, acknowledged=0, floor=0)
    partition.begin(EventFold(1, 0, 0, definition(chunk=4, window_chunks=1)), start)
    return ownership


@pytest.fixture
def flusher(owned: Ownership) -> Flusher:
    nothing = cast(Any, None)
    return Flusher(CONFIG, owned, nothing, nothing, Metrics(), nothing)


async def _fold(owned: Ownership, count: int) -> None:
    partition = _partition(owned)
    first = partition.delivered
    delivery = owned.deliver(TP0, partition.epoch, batch([event(first + i) for i in range(count)], first))
    assert delivery is not None
    await owned.take(delivery)


def _partition(owned: Ownership) -> OwnedPartition:
    return owned.partitions[TP0]


async def test_a_worker_that_keeps_up_flushes_by_the_second(owned: Ownership, flusher: Flusher) -> None:
    _partition(owned).end = LogEnd(8, 8, 1)
    await _fold(owned, 5)
    assert not flusher._due(0.9)
    assert flusher._due(1.0)


async def test_a_backlog_is_written_in_full_flushes_and_its_end_at_once(owned: Ownership, flusher: Flusher) -> None:
    partition = _partition(owned)
    partition.end = LogEnd(50, 50, 1)
    await _fold(owned, 19)
    assert not flusher._due(1.5)
    assert flusher._due(1.0 * PATIENCE)
    await _fold(owned, 1)
    assert flusher._due(0.0)
    partition.written = 20
    assert not flusher._due(1.5)
    await _fold(owned, 19)
    partition.written = 39
    await _fold(owned, 10)
    assert not flusher._due(0.1)
    await _fold(owned, 1)
    assert flusher._due(0.1)


async def test_what_waits_in_the_queue_is_no_reason_to_flush(owned: Ownership, flusher: Flusher) -> None:
    partition = _partition(owned)
    partition.end = LogEnd(100, 100, 1)
    records = batch([event(i) for i in range(30)], 0)
    delivery = owned.deliver(TP0, partition.epoch, records)
    assert delivery is not None
    assert not flusher._due(1.5)
    await owned.take(delivery)
    assert flusher._due(0.0)


async def test_refreshing_waits_until_the_backlog_is_written(owned: Ownership, flusher: Flusher) -> None:
    partition = _partition(owned)
    partition.end = LogEnd(50, 50, 1)
    await _fold(owned, 50)
    partition.end = LogEnd(80, 80, 1)
    assert flusher._due(0.0)
    assert flusher.catching_up
    await _fold(owned, 30)
    partition.written = 80
    flusher._look_whether_caught_up(at_end=True)
    assert not flusher.catching_up
