"""Ownership: the partitions that this worker owns; handles each batch, gap, error and rebalance."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol, TypeVar

from aiokafka.errors import IllegalStateError, KafkaError, OffsetOutOfRangeError
from faust.types import TP

from streams.fold.batch import Batch, GapError
from streams.fold.brake import LATEST, LIMIT
from streams.positions import listed
from streams.worker.config import WorkerConfig
from streams.worker.metrics import Metrics
from streams.worker.owned_partition import Delivery, Hold, LogEnd, OwnedPartition, State

log = logging.getLogger(__name__)
Result = TypeVar("Result")

#: Batches of one partition between Kafka and its fold: the next is read while this one is folded.
QUEUED_BATCHES: Final = 2
#: Offsets of a gap that are passed over one by one; behind a larger one a partition goes on with an empty window.
LARGEST_GAP: Final = 1_000_000
#: Unexpected errors of one partition without an acknowledgement between them, after which it stops.
FAILURES: Final = 3


class Seeker(Protocol):
    """Seeks to (offset, epoch) by partition. Raises IllegalStateError for a revoked partition."""

    async def seek_to(self, targets: Mapping[TP, tuple[int, int]]) -> None: ...


class Ownership:
    """The owned partitions of one worker. Everything but the folds runs in the application's loop."""

    def __init__(self, config: WorkerConfig, metrics: Metrics) -> None:
        self._config = config
        self._metrics = metrics
        self.partitions: dict[TP, OwnedPartition] = {}
        #: Set where a partition waits to be started.
        self.waiting = asyncio.Event()
        #: False while the worker ends: nothing more is fetched.
        self.open = True
        #: Who seeks; the consumer, once there is one.
        self.seeker: Seeker | None = None
        # One thread: the folds share the interpreter's lock anyway, and they are not thread-safe.
        self._folding = ThreadPoolExecutor(max_workers=1, thread_name_prefix="fold")
        self._seeks: set[asyncio.Task[None]] = set()

    # Called by the transport.

    def assigned(self, partitions: Iterable[TP]) -> None:
        """A rebalance ended: forget lost partitions; new and kept ones wait for the starter."""
        now = {TP(*tp) for tp in partitions}
        for tp in [tp for tp in self.partitions if tp not in now]:
            self.partitions.pop(tp).lose()
        for tp in now:
            kept = self.partitions.get(tp)
            if kept is None:
                self.partitions[tp] = OwnedPartition(
                    tp.topic.removeprefix(self._config.kafka.topic_prefix), tp.partition
                )
            elif kept.state is State.FOLDING:
                kept.keep()
        self._metrics.add("rebalances_total", 1)
        log.info("The group gave this worker %s.", describe(self.partitions.values()) or "nothing yet")
        self.waiting.set()

    def with_room(self) -> dict[TP, int]:
        """Partitions whose next batch may be fetched, with their epochs; none while too many records are in memory."""
        if not self.open or self.held >= self._config.max_unflushed_records:
            return {}
        return {
            tp: partition.epoch
            for tp, partition in self.partitions.items()
            if partition.state is State.FOLDING and partition.queued < QUEUED_BATCHES
        }

    def deliver(self, tp: TP, epoch: int, batch: Batch) -> Delivery | None:
        """Pass a batch to the fold, unless it is from before the last seek or begins beyond the expected offset."""
        partition = self.partitions.get(tp)
        if partition is None or partition.epoch != epoch or partition.state is not State.FOLDING:
            return None
        if partition.delivered < batch.first_offset <= partition.accept_gaps_until:
            batch = batch.beginning_at(partition.delivered)
        if batch.first_offset > partition.delivered:
            self._gap(tp, partition, batch.first_offset)
            return None
        partition.delivered = max(partition.delivered, batch.next_offset)
        partition.queued += 1
        self._metrics.add("batches_total", 1, partition.topic)
        self._metrics.add("batch_records_total", batch.records, partition.topic)
        return Delivery(partition, epoch, batch)

    def fetch_failed(self, tp: TP, epoch: int, error: KafkaError) -> None:
        """The fetcher cannot read a partition."""
        partition = self.partitions.get(tp)
        if partition is None or partition.epoch != epoch:
            return
        if isinstance(error, OffsetOutOfRangeError):
            # The log was trimmed or truncated, or the topic was created again: the starter decides.
            self._restart(partition, f"offset {partition.delivered} is not in the log")
        elif error.retriable:
            self._seek(tp, partition)
        else:
            partition.stop(
                f"Kafka does not give its records ({type(error).__name__}): restart the worker when that is mended."
            )
            partition.hold = Hold("failure", partition.delivered)
            log.error("Stopped %r: %s", partition, partition.reason)

    def committable(self) -> dict[TP, int]:
        """Acknowledged offsets beyond what is committed."""
        return {
            tp: partition.acknowledged
            for tp, partition in self.partitions.items()
            if partition.fold is not None and partition.acknowledged > (partition.committed or 0)
        }

    def committed(self, offsets: Mapping[TP, int]) -> None:
        """These offsets are committed."""
        for tp, offset in offsets.items():
            if tp in self.partitions:
                self.partitions[tp].committed = offset

    def saw_ends(self, ends: Mapping[TP, LogEnd]) -> None:
        """Ends of the logs, from the last responses to fetches."""
        for tp, end in ends.items():
            partition = self.partitions.get(tp)
            if partition is not None and partition.state is State.FOLDING and end.asked_at > partition.end.asked_at:
                partition.end = end

    # Called by the agents.

    async def take(self, delivery: Delivery) -> None:
        """Fold a batch. Never raises: a fold that fails is discarded and started again at its chunk."""
        partition, epoch = delivery.partition, delivery.epoch
        if partition.epoch != epoch:
            return
        try:
            await self.in_folding_thread(lambda: partition.absorb(delivery.batch, epoch))
        except GapError:
            if partition.epoch == epoch:
                self._gap(self._tp(partition), partition, delivery.batch.first_offset)
        except Exception as error:
            if partition.epoch == epoch:
                self.fold_failed(partition, error)
        else:
            if partition.epoch == epoch:
                partition.queued -= 1
                partition.rewinds = 0
                self._brake(partition)

    async def in_folding_thread(self, work: Callable[[], Result]) -> Result:
        """Run a function in the folding thread, the only one that may touch folds."""
        return await asyncio.get_running_loop().run_in_executor(self._folding, work)

    # What happens to partitions.

    @property
    def held(self) -> int:
        """Records in memory that are not acknowledged."""
        return sum(partition.held for partition in self.partitions.values())

    @property
    def folded(self) -> int:
        """Records that are folded and not acknowledged."""
        return sum(partition.folded for partition in self.partitions.values())

    @property
    def lag(self) -> int:
        """Readable records of the log that are not fetched yet, by the last responses to fetches."""
        folding = (partition for partition in self.partitions.values() if partition.state is State.FOLDING)
        return sum(max(0, partition.end.stable - partition.delivered) for partition in folding)

    @property
    def queued(self) -> int:
        """Batches between Kafka and the folds."""
        return sum(partition.queued for partition in self.partitions.values())

    def fold_failed(self, partition: OwnedPartition, error: Exception) -> None:
        """Handle an unexpected error of a fold: start it again at its chunk, and stop after some attempts."""
        partition.failures += 1
        log.error("Folding %r failed.", partition, exc_info=error)
        if partition.failures < FAILURES:
            self._restart(partition, f"its fold failed ({type(error).__name__})")
            return
        partition.stop(
            f"Folding failed {FAILURES} times at the same place ({type(error).__name__}): this is a mistake in the "
            "program. Nothing is lost: restart the worker with a release that mends it.",
            Hold("failure", partition.delivered),
        )
        log.error("Stopped %r: %s", partition, partition.reason)

    def discard(self, partitions: Iterable[OwnedPartition], why: str) -> None:
        """Discard folds; each starts again at its chunk."""
        for partition in partitions:
            if partition.fold is not None:
                self._restart(partition, why)

    async def seek(self, targets: Mapping[TP, tuple[int, int]]) -> bool:
        """Seek; False if a rebalance came first: its end starts every partition again."""
        if self.seeker is None:
            return False
        try:
            await self.seeker.seek_to(targets)
        except IllegalStateError:
            return False
        return True

    def close(self) -> None:
        """No fold is used any more."""
        self.open = False
        self._folding.shutdown(wait=False, cancel_futures=True)

    def _gap(self, tp: TP, partition: OwnedPartition, begins: int) -> None:
        """Records are missing before a batch: seek back once; when they are missing again, stop."""
        expected = partition.position
        if partition.rewinds == 0:
            partition.rewinds += 1
            self._metrics.add("rewinds_total", 1, partition.topic)
            log.warning("%r: expected offset %d, but a batch begins at %d; seeking back.", partition, expected, begins)
            self._seek(tp, partition)
            return
        way = f"--accept-gaps-until {begins}" if begins - expected <= LARGEST_GAP else f"--from {begins}"
        partition.stop(
            f"Kafka gives no record at offsets {expected} to {begins - 1}, and no header of the log explains it: "
            "compaction removed them, or they were lost. Restore them, or go on without them with "
            f"`gospulse partitions resume --log {partition.log} --partition {partition.part} {way}`.",
            Hold("missing", expected),
        )
        log.error("Stopped %r: %s", partition, partition.reason)

    def _brake(self, partition: OwnedPartition) -> None:
        fold = partition.fold
        if fold is None or not fold.rejects_most or fold.next_offset <= partition.accept_rejections_until:
            return
        at = partition.position
        partition.stop(
            f"At least {LIMIT} of the {LATEST} records before offset {at} are rejected: the deployment is wrong rather "
            "than the data. Restart the workers with a release that accepts them, or accept the rejections with "
            f"`gospulse partitions resume --log {partition.log} --partition {partition.part} "
            f"--accept-rejections-until {max(at, partition.end.end)}`.",
            Hold("rejections", at),
        )
        log.error("Stopped %r: %s", partition, partition.reason)

    def _restart(self, partition: OwnedPartition, why: str) -> None:
        log.warning("%r starts again at its chunk: %s.", partition, why)
        self._metrics.add("discards_total", 1, partition.topic)
        partition.restart()
        self.waiting.set()

    def _seek(self, tp: TP, partition: OwnedPartition) -> None:
        offset = partition.rewind()
        task = asyncio.ensure_future(self._seek_task({tp: (offset, partition.epoch)}))
        self._seeks.add(task)
        task.add_done_callback(self._seeks.discard)

    async def _seek_task(self, targets: Mapping[TP, tuple[int, int]]) -> None:
        try:
            await self.seek(targets)
        except Exception as error:
            log.warning("A seek failed (%s); it is tried again at the next assignment.", type(error).__name__)
            self.waiting.set()

    def _tp(self, partition: OwnedPartition) -> TP:
        return TP(self._config.kafka.topic(partition.topic), partition.part)


def describe(partitions: Iterable[OwnedPartition]) -> str:
    """Partitions as a person reads them: ``events 0-3 7, readings 0``."""
    return listed(partition.kafka for partition in partitions)


def states(partitions: Iterable[OwnedPartition]) -> Counter[str]:
    """How many partitions are in each state."""
    return Counter(partition.state.value for partition in partitions)
