"""Checks one partition: reads its log once, compares each chunk, and spills data that need the whole log."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct, field

from schemas.connections import ClickHouseConnection, KafkaConnection
from schemas.contract import topics
from streams.verify.compare.cells import COUNTERS, REJECTED_ROWS, compare_cells, compare_rejected
from streams.verify.findings import Difference, Findings
from streams.verify.recount.events import Cells, ChunkCount, EventRecount, Record
from streams.verify.recount.ledger import Ledger, RejectedRow
from streams.verify.recount.log import LogReader
from streams.verify.recount.marks import HOURS, Marks, compare_feeds, compare_hours
from streams.verify.recount.readings import ReadingRecount
from streams.verify.recount.rejections import RejectionRecount
from streams.verify.recount.rules import Rules
from streams.verify.stored.marks import StoredMarks
from streams.verify.stored.retention import Limits
from streams.verify.stored.sorted_cells import SortedCells, cells_from, sorted_cells
from streams.verify.stored.tables import StoredRows

#: Counts and rejections that are held before they are compared: each comparison of rejections is one query.
PENDING_CELLS: Final = 300_000


class PartitionTask(Struct, frozen=True, kw_only=True):
    """One partition to check. Offsets are "next": exclusive ends."""

    kafka: KafkaConnection
    clickhouse: ClickHouseConnection
    rules: Rules
    topic: str
    log: int
    part: int
    #: First offset that the log holds.
    begin: int
    #: Below it a recorded decision lets nothing be asked of the log; the window there is empty.
    skipped_to: int
    #: Every row up to here must be written.
    acknowledged: int
    #: An existing folder of this task's own for spill files.
    directory: Path
    #: Buckets that share a spill file.
    step: int
    #: Differences of each table that are kept.
    limit: int
    limits: Limits = Limits()
    #: Read after ``acknowledged`` and before the end of the log.
    marks: StoredMarks = field(default_factory=StoredMarks)

    @property
    def judged_from(self) -> int:
        """First offset whose rows this generation must hold: records before it are gone, skipped or carried over."""
        return max(self.begin, self.skipped_to, self.rules.cut_of(self.log, self.part))

    @property
    def read_from(self) -> int:
        """First offset that is read: for events the window before the first judged one as far as the log holds it."""
        if self.topic != topics.EVENTS:
            return self.judged_from
        reach = self.rules.window_chunks * self.rules.chunk
        from_chunk = self.judged_from // self.rules.chunk * self.rules.chunk
        return max(self.begin, self.skipped_to, from_chunk - reach)


class PartitionResult(Struct, kw_only=True):
    """What was found in one partition; ``end`` is the next offset after the last that was recounted."""

    topic: str
    log: int
    part: int
    judged_from: int
    acknowledged: int
    end: int
    directory: Path
    records: int = 0
    #: Records that the window dropped.
    dropped: int = 0
    rejected: int = 0
    findings: Findings = field(default_factory=Findings)


class _Recount(Protocol):
    marks: Marks

    def take(self, records: Iterable[Record]) -> None: ...

    def finish(self) -> None: ...


class PartitionCheck:
    """One run over one partition; ``on_records`` is told how many records were read, list by list."""

    def __init__(self, task: PartitionTask, stored: StoredRows, on_records: Callable[[int], None]) -> None:
        self._task = task
        self._stored = stored
        self._on_records = on_records
        self._ledger = Ledger(task.directory, task.part, task.step)
        self._pending: list[ChunkCount] = []
        self._held = 0
        #: Rows of the tail as they were stored before the end of the log was asked for; None before the tail.
        self._tail_cells: dict[int, Cells] | None = None
        self._tail_rejected: dict[int, RejectedRow] = {}
        #: Where the next comparison begins: the first offset that was not compared.
        self._compared_to = task.judged_from
        self._result = PartitionResult(
            topic=task.topic,
            log=task.log,
            part=task.part,
            judged_from=task.judged_from,
            acknowledged=task.acknowledged,
            end=task.judged_from,
            directory=task.directory,
            findings=Findings(limit=task.limit),
        )
        self._recount = self._new_recount()
        self._sealed_cells: SortedCells | None = None

    async def run(self) -> PartitionResult:
        """Check the partition. Raises ``LogUnreadableError`` and ``StoreUnreadableError``."""
        task, result = self._task, self._result
        async with LogReader(task.kafka, task.topic, task.part) as log:
            now = await log.end()
            if now < task.acknowledged:
                self._tell_of_lost_records(now)
            # Whole chunks below the acknowledged offset cannot change any more: they are compared on the way.
            sealed = max(min(task.acknowledged, now) // task.rules.chunk * task.rules.chunk, task.read_from)
            with self._stored_cells(sealed) as self._sealed_cells:
                await self._read(log, task.read_from, sealed)
                self._recount.finish()
                self._compare_sealed(sealed)
            # The tail is read from the store first and from the log afterwards: rows of records that come in between
            # are then in the recount, which is an upper bound.
            self._keep_tail(max(sealed, self._compared_to))
            end = max(await log.end(), sealed)
            await self._read(log, sealed, end)
            self._recount.finish()
            self._compare_tail(end)
            self._compare_marks()
        result.end = max(end, task.judged_from)
        self._ledger.close()
        if isinstance(self._recount, EventRecount):
            result.dropped = self._recount.dropped
        return result

    @property
    def _is_events(self) -> bool:
        return self._task.topic == topics.EVENTS

    def _new_recount(self) -> _Recount:
        task = self._task
        if task.topic == topics.READINGS:
            return ReadingRecount(task.rules, task.log, task.part, task.acknowledged, self._ledger)
        if task.topic == topics.REJECTED:
            return RejectionRecount(task.rules, self._ledger)
        return EventRecount(
            task.rules,
            task.log,
            task.part,
            judged_from=task.judged_from,
            # Behind a recorded decision to go on, the window is empty for the workers too.
            known_from=0 if task.read_from == task.skipped_to else task.read_from,
            acknowledged=task.acknowledged,
            ledger=self._ledger,
            on_chunk=self._on_chunk,
        )

    async def _read(self, log: LogReader, start: int, end: int) -> None:
        async for records in log.read(start, end):
            self._recount.take(records)
            self._result.records += len(records)
            self._on_records(len(records))
            if self._held + self._ledger.rejected_held < PENDING_CELLS:
                continue
            last = records[-1][0]
            if self._tail_cells is None:
                # The chunk that is being counted waits; a topic without a grid has none.
                self._compare_sealed(last - last % self._task.rules.chunk if self._is_events else last + 1)
            else:
                self._compare_tail_rejected()

    def _stored_cells(self, sealed: int) -> AbstractContextManager[SortedCells | None]:
        task = self._task
        first, end = -(-task.judged_from // task.rules.chunk), sealed // task.rules.chunk
        if not self._is_events or first >= end:
            # Nothing is sealed: an answer without rows.
            first = end = 0
        return sorted_cells(self._stored, task.log, task.part, first, end, task.directory / "stored.cells")

    def _on_chunk(self, count: ChunkCount) -> None:
        if self._tail_cells is None:
            self._pending.append(count)
            self._held += len(count.read)
        else:
            kept = {count.chunk: self._tail_cells.pop(count.chunk, {})}
            task = self._task
            compare_cells(self._result.findings, task.log, task.part, [count], kept, task.limits.seconds(COUNTERS))

    def _compare_sealed(self, end: int) -> None:
        """Compare what was counted from the last comparison to ``end``, which lies below the acknowledged offset."""
        task, findings = self._task, self._result.findings
        if end <= self._compared_to:
            return
        rejected = self._ledger.take_rejected()
        due = [row for row in rejected if row.off < end]
        for row in rejected[len(due) :]:
            self._ledger.reject(row)
        self._result.rejected += len(due)
        stored = self._stored.rejected(task.log, task.part, self._compared_to, end)
        compare_rejected(findings, task.log, task.part, due, stored, end, end, task.limits.seconds(REJECTED_ROWS))
        if self._is_events:
            following = end // task.rules.chunk
            due_counts = [count for count in self._pending if count.chunk < following]
            assert self._sealed_cells is not None
            cells = self._sealed_cells.below(following)
            compare_cells(findings, task.log, task.part, due_counts, cells, task.limits.seconds(COUNTERS))
            self._pending = [count for count in self._pending if count.chunk >= following]
            self._held = sum(len(count.read) for count in self._pending)
        self._compared_to = end

    def _keep_tail(self, start: int) -> None:
        task = self._task
        self._tail_cells = {}
        if self._is_events:
            self._tail_cells = cells_from(self._stored, task.log, task.part, -(-start // task.rules.chunk))
        self._tail_rejected = {row.off: row for row in self._stored.rejected(task.log, task.part, start, 1 << 62)}

    def _compare_tail_rejected(self) -> None:
        task = self._task
        rows = self._ledger.take_rejected()
        self._result.rejected += len(rows)
        stored = [self._tail_rejected.pop(row.off) for row in rows if row.off in self._tail_rejected]
        compare_rejected(
            self._result.findings,
            task.log,
            task.part,
            rows,
            stored,
            task.acknowledged,
            0,
            task.limits.seconds(REJECTED_ROWS),
        )

    def _compare_tail(self, end: int) -> None:
        task, findings = self._task, self._result.findings
        self._compare_tail_rejected()
        compare_rejected(findings, task.log, task.part, [], self._tail_rejected.values(), task.acknowledged, end)
        if self._is_events:
            compare_cells(findings, task.log, task.part, [], self._tail_cells or {})

    def _compare_marks(self) -> None:
        task, marks, findings = self._task, self._recount.marks, self._result.findings
        where, kept_from, stored = f"log {task.log} partition {task.part}", task.limits.seconds(HOURS), task.marks
        compare_hours(findings, where, marks, stored.hours, stored.moved, task.judged_from, kept_from)
        compare_feeds(findings, where, marks, stored.feeds, task.judged_from)

    def _tell_of_lost_records(self, end: int) -> None:
        task = self._task
        self._result.findings.count(self._result.findings.differences, "log")
        self._result.findings.kept.append(
            Difference(
                "log",
                f"{task.topic} partition {task.part}",
                f"ends at {end}",
                f"acknowledged to {task.acknowledged}: the broker lost records",
            )
        )
