"""The flush: the commit protocol of a worker, in five numbered steps, for all its partitions together."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from clickhouse_connect.driver.exceptions import ClickHouseError
from msgspec import Struct

from streams.bookkeeping.offsets import KafkaUnavailableError
from streams.bookkeeping.progress import Progress, live_workers, progress_frame
from streams.clients import SinkState
from streams.fold.partition_fold import PartitionFold
from streams.fold.rows import Rows, Span
from streams.worker import memory
from streams.worker.broker import Broker
from streams.worker.config import WorkerConfig
from streams.worker.inserts import CELLS, Insert, inserts
from streams.worker.metrics import Metrics
from streams.worker.owned_partition import OwnedPartition, State
from streams.worker.ownership import Ownership, states
from streams.worker.sink import Sink, StoppedError

log = logging.getLogger(__name__)

#: A worker that lags waits for a full flush, but never longer than this many intervals.
PATIENCE: Final = 4
#: How often it is asked whether a flush is due; more often while catching up, where nothing else may be left to do.
LOOK_S: Final = 0.05
SHORT_LOOK_S: Final = 0.01
#: How often the budget is shared out among the workers that live.
SHARE_S: Final = 10.0


class Taken(Struct, frozen=True):
    """Rows that were taken from a fold, and the fold and log that they belong to."""

    partition: OwnedPartition
    fold: PartitionFold
    topic_id: str
    rows: Rows

    @property
    def span(self) -> Span:
        """Which records the rows stand for."""
        return self.rows.spans[0]


class Flusher:
    """Writes what the folds of one worker have, and says which offsets may be committed."""

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
        self._config = config
        self._ownership = ownership
        self._broker = broker
        self._sink = sink
        self._metrics = metrics
        self._commit = commit
        self._clock = clock
        self._monotonic = monotonic
        self._stopping = asyncio.Event()
        self._workers = 1
        self._shared_at = -SHARE_S
        self._last_inserts = 1
        #: Whether more than a flush was behind, and still is a good part of one.
        self.catching_up = False
        self._flushed_at = monotonic()

    async def run(self) -> None:
        """Flush until :meth:`finish`."""
        started = self._monotonic()
        while not self._stopping.is_set():
            if not self._due(self._monotonic() - started):
                await asyncio.sleep(SHORT_LOOK_S if self.catching_up else min(LOOK_S, self.interval_s / 4))
                continue
            started, at_end = self._monotonic(), self._at_end
            try:
                await self.flush()
            except StoppedError:
                return
            except Exception:
                log.exception("A flush failed, not by ClickHouse; its folds begin again at their chunks.")
                await asyncio.sleep(1.0)
            self._look_whether_caught_up(at_end)
            await self._share_budget()

    async def finish(self, patience_s: float) -> None:
        """The last flush, once :meth:`run` has ended; what it does not reach is folded again by the next owner."""
        try:
            await asyncio.wait_for(self.flush(), patience_s)
        except (StoppedError, TimeoutError):
            log.warning("ClickHouse did not take the last rows in time; the next owner folds them again.")

    def stop(self) -> None:
        """End :meth:`run`: an insert that is not acknowledged at its next attempt is given up."""
        self._stopping.set()
        self._sink.stop()

    async def flush(self) -> None:
        """One flush. Raises StoppedError where the worker ends before ClickHouse has acknowledged."""
        # 1. Take: what every fold has since the flush before. The folds go on meanwhile.
        taken = await self._take_rows()
        try:
            # 2. Check: each topic is still the log that its records were folded as; otherwise its folds go.
            taken = await self._same_logs(taken)
            # 3. Write the facts, cells and readings, one insert a table, each until it is acknowledged as written.
            merged = Rows.merge([one.rows for one in taken])
            written = await self._write(merged, CELLS)
            # 4. Write the marks of touched hours, then progress: both may only name what is in the tables.
            written += await self._write(merged, ("touched",))
            written += await self._write_progress(taken)
        except Exception:
            # What was taken and is perhaps not written must be folded again, from the start of its chunk.
            self._ownership.discard([one.partition for one in taken], "its rows were not acknowledged")
            raise
        # 5. Acknowledge: only now may the offsets be committed.
        for one in taken:
            self._acknowledge(one)
        self._last_inserts, self._flushed_at = written, self._monotonic()
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

    async def _same_logs(self, taken: Sequence[Taken]) -> list[Taken]:
        topics = {one.partition.topic for one in taken}
        if not topics:
            return []
        while True:
            try:
                ids = await self._broker.ask(lambda offsets: offsets.topic_ids(topics))
                break
            except KafkaUnavailableError as error:
                # Nothing could be committed either.
                if self._stopping.is_set():
                    raise StoppedError from error
                await asyncio.sleep(0.5)
        for topic in topics:
            owned = [p for p in self._ownership.partitions.values() if p.topic == topic]
            changed = [partition for partition in owned if partition.topic_id != ids.get(topic)]
            self._ownership.discard(changed, "its topic was deleted or made anew")
        return [one for one in taken if one.topic_id == ids.get(one.partition.topic)]

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

    async def _write_progress(self, taken: Sequence[Taken]) -> int:
        spans = {id(one.partition): one.span for one in taken}
        now = int(self._clock() * 1000)
        rows = []
        for partition in self._ownership.partitions.values():
            if partition.log is None:
                continue
            span = spans.pop(id(partition), None)
            folded, appended = partition.acknowledged, partition.appended
            if span is not None:
                folded, appended = max(folded, span.next_offset), max(appended, span.appended)
            rows.append(
                Progress(
                    log=partition.log,
                    part=partition.part,
                    folded=folded,
                    folded_appended=appended,
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
        # State dies with the fold: rows of a former one are in the tables, but say nothing about the present one.
        if partition.fold is one.fold:
            partition.acknowledged = max(partition.acknowledged, span.next_offset)
            partition.appended = max(partition.appended, span.appended)
            partition.written = span.next_offset
            partition.failures = 0
        topic = partition.topic
        self._metrics.add("records_total", span.records, topic)
        self._metrics.add("repeats_total", span.repeats, topic)
        self._metrics.add("refused_total", span.refused, topic)
        self._metrics.add("excluded_total", span.excluded, topic)
        self._metrics.add("unknown_fields_total", span.unknown_fields, topic)
        for kind, count in span.kinds.items():
            self._metrics.add("accepted_total", count, topic, kind)

    # When.

    @property
    def interval_s(self) -> float:
        """Time between two flushes: the setting, or more where the group's insert budget asks for it."""
        return max(self._config.flush_interval_s, self._last_inserts * self._workers / self._config.inserts_per_s)

    def _due(self, elapsed: float) -> bool:
        owned = self._ownership
        self.catching_up |= owned.lag > self._config.flush_records
        if owned.folded >= min(self._config.flush_records, self._config.max_unflushed_records):
            return True
        if not self.catching_up:
            return elapsed >= self.interval_s
        # A backlog is written in full flushes, and its end at once.
        return self._at_end or elapsed >= PATIENCE * self.interval_s

    @property
    def _at_end(self) -> bool:
        """Whether all that Kafka has is folded."""
        return self._ownership.lag == 0 and self._ownership.queued == 0

    def _look_whether_caught_up(self, at_end: bool) -> None:
        behind = self._ownership.lag + self._ownership.held
        if self.catching_up and (at_end or behind <= self._config.flush_records // 4):
            self.catching_up = False
            memory.give_back()

    async def _share_budget(self) -> None:
        if self._monotonic() - self._shared_at < SHARE_S or self._sink.state is not SinkState.GOOD:
            return
        self._shared_at = self._monotonic()
        generation = self._config.generation
        try:
            self._workers = await self._sink.ask(lambda client: live_workers(client, generation))
        except (ClickHouseError, OSError):
            return

    def measure(self) -> None:
        """Bring the gauges up to date."""
        partitions = list(self._ownership.partitions.values())
        metrics = self._metrics
        metrics.replace("partitions", {(name,): count for name, count in states(partitions).items()})
        metrics.replace("lag_records", {(p.topic, str(p.part)): max(0, p.end.end - p.acknowledged) for p in partitions})
        metrics.replace("stopped", {(p.topic, str(p.part)): float(p.state is State.STOPPED) for p in partitions})
        metrics.set("held_records", self._ownership.held)
        metrics.set("flush_age_seconds", self._monotonic() - self._flushed_at)
        metrics.set("flush_interval_seconds", self.interval_s)
        metrics.set("sink_good", float(self._sink.state is SinkState.GOOD))
        metrics.set("inserts_total", self._sink.inserts)
        metrics.set("insert_rows_total", self._sink.rows)
        metrics.set("insert_seconds_total", self._sink.seconds)
        metrics.set("insert_failures_total", self._sink.failures)
