"""The commit protocol: what a flush writes, in which order, and what it leaves behind when a step fails.

The sink, the broker's answers and the commit are recorded; the folds are real. At each of the five steps something may
go wrong: an error, another log under the topic's name, a partition that goes to another worker, a stop.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import polars as pl
import pytest
from faust.types import TP

from schemas.connections import ClickHouseConnection, KafkaConnection, Secret
from streams.bookkeeping.offsets import KafkaUnavailableError
from streams.fold.events import EventFold
from streams.fold.rows import TABLES
from streams.worker.config import WorkerConfig
from streams.worker.flush import Flusher
from streams.worker.inserts import Insert
from streams.worker.metrics import Metrics
from streams.worker.owned_partition import LogEnd, OwnedPartition, State
from streams.worker.ownership import Ownership
from streams.worker.sink import StoppedError
from streams.worker.start_rule import Start
from tests.streams.builders.records import APPENDED, batch, definition, event

TP0, TP1 = TP("x.events", 0), TP("x.events", 1)
CONFIG = WorkerConfig(
    kafka=KafkaConnection(bootstrap=("nowhere:1",), topic_prefix="x."),
    clickhouse=ClickHouseConnection(host="nowhere", port=1, username="", password=Secret("")),
    generation=1,
    name="w",
    data=Path(),
)
NOW_S = 2_000_000_000
#: The steps of a flush as they are seen from outside.
CHECK, CELLS, MARKS, PROGRESS, COMMIT = "check", "cells", "marks", "progress", "commit"
STEPS = (CHECK, CELLS, MARKS, PROGRESS, COMMIT)


class Recorder:
    """Stands where Kafka and ClickHouse do: notes each step, and does at one of them what a test says."""

    def __init__(self, owned: Ownership) -> None:
        self.owned = owned
        self.steps: list[str] = []
        self.progress: list[dict[str, Any]] = []
        self.committed: dict[TP, int] = {}
        self.ids = {"events": "id"}
        self.at: dict[str, Callable[[], None]] = {}

    def _step(self, name: str) -> None:
        self.steps.append(name)
        self.at.get(name, lambda: None)()

    # The broker.

    async def ask(self, question: Callable[[Any], Any]) -> Mapping[str, str]:
        self._step(CHECK)
        answer: Mapping[str, str] = question(self)
        return answer

    def topic_ids(self, topics: Any) -> Mapping[str, str]:
        return {topic: self.ids[topic] for topic in topics if topic in self.ids}

    # The sink.

    async def write(self, written: Sequence[Insert]) -> None:
        tables = {insert.table for insert in written}
        name = PROGRESS if tables == {"progress"} else MARKS if tables == {"touched"} else CELLS
        if name == CELLS:
            assert tables <= set(TABLES) - {"touched"}
        self._step(name)
        if name == PROGRESS:
            frame = pl.read_ipc_stream(io.BytesIO(written[0].body))
            self.progress += frame.unnest("latest").to_dicts()

    def stop(self) -> None:
        """Nothing is under way between two steps."""

    # The commit.

    async def commit(self) -> None:
        self._step(COMMIT)
        self.committed |= self.owned.committable()


@pytest.fixture
def owned() -> Ownership:
    ownership = Ownership(CONFIG, Metrics())
    ownership.assigned([TP0, TP1])
    for tp in (TP0, TP1):
        _begin(ownership.partitions[tp], log=1, topic_id="id")
    return ownership


@pytest.fixture
def recorder(owned: Ownership) -> Recorder:
    return Recorder(owned)


@pytest.fixture
def flusher(owned: Ownership, recorder: Recorder) -> Flusher:
    broker = sink = cast(Any, recorder)
    return Flusher(CONFIG, owned, broker, sink, Metrics(), recorder.commit, clock=lambda: NOW_S)


def _begin(partition: OwnedPartition, log: int, topic_id: str) -> None:
    partition.adopt(log, topic_id)
    start = Start(read_from=0, fold_from=0, acknowledged=0, floor=0)
    partition.begin(EventFold(log, partition.part, 0, definition(chunk=4, window_chunks=1)), start)


async def _fold(owned: Ownership, tp: TP = TP0, count: int = 6) -> None:
    partition = owned.partitions[tp]
    first = partition.delivered
    delivery = owned.deliver(tp, partition.epoch, batch([event((tp, first + i)) for i in range(count)], first))
    assert delivery is not None
    await owned.take(delivery)


def _fail(error: BaseException) -> Callable[[], None]:
    def raising() -> None:
        raise error

    return raising


async def test_rows_then_marks_then_progress_then_the_commit(
    owned: Ownership, recorder: Recorder, flusher: Flusher
) -> None:
    await _fold(owned)
    await flusher.flush()
    assert recorder.steps == [CHECK, CELLS, MARKS, PROGRESS, COMMIT]
    assert recorder.committed == {TP0: 6}
    assert {row["part"]: row["folded"] for row in recorder.progress} == {0: 6, 1: 0}
    assert owned.partitions[TP0].held == 0


async def test_nothing_is_acknowledged_before_progress_is_written(
    owned: Ownership, recorder: Recorder, flusher: Flusher
) -> None:
    """Faust commits every half a second what may be committed: at no step may that be more than is written."""
    await _fold(owned)
    seen: dict[str, Mapping[TP, int]] = {}
    for step in STEPS:
        recorder.at[step] = lambda step=step: seen.update({step: owned.committable()})  # type: ignore[misc]
    await flusher.flush()
    assert seen == {CHECK: {}, CELLS: {}, MARKS: {}, PROGRESS: {}, COMMIT: {TP0: 6}}


@pytest.mark.parametrize("step", [CELLS, MARKS, PROGRESS])
@pytest.mark.parametrize("error", [StoppedError(), ValueError("a mistake")], ids=["stop", "error"])
async def test_a_step_that_fails_ends_the_flush_and_discards_the_fold(
    owned: Ownership, recorder: Recorder, flusher: Flusher, step: str, error: Exception
) -> None:
    await _fold(owned)
    recorder.at[step] = _fail(error)
    with pytest.raises(type(error)):
        await flusher.flush()
    assert recorder.steps == list(STEPS[: STEPS.index(step) + 1])
    assert recorder.committed == owned.committable() == {}
    assert recorder.progress == []
    partition = owned.partitions[TP0]
    # The rows are in no fold any more: only folding the chunk again brings them back.
    assert (partition.state, partition.fold, partition.acknowledged) == (State.STARTING, None, 0)
    assert owned.partitions[TP1].fold is not None


async def test_a_commit_that_fails_takes_nothing_back(owned: Ownership, recorder: Recorder, flusher: Flusher) -> None:
    await _fold(owned)
    recorder.at[COMMIT] = _fail(ValueError("no coordinator"))
    with pytest.raises(ValueError, match="no coordinator"):
        await flusher.flush()
    assert owned.committable() == {TP0: 6}
    assert owned.partitions[TP0].fold is not None
    assert {row["part"]: row["folded"] for row in recorder.progress} == {0: 6, 1: 0}


async def test_a_stop_while_kafka_is_away_writes_nothing(
    owned: Ownership, recorder: Recorder, flusher: Flusher
) -> None:
    await _fold(owned)

    def away() -> None:
        flusher.stop()
        raise KafkaUnavailableError("away")

    recorder.at[CHECK] = away
    with pytest.raises(StoppedError):
        await flusher.flush()
    assert recorder.steps == [CHECK]
    assert owned.partitions[TP0].fold is None


async def test_without_rows_a_heartbeat_needs_no_kafka(owned: Ownership, recorder: Recorder, flusher: Flusher) -> None:
    recorder.at[CHECK] = _fail(KafkaUnavailableError("away"))
    await flusher.flush()
    assert recorder.steps == [CHECK, PROGRESS]
    assert {row["heartbeat"].timestamp() for row in recorder.progress} == {NOW_S}


async def test_rows_of_a_topic_that_was_created_again_are_not_written(
    owned: Ownership, recorder: Recorder, flusher: Flusher
) -> None:
    await _fold(owned)
    recorder.ids = {"events": "another"}
    await flusher.flush()
    assert recorder.steps == [CHECK, PROGRESS]
    assert {row["folded"] for row in recorder.progress} == {0}
    assert [partition.fold for partition in owned.partitions.values()] == [None, None]


@pytest.mark.parametrize("step", [CELLS, MARKS])
async def test_progress_of_a_new_log_never_comes_from_rows_of_the_old_one(
    owned: Ownership, recorder: Recorder, flusher: Flusher, step: str
) -> None:
    """The insert was repeated for minutes; meanwhile the topic was created again and registered as log 2."""
    await _fold(owned)
    recorder.at[step] = lambda: _begin(owned.partitions[TP0], log=2, topic_id="another")
    await flusher.flush()
    folded = {(row["log"], row["part"]): row["folded"] for row in recorder.progress}
    assert folded == {(2, 0): 0, (1, 1): 0}
    assert {row["complete"].timestamp() for row in recorder.progress} == {0}
    assert recorder.committed == owned.committable() == {}


@pytest.mark.parametrize("step", [CHECK, CELLS, MARKS, PROGRESS])
async def test_a_partition_that_went_to_another_worker_is_not_acknowledged(
    owned: Ownership, recorder: Recorder, flusher: Flusher, step: str
) -> None:
    await _fold(owned)
    await _fold(owned, TP1, 3)
    lost = owned.partitions[TP0]
    recorder.at[step] = lambda: owned.assigned([TP1])
    await flusher.flush()
    assert recorder.committed == {TP1: 3}
    assert (lost.state, lost.acknowledged) == (State.LOST, 0)
    if step != PROGRESS:
        assert [row["part"] for row in recorder.progress] == [1]


@pytest.mark.parametrize("step", [CHECK, CELLS, MARKS, PROGRESS])
async def test_a_partition_that_comes_back_begins_again(
    owned: Ownership, recorder: Recorder, flusher: Flusher, step: str
) -> None:
    """It went and came back while its rows were written: its new fold knows nothing of them."""
    await _fold(owned)

    def away_and_back() -> None:
        owned.assigned([TP1])
        owned.assigned([TP0, TP1])
        _begin(owned.partitions[TP0], log=1, topic_id="id")

    recorder.at[step] = away_and_back
    await flusher.flush()
    assert owned.partitions[TP0].acknowledged == 0
    assert recorder.committed == {}
    assert owned.partitions[TP0].position == 0


async def test_what_is_folded_during_a_flush_belongs_to_the_next_one(
    owned: Ownership, recorder: Recorder, flusher: Flusher
) -> None:
    await _fold(owned)
    fold = owned.partitions[TP0].fold
    assert fold is not None
    recorder.at[CELLS] = lambda: fold.fold(batch([event(("later", i)) for i in range(3)], 6))
    await flusher.flush()
    assert recorder.committed == {TP0: 6}
    del recorder.at[CELLS]
    await flusher.flush()
    assert recorder.committed == {TP0: 9}


async def test_it_is_complete_until_the_end_was_learnt_and_never_later(
    owned: Ownership, recorder: Recorder, flusher: Flusher
) -> None:
    await _fold(owned)
    first, second = owned.partitions[TP0], owned.partitions[TP1]
    first.end, second.end = LogEnd(6, 6, APPENDED + 5_000), LogEnd(3, 3, APPENDED + 6_000)
    # Learnt while the rows are written: it says nothing about the check that came before.
    recorder.at[CELLS] = lambda: setattr(first, "end", LogEnd(6, 6, APPENDED + 9_000))
    await flusher.flush()
    complete = {row["part"]: int(row["complete"].timestamp() * 1000) for row in recorder.progress}
    assert complete == {0: APPENDED + 5_000, 1: 0}


async def test_it_is_complete_up_to_the_last_record_while_others_wait(
    owned: Ownership, recorder: Recorder, flusher: Flusher
) -> None:
    """An unfinished transaction: the log ends beyond what can be read."""
    await _fold(owned)
    owned.partitions[TP0].end = LogEnd(8, 6, APPENDED + 5_000)
    await flusher.flush()
    complete = {row["part"]: int(row["complete"].timestamp() * 1000) for row in recorder.progress}
    assert complete[0] == APPENDED
