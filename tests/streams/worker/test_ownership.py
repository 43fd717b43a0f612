"""Owned partitions: gaps, stale reads, failing folds and rebalances, on folds of real records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiokafka.errors import OffsetOutOfRangeError
from faust.types import TP

from schemas.connections import ClickHouseConnection, KafkaConnection, Secret
from streams.fold.batch import Batch
from streams.fold.events import EventFold
from streams.worker.config import WorkerConfig
from streams.worker.metrics import Metrics
from streams.worker.owned_partition import OwnedPartition, State
from streams.worker.ownership import FAILURES, LARGEST_GAP, QUEUED_BATCHES, Ownership, describe
from streams.worker.start_rule import Start
from tests.streams.builders.records import batch, definition, event

TP0, TP1 = TP("x.events", 0), TP("x.events", 1)
CONFIG = WorkerConfig(
    kafka=KafkaConnection(bootstrap=("nowhere:1",), topic_prefix="x."),
    clickhouse=ClickHouseConnection(host="nowhere", port=1, username="", password=Secret("")),
    generation=1,
    name="w",
    data=Path(),
    max_unflushed_records=100,
)


class Sought:
    """Stands where the consumer does and notes where it was told to read on."""

    def __init__(self) -> None:
        self.offsets: list[tuple[TP, int]] = []

    async def seek_to(self, targets: Any) -> None:
        self.offsets += [(tp, offset) for tp, (offset, _) in targets.items()]


@pytest.fixture
def owned() -> Ownership:
    ownership = Ownership(CONFIG, Metrics())
    ownership.seeker = Sought()
    ownership.assigned([TP0, TP1])
    for tp in (TP0, TP1):
        _begin(ownership.partitions[tp])
    return ownership


def _begin(partition: OwnedPartition, acknowledged: int = 9, window: int = 1) -> None:
    rules = definition(chunk=4, window_chunks=window)
    start = Start(read_from=4 * (acknowledged // 4 - window), fold_from=8, acknowledged=acknowledged, floor=0)
    partition.adopt(1, "id")
    partition.begin(EventFold(1, partition.part, start.fold_from, rules), start)


def _records(first: int, count: int) -> Batch:
    return batch([event(first + index) for index in range(count)], first)


async def _fold(owned: Ownership, tp: TP, records: Batch) -> bool:
    delivery = owned.deliver(tp, owned.partitions[tp].epoch, records)
    if delivery is None:
        return False
    await owned.take(delivery)
    return True


def _state(owned: Ownership) -> State:
    return owned.partitions[TP0].state


def _sought(owned: Ownership) -> list[tuple[TP, int]]:
    assert isinstance(owned.seeker, Sought)
    return owned.seeker.offsets


async def _settled(owned: Ownership) -> None:
    for task in list(owned._seeks):
        await task


async def test_the_window_is_read_then_the_chunk_is_folded(owned: Ownership) -> None:
    partition = owned.partitions[TP0]
    assert (partition.position, partition.delivered) == (4, 4)
    assert await _fold(owned, TP0, _records(4, 7))
    assert (partition.position, partition.held) == (11, 3)
    fold = partition.fold
    assert fold is not None
    rows = fold.flush()
    assert rows is not None
    assert (rows.spans[0].first_offset, rows.spans[0].next_offset) == (8, 11)


async def test_a_gap_is_sought_once_and_then_stops_the_partition(owned: Ownership) -> None:
    partition = owned.partitions[TP0]
    await _fold(owned, TP0, _records(4, 6))
    assert not await _fold(owned, TP0, _records(12, 3))
    await _settled(owned)
    assert _sought(owned) == [(TP0, 10)]
    assert _state(owned) is State.FOLDING
    assert not await _fold(owned, TP0, _records(12, 3))
    assert _state(owned) is State.STOPPED
    assert "no record at offsets 10 to 11, and no header of the log explains it" in partition.reason
    assert "--accept-gaps-until 12`" in partition.reason
    assert owned.partitions[TP1].state is State.FOLDING


async def test_an_accepted_gap_is_passed_over_and_nothing_else_is(owned: Ownership) -> None:
    partition = owned.partitions[TP0]
    await _fold(owned, TP0, _records(4, 6))
    partition.accept_gaps_until = 12
    assert await _fold(owned, TP0, _records(12, 3))
    assert partition.position == 15
    fold = partition.fold
    assert fold is not None
    rows = fold.flush()
    assert rows is not None
    # The chunk goes on: its records before and behind the gap are counted together.
    assert (rows.spans[0].records, rows.spans[0].voids) == (5, 2)
    assert not await _fold(owned, TP0, _records(17, 3))
    assert partition.rewinds == 1


async def test_a_large_gap_is_not_passed_over_one_by_one(owned: Ownership) -> None:
    await _fold(owned, TP0, _records(4, 6))
    far = 10 + LARGEST_GAP + 1
    for _ in range(2):
        assert not await _fold(owned, TP0, _records(far, 3))
    assert f"--from {far}`" in owned.partitions[TP0].reason


async def test_a_gap_that_closes_costs_nothing(owned: Ownership) -> None:
    await _fold(owned, TP0, _records(4, 6))
    for first in (10, 14, 18):
        assert not await _fold(owned, TP0, _records(first + 2, 2))
        assert await _fold(owned, TP0, _records(first, 4))
    assert owned.partitions[TP0].position == 22


async def test_what_was_fetched_before_a_seek_is_dropped(owned: Ownership) -> None:
    partition = owned.partitions[TP0]
    epoch = partition.epoch
    delivery = owned.deliver(TP0, epoch, _records(4, 3))
    assert delivery is not None
    partition.rewind()
    assert owned.deliver(TP0, epoch, _records(7, 3)) is None
    await owned.take(delivery)
    # The seek may come while the batch waits for the folding thread.
    partition.absorb(delivery.batch, epoch)
    assert partition.position == 4


async def test_a_batch_of_a_lost_partition_reaches_nobody(owned: Ownership) -> None:
    lost = owned.partitions[TP0]
    delivery = owned.deliver(TP0, lost.epoch, _records(4, 3))
    assert delivery is not None
    owned.assigned([TP1])
    await owned.take(delivery)
    assert lost.state is State.LOST
    owned.assigned([TP0, TP1])
    assert owned.partitions[TP0] is not lost
    assert owned.partitions[TP0].state is State.STARTING


async def test_a_kept_partition_keeps_its_fold_and_waits_to_be_told(owned: Ownership) -> None:
    await _fold(owned, TP0, _records(4, 6))
    kept = owned.partitions[TP0]
    fold = kept.fold
    owned.assigned([TP0])
    assert owned.partitions[TP0] is kept
    assert (kept.fold, kept.state) == (fold, State.STARTING)
    assert TP0 not in owned.with_room()


async def test_fetching_stops_while_too_much_is_not_acknowledged(owned: Ownership) -> None:
    await _fold(owned, TP0, _records(4, 4))
    for step in range(QUEUED_BATCHES):
        assert owned.deliver(TP0, owned.partitions[TP0].epoch, _records(8 + step, 1)) is not None
    assert set(owned.with_room()) == {TP1}
    await _fold(owned, TP1, _records(4, 4))
    await _fold(owned, TP1, _records(8, 100 - QUEUED_BATCHES))
    assert owned.held == 100
    assert owned.with_room() == {}
    owned.partitions[TP1].written = 108 - QUEUED_BATCHES
    assert set(owned.with_room()) == {TP1}


async def test_only_what_is_acknowledged_may_be_committed(owned: Ownership) -> None:
    partition = owned.partitions[TP0]
    partition.committed = owned.partitions[TP1].committed = 9
    await _fold(owned, TP0, _records(4, 12))
    assert owned.committable() == {}
    partition.acknowledged = 13
    assert owned.committable() == {TP0: 13}
    owned.committed({TP0: 13})
    assert owned.committable() == {}


async def test_a_fold_that_raises_begins_again_and_stops_at_last(owned: Ownership) -> None:
    partition = owned.partitions[TP0]
    broken = Batch(4, [b"x"] * 3, [])
    for attempt in range(FAILURES):
        assert _state(owned) is State.FOLDING
        await _fold(owned, TP0, broken)
        if attempt < FAILURES - 1:
            assert _state(owned) is State.STARTING
            assert owned.waiting.is_set()
            _begin(partition)
    assert _state(owned) is State.STOPPED
    assert "mistake in the program" in partition.reason


async def test_an_offset_that_is_not_in_the_log_is_looked_at_again(owned: Ownership) -> None:
    partition = owned.partitions[TP0]
    owned.fetch_failed(TP0, partition.epoch, OffsetOutOfRangeError({TP0: 4}))
    assert (partition.state, partition.fold) == (State.STARTING, None)


def test_partitions_are_described_shortly() -> None:
    assert describe([OwnedPartition("events", part) for part in (3, 0, 1, 7)]) == "events 0-1 3 7"
