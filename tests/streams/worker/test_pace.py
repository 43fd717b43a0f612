"""When a worker flushes: by the second while it keeps up, in full flushes while it catches up, at once at the end."""

from __future__ import annotations

from pathlib import Path

import pytest
from faust.types import TP

from schemas.connections import ClickHouseConnection, KafkaConnection, Secret
from streams.fold.events import EventFold
from streams.worker.config import WorkerConfig
from streams.worker.metrics import Metrics
from streams.worker.owned_partition import LogEnd, OwnedPartition
from streams.worker.ownership import Ownership
from streams.worker.pace import PATIENCE, Pace
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


class Clock:
    """Seconds that a test sets."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def after(self, seconds: float, pace: Pace) -> bool:
        """Whether a flush is due some seconds after the last one."""
        self.now = seconds
        return pace.is_due()


@pytest.fixture
def clock() -> Clock:
    return Clock()


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
def pace(owned: Ownership, clock: Clock) -> Pace:
    return Pace(CONFIG, owned, clock)


async def _fold(owned: Ownership, count: int) -> None:
    partition = _partition(owned)
    first = partition.delivered
    delivery = owned.deliver(TP0, partition.epoch, batch([event(first + i) for i in range(count)], first))
    assert delivery is not None
    await owned.take(delivery)


def _partition(owned: Ownership) -> OwnedPartition:
    return owned.partitions[TP0]


async def test_a_worker_that_keeps_up_flushes_by_the_second(owned: Ownership, pace: Pace, clock: Clock) -> None:
    _partition(owned).end = LogEnd(8, 8, 1)
    await _fold(owned, 5)
    assert not clock.after(0.9, pace)
    assert clock.after(1.0, pace)


async def test_a_backlog_is_written_in_full_flushes_and_its_end_at_once(
    owned: Ownership, pace: Pace, clock: Clock
) -> None:
    partition = _partition(owned)
    partition.end = LogEnd(50, 50, 1)
    await _fold(owned, 19)
    assert not clock.after(1.5, pace)
    assert clock.after(1.0 * PATIENCE, pace)
    await _fold(owned, 1)
    assert clock.after(0.0, pace)
    partition.written = 20
    assert not clock.after(1.5, pace)
    await _fold(owned, 19)
    partition.written = 39
    await _fold(owned, 10)
    assert not clock.after(0.1, pace)
    await _fold(owned, 1)
    assert clock.after(0.1, pace)


async def test_what_waits_in_the_queue_is_no_reason_to_flush(owned: Ownership, pace: Pace, clock: Clock) -> None:
    partition = _partition(owned)
    partition.end = LogEnd(100, 100, 1)
    records = batch([event(i) for i in range(30)], 0)
    delivery = owned.deliver(TP0, partition.epoch, records)
    assert delivery is not None
    assert not clock.after(1.5, pace)
    await owned.take(delivery)
    assert clock.after(0.0, pace)


async def test_refreshing_waits_until_the_backlog_is_written(owned: Ownership, pace: Pace, clock: Clock) -> None:
    partition = _partition(owned)
    partition.end = LogEnd(50, 50, 1)
    await _fold(owned, 50)
    partition.end = LogEnd(80, 80, 1)
    assert clock.after(0.0, pace)
    assert pace.catching_up
    await _fold(owned, 30)
    partition.written = 80
    pace.end(at_end=True)
    assert not pace.catching_up
