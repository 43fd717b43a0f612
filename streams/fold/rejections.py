"""The fold of rejections: what ingest could not understand becomes rows of ``rejected``."""

from __future__ import annotations

import polars as pl
from msgspec.structs import replace

from schemas.contract.rejected import Rejected
from schemas.contract.rejections import RejectionValidator
from streams.definition import Definition
from streams.fold.batch import Batch
from streams.fold.partition_fold import PartitionFold
from streams.fold.rejected_rows import RejectedRows, rejected_records
from streams.fold.rows import Span


class RejectionFold(PartitionFold):
    """Folds a partition of the topic ``rejected``; it needs no window, so there is nothing to read ahead.

    A report of ingest is a row of stage ``ingest``; a record that is no such report is itself rejected, stage
    ``fold``. Only the latter count for the brake: reports are the normal content of this topic. A report stays a row
    also if its original was mended later.
    """

    def __init__(self, log: int, partition: int, start: int, definition: Definition, *, floor: int = 0) -> None:
        super().__init__(log, partition, start, definition, floor=floor)
        self._validator = RejectionValidator()
        self._excluded = frozenset(definition.excluded_loads)
        self._rows = RejectedRows(log, partition)
        self._counts = {"rejected": 0, "excluded": 0}

    def _window_start(self, start: int, _floor: int) -> int:
        return start

    def _read_ahead(self, batch: Batch) -> None:
        raise AssertionError(f"Rejections have no window, yet {batch.first_offset} was read ahead.")

    def _take(self, batch: Batch) -> None:
        rejected: dict[int, Rejected] = {}
        for i, (raw, appended) in enumerate(zip(batch.values, batch.appended, strict=True)):
            offset = batch.first_offset + i
            if offset in batch.voids:
                continue
            verdict = self._validator(raw or b"")
            if isinstance(verdict, Rejected):
                rejected[i] = verdict
            elif verdict.load in self._excluded:
                self._counts["excluded"] += 1
            else:
                self._rows.report(verdict, offset, appended, len(raw or b""))
        records = rejected_records(batch, rejected)
        self._rows.add(records)
        self._brake.note(records, batch.records, batch.next_offset)
        self._counts["rejected"] += len(rejected)

    def _drain(self, span: Span) -> tuple[dict[str, pl.DataFrame], Span]:
        span = replace(span, **self._counts)
        self._counts = {"rejected": 0, "excluded": 0}
        return {"rejected": self._rows.drain()}, span
