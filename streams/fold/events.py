"""The fold of events: raw records of one partition in, rows of facts, counters, audiences and rejections out."""

from __future__ import annotations

import numpy as np
import polars as pl
from msgspec.structs import replace

from schemas.contract.events import FACT_KINDS, KINDS
from streams.definition import Definition
from streams.fold.batch import Batch
from streams.fold.chunk import ChunkFold
from streams.fold.facts import FactRows
from streams.fold.judge import EventJudge, Judged
from streams.fold.marks import SourceMarks, touched_rows
from streams.fold.partition_fold import PartitionFold
from streams.fold.rejected_rows import RejectedRows
from streams.fold.rows import Span
from streams.fold.window import IdentityWindow, Words
from streams.grid import chunk_number


class EventFold(PartitionFold):
    """Folds a partition of the topic ``events``. How to drive it: :class:`streams.fold.partition_fold.PartitionFold`.

    ``fold`` decodes and judges record by record and leaves numbers behind; the heavy columnar part runs where a chunk
    is complete and in ``flush``.
    """

    def __init__(self, log: int, partition: int, start: int, definition: Definition, *, floor: int = 0) -> None:
        super().__init__(log, partition, start, definition, floor=floor)
        self._judge = EventJudge(log, partition, definition)
        self._window = IdentityWindow(definition.window_chunks)
        self._ahead: list[Words] = []
        self._chunk = self._new_chunk(start)
        self._finished: list[ChunkFold] = []
        self._facts = FactRows(log, partition)
        self._rejected = RejectedRows(log, partition)
        self._sources = SourceMarks(log, partition)
        self._begin_tally()

    def _begin_tally(self) -> None:
        self._counts = {"rejected": 0, "excluded": 0, "repeats": 0}
        self._unknown_before = self._judge.unknown_fields
        self._kinds = np.zeros(len(KINDS), np.int64)

    def _new_chunk(self, offset: int) -> ChunkFold:
        judge = self._judge
        judge.begin_chunk()
        number = chunk_number(offset, self.definition.chunk)
        return ChunkFold(self.log, self.partition, number, judge.places, judge.pages)

    def _read_ahead(self, batch: Batch) -> None:
        for part in batch.by_chunk(self.definition.chunk):
            self._ahead.append(self._judged(part).columns.identities)
            if self._completes_chunk(part):
                self._window.admit(np.concatenate(self._ahead))
                self._ahead = []
                self._window.close_chunk()
                self._chunk = self._new_chunk(part.next_offset)
        self._unknown_before = self._judge.unknown_fields

    def _take(self, batch: Batch) -> None:
        for part in batch.by_chunk(self.definition.chunk):
            self._take_judged(self._judged(part))
            if self._completes_chunk(part):
                self._counts["repeats"] += self._chunk.settle(self._window)
                self._window.close_chunk()
                self._finished.append(self._chunk)
                self._chunk = self._new_chunk(part.next_offset)

    def _take_judged(self, judged: Judged) -> None:
        self._rejected.add(judged.rejected)
        self._counts["rejected"] += len(judged.rejected)
        self._counts["excluded"] += judged.excluded
        events = judged.columns
        if not len(events.offsets):
            return
        self._chunk.take(events)
        self._kinds += np.bincount(events.kinds, minlength=len(KINDS))
        self._sources.add_numbered(
            list(self._judge.sources), events.sources, events.offsets, events.appended, events.at
        )
        of_facts = np.flatnonzero(events.kinds < len(FACT_KINDS))
        self._facts.add(judged.facts, events.kinds[of_facts], events.offsets[of_facts], events.appended[of_facts])

    def _judged(self, part: Batch) -> Judged:
        judged = self._judge.judge(part)
        self._brake.note(judged.rejected, part.records, part.next_offset)
        return judged

    def _completes_chunk(self, part: Batch) -> bool:
        return part.next_offset % self.definition.chunk == 0

    def _drain(self, span: Span) -> tuple[dict[str, pl.DataFrame], Span]:
        self._counts["repeats"] += self._chunk.settle(self._window)
        tables, hours = self._facts.drain()
        frames: dict[str, list[pl.DataFrame]] = {}
        for chunk in [*self._finished, self._chunk]:
            drained, changed = chunk.drain()
            for name, frame in drained:
                frames.setdefault(name, []).append(frame)
            for hour, high in changed.items():
                hours[hour] = max(high, hours.get(hour, 0))
        self._finished = []
        tables |= {name: parts[0] if len(parts) == 1 else pl.concat(parts) for name, parts in frames.items()}
        tables["rejected"] = self._rejected.drain()
        tables["touched"] = touched_rows(self.log, self.partition, hours)
        tables["sources"] = self._sources.drain()
        kinds = {kind: count for kind, count in zip(KINDS, self._kinds.tolist(), strict=True) if count}
        unknown = self._judge.unknown_fields - self._unknown_before
        span = replace(span, unknown_fields=unknown, kinds=kinds, **self._counts)
        self._begin_tally()
        return tables, span
