"""The transport: a "message" of Faust is a batch of one partition, and only acknowledged offsets are committed.

Faust 0.15.3 passes records one by one, at 70 to 300 microseconds each. It acknowledges in ``finally``, so it commits an
offset although the sink raised. After a rebalance it reads from the commit. This module replaces:

========================  ====================================================================================
``Consumer.getmany``      yields one batch for each partition that has room, and fetches no others
``Consumer.perform_seek`` is called at the end of every rebalance: the application decides where to start
``Consumer.force_commit`` commits the offsets that the sink has acknowledged; Faust's own acknowledgements serve
                          its flow control only
``Consumer._add_gap``     does nothing: a batch covers its own offsets
``Thread._fetch_records`` makes a batch without an object for each record
``Fetcher`` (aiokafka)    reads committed records only; each response also gives the end of the log and its time
``Thread.commit``         commits nothing while the group rebalances, and survives a commit that the group rejects
========================  ====================================================================================

Faust and aiokafka are pinned. A test fails when the signature or body of a function that this module uses changes.
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

#: A fetch waits this long for this many bytes. In a quiet hour a batch then has the records of a tenth of a second, and
#: at full speed no fetch waits.
FETCH_WAIT_MS: Final = 100
FETCH_BYTES: Final = 65_536
#: The wait while a backlog is read: its rest may be smaller than these bytes.
BEHIND_WAIT_MS: Final = 10
#: Longest wait of a fetch without records, before the partitions with room are checked again.
POLL_S: Final = 0.25
#: Pause after Kafka denied the group, for example because of missing rights.
DENIED_S: Final = 5.0
#: The wait of a fetch while no partition has room, or none of those with fetched records. The queue of a fold takes
#: longer than this.
IDLE_S: Final = 0.02


class Owner(Protocol):
    """The application as the transport sees it: the partitions that this worker owns."""

    def with_room(self) -> Mapping[TP, int]:
        """Partitions to fetch now, each with the epoch of its last seek."""

    def deliver(self, tp: TP, epoch: int, batch: Batch) -> Delivery | None:
        """Take a batch; None if it belongs to an earlier seek."""

    def fetch_failed(self, tp: TP, epoch: int, error: KafkaError) -> None:
        """The fetcher gave an error instead of records."""

    def saw_ends(self, ends: Mapping[TP, LogEnd]) -> None:
        """Ends of the logs, from the last responses to fetches."""

    def assigned(self, partitions: Iterable[TP]) -> None:
        """A rebalance ended with these partitions. The application then decides where to start each."""

    def committable(self) -> Mapping[TP, int]:
        """Acknowledged offsets that are not committed yet."""

    def committed(self, offsets: Mapping[TP, int]) -> None:
        """These offsets are committed."""


class BatchConsumerThread(driver.AIOKafkaConsumerThread):
    """The thread that reads from Kafka, seeks and commits. Its methods run in the thread's own loop."""

    logger = logging.getLogger("faust.consumer")

    def __post_init__(self) -> None:
        super().__post_init__()
        #: Epoch of the last seek of each partition. A fetch from before that seek takes nothing.
        self._epochs: dict[TP, int] = {}
        #: Ends of the logs, from the last responses. Always replaced as a whole, because another thread reads it.
        self.ends: dict[TP, LogEnd] = {}

    async def on_start(self) -> None:
        """Start aiokafka's consumer, set the wait of a fetch, and read committed records only."""
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
            # A response to a fetch sets the time; its end of the log is then at least as new as the request.
            self.ends = self.ends | {
                tp: LogEnd(state.highwater, state.highwater if state.lso is None else state.lso, asked_at)
                for tp, state in states.items()
                if state.timestamp is not None
            }
            return result

        fetcher._proc_fetch_request = fetch_and_note

    async def seek_to(self, targets: Mapping[TP, tuple[int, int]]) -> None:
        """Seek: ``targets`` has (offset, epoch) by partition. Raises IllegalStateError for a revoked partition."""
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
        """By partition of ``active_partitions`` (epoch by partition): a batch, or the fetcher's error."""
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
            # No signal says that a partition has room again. While its records wait, aiokafka fetches no others.
            await asyncio.wait([waiter], timeout=IDLE_S if fetcher._records else timeout)
            if not waiter.done():
                waiter.cancel()
                return {}
            waiter.result()  # Raises an error of the group, such as missing rights.
            return {} if fetcher._closed else self._drain(fetcher, active_partitions)

    def _drain(self, fetcher: Any, wanted: Mapping[TP, int]) -> dict[TP, Batch | KafkaError]:
        found: dict[TP, Batch | KafkaError] = {}
        assignment = fetcher._subscriptions.subscription.assignment
        # During a rebalance any of these partitions may already belong to another worker.
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
        """Commit; False if the group rejected it. Then the next owner folds these records again."""
        return bool(await self.call_thread(self._commit, offsets))

    async def _commit(self, offsets: Mapping[TP, int]) -> bool:
        consumer = self._ensure_consumer()
        # The broker processes the requests of a connection in order. A commit that is sent before the response to
        # JoinGroup is processed after it. It carries the former generation, so the broker rejects it, and aiokafka
        # joins once more. With records to commit at all times the group would rebalance without end.
        if consumer._coordinator._performed_join_prepare:
            return False
        try:
            await consumer.commit(
                {TopicPartition(*tp): OffsetAndMetadata(offset, "") for tp, offset in offsets.items()}
            )
        except (CommitFailedError, IllegalStateError) as error:
            log.info("The group rejected a late commit (%s). The next commit covers it.", type(error).__name__)
            return False
        except KafkaError as error:
            log.warning("A commit failed (%s). The next commit covers it.", type(error).__name__)
            return False
        return True


class BatchConsumer(driver.Consumer):
    """Faust's consumer with batches as messages. Runs in the application's loop."""

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
            # An exception here would end the worker, and the next worker would get the same error.
            log.warning("Kafka denies this worker to read (%s). Retrying.", type(error).__name__)
            await self.sleep(DENIED_S)
            return
        self._owner.saw_ends(self._thread.ends)
        for tp, found in fetched.items():
            # Drop records that were fetched across a rebalance: at its end every partition gets a new seek.
            if self.should_stop or not self.flow_active or self.app.consumer_generation_id != generation:
                return
            if not isinstance(found, Batch):
                self._owner.fetch_failed(tp, wanted[tp], found)
                continue
            delivery = self._owner.deliver(tp, wanted[tp], found)
            if delivery is not None:
                # Faust drops records below its read offset. The fold skips records that it has already.
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
        """The end of a rebalance. The application decides where each partition starts."""
        self._owner.assigned(self.assignment())

    async def seek_to(self, targets: Mapping[TP, tuple[int, int]]) -> None:
        """Seek to (offset, epoch) by partition. Raises IllegalStateError for a revoked partition."""
        await self._thread.seek_to(targets)

    async def force_commit(self, topics: Any = None, start_new_transaction: bool = True) -> bool:  # noqa: ARG002
        """Commit the offsets that the sink has acknowledged, and no others."""
        with ack_lock:
            # Otherwise Faust keeps the offset of every acknowledged batch.
            self._acked.clear()
            self._acked_index.clear()
        assignment = self.assignment()
        offsets = {tp: offset for tp, offset in self._owner.committable().items() if tp in assignment}
        if not offsets or not await self._thread.commit(offsets):
            return False
        self._owner.committed(offsets)
        return True

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Do nothing: Faust would report a partition that waits for ClickHouse as dead."""


class BatchTransport(driver.Transport):
    """Faust's transport with :class:`BatchConsumer`."""

    Consumer = BatchConsumer
