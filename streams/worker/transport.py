"""The transport: a "message" of Faust is one partition's batch, and only acknowledged offsets are committed.

Faust 0.15.3 hands records over one by one at 70 to 300 microseconds each, acknowledges in ``finally`` (so an offset is
committed although the sink raised) and, after a rebalance, reads on at the commit. What is replaced here, and why:

========================  ====================================================================================
``Consumer.getmany``      yields a batch a partition, for partitions that have room; nothing else is fetched
``Consumer.perform_seek`` Faust calls it at the end of every rebalance: where to begin is the application's decision
``Consumer.force_commit`` commits exactly the offsets that the sink set as acknowledged; Faust's own
                          acknowledgements serve its flow control only
``Consumer._add_gap``     nothing: a batch covers its own offsets
``Thread._fetch_records`` makes batches where the records are read, without an object a record
``Fetcher`` (aiokafka)    reads committed records only; each answer notes the end of the log and when it was asked for
``Thread.commit``         waits while the group rebalances; a commit that comes too late is no reason to crash
========================  ====================================================================================

Faust and aiokafka are pinned; a test fails when a signature or the body of what is replaced or leaned on changes.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import Any, Final, Protocol, cast

import aiokafka
from aiokafka import TopicPartition
from aiokafka.consumer.fetcher import READ_COMMITTED, FetchResult
from aiokafka.errors import (
    CommitFailedError,
    ConsumerStoppedError,
    IllegalStateError,
    KafkaError,
)
from aiokafka.structs import OffsetAndMetadata
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage, ack_lock

from streams.fold.batch import Batch
from streams.worker.fetched_batch import read_batch
from streams.worker.owned_partition import Delivery, LogEnd

log = logging.getLogger(__name__)

#: A fetch waits this long for this many bytes: at a quiet hour a batch is then a tenth of a second's records instead of
#: a handful, and at full speed nothing waits.
FETCH_WAIT_MS: Final = 100
FETCH_BYTES: Final = 65_536
#: The same while the log holds more: the rest of a backlog may be smaller than that.
BEHIND_WAIT_MS: Final = 10
#: How long an empty fetch lasts before the partitions that have room are looked at again.
POLL_S: Final = 0.25
#: Pause after Kafka refused the group as a whole.
REFUSED_S: Final = 5.0
#: How long a fetch lasts while no partition has room, or none of those for which there are records: what is queued
#: for a fold lasts longer.
IDLE_S: Final = 0.02


class Owner(Protocol):
    """What the transport asks of the application: the partitions that this worker owns."""

    def with_room(self) -> Mapping[TP, int]:
        """Partitions that may be fetched now, each with the epoch of its last seek."""

    def deliver(self, tp: TP, epoch: int, batch: Batch) -> Delivery | None:
        """Take a batch; None where it is no longer wanted."""

    def fetch_failed(self, tp: TP, epoch: int, error: KafkaError) -> None:
        """The fetcher has an error instead of records."""

    def saw_ends(self, ends: Mapping[TP, LogEnd]) -> None:
        """Ends of the logs, as the last answers to fetches told them."""

    def assigned(self, partitions: Iterable[TP]) -> None:
        """A rebalance ended with these partitions; the application decides afterwards where to start each."""

    def committable(self) -> Mapping[TP, int]:
        """Acknowledged offsets that are not committed yet."""

    def committed(self, offsets: Mapping[TP, int]) -> None:
        """These offsets stand at the broker now."""


class BatchConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread that reads: makes batches, seeks, commits. Its methods run in the thread's own loop."""

    logger = logging.getLogger("faust.consumer")

    def __post_init__(self) -> None:
        super().__post_init__()
        #: Epoch of the last seek of each partition: a fetch that was asked for before it takes nothing.
        self._epochs: dict[TP, int] = {}
        #: Ends of the partitions' logs, as the last answers told them. Replaced as a whole: another thread reads it.
        self.ends: dict[TP, LogEnd] = {}

    async def on_start(self) -> None:
        """Start aiokafka's consumer, set how long a fetch may wait, and let it read committed records only."""
        await super().on_start()
        fetcher = self._ensure_consumer()._fetcher
        fetcher._fetch_max_wait_ms, fetcher._fetch_min_bytes = FETCH_WAIT_MS, FETCH_BYTES
        fetcher._isolation_level = READ_COMMITTED
        fetch = fetcher._proc_fetch_request

        async def fetch_and_note(assignment: Any, node: int, request: Any) -> Any:
            asked_at = int(time.time() * 1000)
            asked = [TP(topic, part) for topic, parts in request.topics for part, *_ in parts]
            states = {tp: assignment.state_value(TopicPartition(*tp)) for tp in asked}
            for state in states.values():
                state.timestamp = None
            result = await fetch(assignment, node, request)
            # An answer to a fetch sets the time; the end is then at least as new as the question.
            self.ends = self.ends | {
                tp: LogEnd(state.highwater, state.highwater if state.lso is None else state.lso, asked_at)
                for tp, state in states.items()
                if state.timestamp is not None
            }
            return result

        fetcher._proc_fetch_request = fetch_and_note

    async def seek_to(self, targets: Mapping[TP, tuple[int, int]]) -> None:
        """Read on at an offset: ``targets`` has (offset, epoch) by partition. Raises IllegalStateError when revoked."""
        await self.call_thread(self._seek_to, targets)

    async def _seek_to(self, targets: Mapping[TP, tuple[int, int]]) -> None:
        consumer = self._ensure_consumer()
        for tp, (offset, epoch) in targets.items():
            consumer.seek(TopicPartition(*tp), offset)
            self._epochs[tp] = epoch

    async def _fetch_records(  # type: ignore[override]
        self,
        consumer: aiokafka.AIOKafkaConsumer,
        active_partitions: Mapping[TP, int],
        timeout: float | None = None,
        max_records: int | None = None,  # noqa: ARG002
    ) -> dict[TP, Batch | KafkaError]:
        """What was fetched of ``active_partitions`` (epoch by partition): a batch, or the fetcher's error."""
        fetcher = consumer._fetcher
        if consumer._closed or fetcher._closed:
            raise ConsumerStoppedError
        with fetcher._subscriptions.fetch_context():
            found = self._drain(fetcher, active_partitions)
            if found:
                return found
            if not active_partitions:
                await asyncio.sleep(IDLE_S)
                return {}
            waiter = fetcher._create_fetch_waiter()
            # Nothing signals that a partition has room again, and while its records wait aiokafka fetches no others.
            await asyncio.wait([waiter], timeout=IDLE_S if fetcher._records else timeout)
            if not waiter.done():
                waiter.cancel()
                return {}
            waiter.result()  # An error of the group (no right to join it) is handed over here.
            return {} if fetcher._closed else self._drain(fetcher, active_partitions)

    def _drain(self, fetcher: Any, wanted: Mapping[TP, int]) -> dict[TP, Batch | KafkaError]:
        found: dict[TP, Batch | KafkaError] = {}
        assignment = fetcher._subscriptions.subscription.assignment
        # While a rebalance is under way nothing here is surely ours.
        if assignment is None or fetcher._subscriptions.reassignment_in_progress:
            return found
        for tp in [tp for tp in fetcher._records if tp in wanted and self._epochs.get(tp) == wanted[tp]]:
            result = fetcher._records.pop(tp)
            fetcher._notify(fetcher._wait_consume_future)
            if type(result) is not FetchResult:
                found[tp] = result._error
            elif result.check_assignment(tp) and result.has_more():
                try:
                    batch = read_batch(result._partition_records)
                except KafkaError as error:
                    found[tp] = error
                    continue
                result._update_position()
                if batch.values:
                    found[tp] = batch
        states = map(assignment.state_value, assignment.tps)
        behind = any(state.has_valid_position and (state.lso or 0) > state.position for state in states)
        fetcher._fetch_max_wait_ms = BEHIND_WAIT_MS if behind else FETCH_WAIT_MS
        return found

    async def commit(self, offsets: Mapping[TP, int]) -> bool:
        """Commit; False where the group did not take it, which the next owner's replay makes good."""
        return bool(await self.call_thread(self._commit, offsets))

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        consumer = self._ensure_consumer()
        # The broker answers one request of a connection after the other: a commit that is sent while the answer to
        # JoinGroup is awaited is read after it, bears the former generation and is refused, whereupon aiokafka joins
        # once more. With records to commit at all times a group would rebalance without an end.
        if consumer._coordinator._performed_join_prepare:
            return False
        try:
            await consumer.commit(
                {TopicPartition(*tp): OffsetAndMetadata(offset, "") for tp, offset in offsets.items()}
            )
        except (CommitFailedError, IllegalStateError) as error:
            log.info("A commit came too late for the group (%s): it will be made good.", type(error).__name__)
            return False
        except KafkaError as error:
            log.warning("A commit failed (%s): it will be made good.", type(error).__name__)
            return False
        return True


