"""The flush: a worker writes and acknowledges the rows of all its partitions, in five numbered steps."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from streams.bookkeeping.offsets import KafkaUnavailableError
from streams.bookkeeping.progress import Progress, progress_frame
from streams.clients import SinkState
from streams.fold.partition_fold import PartitionFold
from streams.fold.rows import Rows, Span
from streams.positions import Partition
from streams.worker.broker import Broker
from streams.worker.config import WorkerConfig
from streams.worker.inserts import CELLS, Insert, inserts
from streams.worker.metrics import Metrics
from streams.worker.owned_partition import LogEnd, OwnedPartition, State
from streams.worker.ownership import Ownership, states
from streams.worker.pace import Pace
from streams.worker.sink import Sink, StoppedError

log = logging.getLogger(__name__)

#: Pause after a flush that failed because of a defect of the program.
FAILED_S: Final = 1.0
#: Pause before Kafka is asked again.
ASK_AGAIN_S: Final = 0.5


class Taken(Struct, frozen=True):
    """Rows of one fold, with that fold and the topic id of its log."""

    partition: OwnedPartition
    fold: PartitionFold
    topic_id: str
    rows: Rows

    @property
    def span(self) -> Span:
        """The records that the rows count."""
        return self.rows.spans[0]

    @property
    def position(self) -> Partition:
        """The partition of the log that the rows belong to."""
        return Partition(self.span.log, self.span.part)


class Flusher:
    """Writes the rows of one worker's folds, then marks their offsets as acknowledged."""

    def __init__(
        self,
        config: WorkerConfig,
        ownership: Ownership,
        broker: Broker,
        sink: Sink,
        metrics: Metrics,
        commit: Callable[[], Awaitable[object]],
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``commit`` commits what :meth:`Ownership.committable` names; ``clock`` gives seconds UTC."""
        self._config = config
        self._ownership = ownership
        self._broker = broker
        self._sink = sink
        self._metrics = metrics
        self._commit = commit
        self._clock = clock
        self._monotonic = monotonic
        self._stopping = asyncio.Event()
        self.pace = Pace(config, ownership, monotonic)
        self._flushed_at = monotonic()

    async def run(self) -> None:
        """Flush until :meth:`stop`."""
        while not self._stopping.is_set():
            if not self.pace.is_due():
                await asyncio.sleep(self.pace.pause_s)
                continue
            at_end = self.pace.at_end
            self.pace.begin()
            try:
                await self.flush()
            except StoppedError:
                return
            except Exception:
                log.exception("Flush failed (not a ClickHouse error); refolding from the start of each chunk.")
                await asyncio.sleep(FAILED_S)
            self.pace.end(at_end)
            await self.pace.share_budget(self._sink)

    async def finish(self, patience_s: float) -> None:
        """Flush once more after :meth:`run` has ended. The next owner folds rows again that are not written in time."""
        try:
            await asyncio.wait_for(self.flush(), patience_s)
        except (StoppedError, TimeoutError):
            log.warning("ClickHouse did not acknowledge the last rows in time. The next owner folds them again.")

    def stop(self) -> None:
        """End :meth:`run`. An insert whose next attempt fails is not retried any more."""
        self._stopping.set()
        self._sink.stop()

    async def flush(self) -> None:
        """One flush. Raises StoppedError if the worker stops before ClickHouse has acknowledged."""
        # 1. Take the rows of every fold since the last flush. The folds go on meanwhile.
        taken = await self._take_rows()
        ends = {Partition(p.log, p.part): p.end for p in self._folding() if p.log is not None}
        try:
            # 2. Check that each topic is still the log that its records were folded as; otherwise discard its folds.
            ids = await self._topic_ids(bool(taken))
            self._discard_other_logs(ids)
            taken = [one for one in taken if one.topic_id == ids.get(one.partition.topic)]
            # 3. Write the facts, cells and readings: one insert a table, each repeated until it is acknowledged.
            merged = Rows.merge([one.rows for one in taken])
            written = await self._write(merged, CELLS)
            # 4. Write the marks of touched hours, then progress: both may only name rows that are in the tables.
            written += await self._write(merged, ("touched",))
            written += await self._write_progress(taken, ends, ids)
        except Exception:
            # The rows may not be in the tables: fold them again, from the start of each chunk.
            self._ownership.discard([one.partition for one in taken], "its rows were not acknowledged")
            raise
        # 5. Acknowledge: only now may the offsets be committed.
        for one in taken:
            self._acknowledge(one)
        self.pace.inserts, self._flushed_at = written, self._monotonic()
        self._metrics.add("flushes_total", 1)
        if taken:
            await self._commit()

    async def _take_rows(self) -> list[Taken]:
        taken, failed = await self._ownership.in_folding_thread(self._take_from_folds)
        for partition, error in failed:
            self._ownership.fold_failed(partition, error)
        return taken

    def _take_from_folds(self) -> tuple[list[Taken], list[tuple[OwnedPartition, Exception]]]:
        taken: list[Taken] = []
        failed: list[tuple[OwnedPartition, Exception]] = []
        for partition in list(self._ownership.partitions.values()):
            fold, topic_id = partition.fold, partition.topic_id
            if fold is None or topic_id is None:
                continue
            try:
                rows = fold.flush()
            except Exception as error:
                failed.append((partition, error))
            else:
                if rows is not None:
                    taken.append(Taken(partition, fold, topic_id, rows))
        return taken, failed

    def _folding(self) -> Iterable[OwnedPartition]:
        return (partition for partition in self._ownership.partitions.values() if partition.fold is not None)

    async def _topic_ids(self, needed: bool) -> Mapping[str, str]:
        """The id of each owned topic. Waits for Kafka if there are rows to write; otherwise the result may be empty."""
        topics = {partition.topic for partition in self._ownership.partitions.values()}
        while topics:
            try:
                return await self._broker.ask(lambda offsets: offsets.topic_ids(topics))
            except KafkaUnavailableError as error:
                if not needed:
                    break
                # Without Kafka no offset can be committed either.
                if self._stopping.is_set():
                    raise StoppedError from error
                await asyncio.sleep(ASK_AGAIN_S)
        return {}

    def _discard_other_logs(self, ids: Mapping[str, str]) -> None:
        if ids:
            changed = [partition for partition in self._folding() if partition.topic_id != ids.get(partition.topic)]
            self._ownership.discard(changed, "its topic was deleted or created again")

    async def _write(self, rows: Rows, tables: Sequence[str]) -> int:
        found = {table: rows.tables[table] for table in tables if table in rows.tables}
        if not found:
            return 0
        generation = self._config.generation

        def encode() -> list[Insert]:
            return [insert for table, frame in found.items() for insert in inserts(table, frame, generation)]

        encoded = await asyncio.get_running_loop().run_in_executor(None, encode)
        await self._sink.write(encoded)
        return len(encoded)

    async def _write_progress(
        self, taken: Sequence[Taken], ends: Mapping[Partition, LogEnd], ids: Mapping[str, str]
    ) -> int:
        spans = {one.position: one.span for one in taken}
        now = int(self._clock() * 1000)
        rows = []
        for partition in self._ownership.partitions.values():
            if partition.log is None:
                continue
            # By log, not by topic: during retries of an insert the topic may have been created again.
            position = Partition(partition.log, partition.part)
            span, end = spans.get(position), ends.get(position)
            folded, complete = partition.acknowledged, partition.complete
            if span is not None:
                folded, complete = max(folded, span.next_offset), max(complete, span.appended)
            # The topic id is read after the end, so this is the end of this log.
            if end is not None and folded >= end.end and partition.topic_id == ids.get(partition.topic):
                complete = max(complete, end.asked_at)
            rows.append(
                Progress(
                    log=partition.log,
                    part=partition.part,
                    folded=folded,
                    complete=complete,
                    heartbeat=now,
                    end=max(partition.end.end, partition.delivered),
                    worker=self._config.name,
                    stopped=partition.reason,
                )
            )
        if not rows:
            return 0
        written = list(inserts("progress", progress_frame(rows), self._config.generation))
        await self._sink.write(written)
        return len(written)

    def _acknowledge(self, one: Taken) -> None:
        partition, span = one.partition, one.span
        # The rows of a former fold are in the tables, but say nothing about the offsets of the present one.
        if partition.fold is one.fold:
            partition.acknowledged = max(partition.acknowledged, span.next_offset)
            partition.complete = max(partition.complete, span.appended)
            partition.written = span.next_offset
            partition.failures = 0
        topic = partition.topic
        self._metrics.add("records_total", span.records, topic)
        self._metrics.add("repeats_total", span.repeats, topic)
        self._metrics.add("rejected_total", span.rejected, topic)
        self._metrics.add("excluded_total", span.excluded, topic)
        self._metrics.add("unknown_fields_total", span.unknown_fields, topic)
        for kind, count in span.kinds.items():
            self._metrics.add("accepted_total", count, topic, kind)

    def measure(self) -> None:
        """Set the gauges."""
        partitions = list(self._ownership.partitions.values())
        metrics = self._metrics
        metrics.replace("partitions", {(name,): count for name, count in states(partitions).items()})
        behind = ((p, float(max(0, p.end.end - p.acknowledged))) for p in partitions)
        metrics.replace("lag_records", {(p.topic, str(p.part)): records for p, records in behind})
        metrics.replace("stopped", {(p.topic, str(p.part)): float(p.state is State.STOPPED) for p in partitions})
        metrics.set("held_records", self._ownership.held)
        metrics.set("flush_age_seconds", self._monotonic() - self._flushed_at)
        metrics.set("flush_interval_seconds", self.pace.interval_s)
        metrics.set("sink_good", float(self._sink.state is SinkState.GOOD))
        metrics.set("inserts_total", self._sink.inserts)
        metrics.set("insert_rows_total", self._sink.rows)
        metrics.set("insert_seconds_total", self._sink.seconds)
        metrics.set("insert_failures_total", self._sink.failures)
