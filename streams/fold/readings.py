"""The fold of readings: raw records of one partition in, the latest observation of each object and period out."""

from __future__ import annotations

from collections import Counter
from operator import attrgetter
from typing import Final

import numpy as np
import polars as pl
from msgspec.structs import replace

from schemas.contract.events import MAX_AHEAD_MS, rejected_ahead
from schemas.contract.readings import Reading, ReadingValidator
from schemas.contract.rejected import MENDED, Rejected
from streams.definition import Definition, mended_offsets
from streams.fold.batch import Batch
from streams.fold.marks import SourceMarks, touched_rows
from streams.fold.partition_fold import PartitionFold
from streams.fold.rejected_rows import RejectedRows, rejected_records
from streams.fold.rows import TABLES, Span
from streams.zones import HOUR_MS

_KEY: Final = attrgetter("metric", "object", "period_from", "period_to", "source")
_SAID: Final = attrgetter("observed_at", "complete_at", "value")
_MEMBERS: Final = attrgetter("id", "page", "place", "channel", "entrance", "topic", "load")

_Key = tuple[str, str, int, int, str]


class ReadingFold(PartitionFold):
    """Folds a partition of the topic ``readings``; it needs no window, so there is nothing to read ahead."""

    def __init__(self, log: int, partition: int, start: int, definition: Definition, *, floor: int = 0) -> None:
        super().__init__(log, partition, start, definition, floor=floor)
        self._validator = ReadingValidator()
        self._mended = frozenset(mended_offsets(log, partition, definition))
        self._excluded = frozenset(definition.excluded_loads)
        #: By key: when it was known, offset, append time, reading; the largest of the first two stands.
        self._latest: dict[_Key, tuple[int, int, int, Reading]] = {}
        self._rejected = RejectedRows(log, partition)
        self._sources = SourceMarks(log, partition)
        #: Hour (since 1970, UTC) in which the period of a total begins -> the offset after the last such record.
        self._hours: dict[int, int] = {}
        self._begin_tally()

    def _begin_tally(self) -> None:
        self._counts = {"rejected": 0, "excluded": 0}
        self._unknown_before = self._validator.unknown_fields
        self._metrics: Counter[str] = Counter()

    def _window_start(self, start: int, _floor: int) -> int:
        return start

    def _read_ahead(self, batch: Batch) -> None:
        raise AssertionError(f"Readings have no window, yet {batch.first_offset} was read ahead.")

    def _take(self, batch: Batch) -> None:
        rejected: dict[int, Rejected] = {}
        accepted: list[tuple[Reading, int, int]] = []
        for i, (raw, appended) in enumerate(zip(batch.values, batch.appended, strict=True)):
            if batch.first_offset + i in batch.voids:
                continue
            verdict = self._judge(raw, batch.first_offset + i, appended)
            if isinstance(verdict, Rejected):
                rejected[i] = verdict
            elif verdict is not None:
                accepted.append((verdict, batch.first_offset + i, appended))
        records = rejected_records(batch, rejected)
        self._rejected.add(records)
        self._brake.note(records, batch.records, batch.next_offset)
        self._counts["rejected"] += len(rejected)
        self._counts["excluded"] += batch.records - len(rejected) - len(accepted)
        self._keep(accepted)

    def _judge(self, raw: bytes | None, offset: int, appended: int) -> Reading | Rejected | None:
        """The reading, why it is rejected, or None where its load is excluded: the order that events are judged in."""
        verdict = self._validator(raw or b"")
        if isinstance(verdict, Rejected):
            return verdict
        if verdict.observed_at > appended + MAX_AHEAD_MS:
            return rejected_ahead("observed_at")
        if verdict.complete_at is not None and verdict.complete_at > appended + MAX_AHEAD_MS:
            return rejected_ahead("complete_at")
        if offset in self._mended:
            return MENDED
        return None if verdict.load in self._excluded else verdict

    def _keep(self, accepted: list[tuple[Reading, int, int]]) -> None:
        if not accepted:
            return
        for reading, offset, appended in accepted:
            key = _KEY(reading)
            self._metrics[reading.metric] += 1
            if reading.metric == "appeals":
                self._hours[reading.period_from // HOUR_MS] = offset + 1
            standing = self._latest.get(key)
            known_at = reading.observed_at if reading.complete_at is None else reading.complete_at
            # In the order of the log: of observations of one moment the later record stands.
            if standing is None or known_at >= standing[0]:
                self._latest[key] = (known_at, offset, appended, reading)
        readings, offsets, appends = zip(*accepted, strict=True)
        self._sources.add(
            [reading.source for reading in readings],
            np.array(offsets, np.int64),
            np.array(appends, np.int64),
            np.array([reading.observed_at for reading in readings], np.int64),
        )

    def _drain(self, span: Span) -> tuple[dict[str, pl.DataFrame], Span]:
        rows = [
            (*key, known_at, self.log, self.partition, offset, *_SAID(reading), appended, *_MEMBERS(reading))
            for key, (known_at, offset, appended, reading) in self._latest.items()
        ]
        tables = {
            "readings": pl.DataFrame(rows, schema=TABLES["readings"], orient="row"),
            "rejected": self._rejected.drain(),
            "sources": self._sources.drain(),
            "touched": touched_rows(self.log, self.partition, self._hours),
        }
        unknown = self._validator.unknown_fields - self._unknown_before
        span = replace(span, unknown_fields=unknown, kinds=dict(self._metrics), **self._counts)
        self._latest, self._hours = {}, {}
        self._begin_tally()
        return tables, span