class BatchConsumer(driver.Consumer):
    """Faust's consumer with batches for messages. Runs in the application's loop."""

    logger = logging.getLogger("faust.consumer")
    _thread: BatchConsumerThread

    @property
    def _owner(self) -> Owner:
        return cast(Owner, self.app.owned)  # type: ignore[attr-defined]

    def _new_consumer_thread(self) -> BatchConsumerThread:
        return BatchConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def getmany(self, timeout: float) -> AsyncIterator[tuple[TP, Any]]:  # noqa: ARG002
        """Batches of the partitions that have room, as messages of Faust."""
        if not self.flow_active:
            await self.wait(self.can_resume_flow)  # type: ignore[arg-type]
        generation = self.app.consumer_generation_id
        wanted = self._owner.with_room()
        try:
            fetched = cast(
                Mapping[TP, Batch | KafkaError],
                await self._getmany(active_partitions=wanted, timeout=POLL_S),  # type: ignore[arg-type]
            )
        except ConsumerStoppedError:
            raise
        except KafkaError as error:
            # Anything raised here would end the worker, and another one would meet the same.
            log.warning("Kafka does not let this worker read (%s); trying again.", type(error).__name__)
            await self.sleep(REFUSED_S)
            return
        self._owner.saw_ends(self._thread.ends)
        for tp, found in fetched.items():
            # Records fetched across a rebalance belong to nobody; every position is sought again at its end.
            if self.should_stop or not self.flow_active or self.app.consumer_generation_id != generation:
                return
            if not isinstance(found, Batch):
                self._owner.fetch_failed(tp, wanted[tp], found)
                continue
            delivery = self._owner.deliver(tp, wanted[tp], found)
            if delivery is not None:
                # Faust drops what lies below its read offset; the fold skips repeats itself.
                self._read_offset[tp] = None
                yield tp, self._to_message(tp, delivery)

    def _to_message(self, tp: TP, record: Delivery) -> ConsumerMessage:
        batch = record.batch
        return ConsumerMessage(
            tp.topic,
            tp.partition,
            batch.next_offset - 1,
            batch.appended[-1] / 1000,
            1,
            [],
            None,
            record,  # type: ignore[arg-type]
            None,
            tp=TP(*tp),
            generation_id=self.app.consumer_generation_id,
        )

    async def perform_seek(self) -> None:
        """The end of a rebalance: each partition begins where the application says, chunk and window first."""
        self._owner.assigned(self.assignment())

    async def seek_to(self, targets: Mapping[TP, tuple[int, int]]) -> None:
        """Read on at (offset, epoch) by partition. Raises IllegalStateError where a partition is not ours any more."""
        await self._thread.seek_to(targets)

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002
        """Commit what the sink set as acknowledged, and nothing else."""
        with ack_lock:
            # Faust would keep the offset of every acknowledged batch until it commits it.
            self._acked.clear()
            self._acked_index.clear()
        assignment = self.assignment()
        offsets = {tp: offset for tp, offset in self._owner.committable().items() if tp in assignment}
        if not offsets or not await self._thread.commit(offsets):
            return False
        self._owner.committed(offsets)
        return True

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Nothing: Faust would call a partition dead that waits for ClickHouse."""


class BatchTransport(driver.Transport):
    """Faust's transport with :class:`BatchConsumer`."""

    Consumer = BatchConsumer
