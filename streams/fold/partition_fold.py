"""What the folds of all topics have in common: their offsets, and the order of their calls."""

from __future__ import annotations

from abc import ABC, abstractmethod

import polars as pl

from streams.definition import Definition
from streams.fold.batch import Batch, ColdWindowError
from streams.fold.brake import Brake
from streams.fold.rows import Rows, Span
from streams.grid import window_start


class PartitionFold(ABC):
    """Folds one partition of one log from ``start`` on: records in, rows out; a pure function of the log.

    First call ``warm`` with the records from ``window_from`` to ``start``, if there are any. Then call ``fold`` and
    ``flush`` in any order: the merged rows of all flushes do not depend on it. If rows are not acknowledged, the fold
    is discarded, and a new one starts at the chunk of the committed offset. Not thread-safe.
    """

    def __init__(self, log: int, partition: int, start: int, definition: Definition, *, floor: int = 0) -> None:
        """``start`` is the first offset of a chunk or the ``floor``, and not below the generation's cut.

        ``floor`` is the offset at which the operator decided to go on behind a gap of the log: the window below it is
        empty. Raises ValueError for a start that the grid does not allow.
        """
        if start < 0 or (start % definition.chunk and start != floor):
            raise ValueError(f"Offset {start} is not the start of a chunk of {definition.chunk} records.")
        if start < definition.cut_of(log, partition):
            raise ValueError(f"Offset {start} lies below the cut at {definition.cut_of(log, partition)}.")
        self.log = log
        self.partition = partition
        self.definition = definition
        #: First offset that ``warm`` must be given; equal to ``start`` where there is nothing to read ahead.
        self.window_from = self._window_start(start, floor)
        #: The offset of the record that ``fold`` takes next.
        self.next_offset = start
        self._start = start
        self._warm_offset = self.window_from
        self._flushed = start
        self._appended = 0
        self._voids = 0
        self._brake = Brake()

    @property
    def warm_offset(self) -> int:
        """The offset of the record that ``warm`` takes next; the start of the fold when the window is complete."""
        return self._warm_offset

    @property
    def rejects_most(self) -> bool:
        """Whether the partition should stop: at least half of the last 1,000 records were rejected."""
        return self._brake.pulled

    def warm(self, batch: Batch) -> None:
        """Read ahead: take the identities of the window before the start. Records from the start on are left alone.

        Raises :class:`streams.fold.batch.GapError` where the batch begins beyond ``warm_offset``.
        """
        part = batch.between(self._warm_offset, self._start)
        if part is not None:
            self._read_ahead(part)
            self._warm_offset = part.next_offset

    def fold(self, batch: Batch) -> None:
        """Take a batch; records below ``next_offset`` were folded already and are skipped.

        Raises :class:`streams.fold.batch.GapError` where the batch begins beyond ``next_offset``, and
        :class:`streams.fold.batch.ColdWindowError` where ``warm`` has not reached the start. No record raises.
        """
        if self._warm_offset < self._start:
            raise ColdWindowError(
                f"The window before offset {self._start} is read up to {self._warm_offset} only: read on from there."
            )
        part = batch.between(self.next_offset)
        if part is not None:
            self._take(part)
            self.next_offset = part.next_offset
            self._appended = part.appended[-1]
            self._voids += len(part.voids)

    def flush(self) -> Rows | None:
        """The rows that changed since the flush before; None where no record was folded since.

        Rows of counters hold the absolute counts of their chunk so far.
        """
        if self._flushed == self.next_offset:
            return None
        tables, span = self._drain(
            Span(
                log=self.log,
                part=self.partition,
                first_offset=self._flushed,
                next_offset=self.next_offset,
                appended=self._appended,
                voids=self._voids,
            )
        )
        self._flushed, self._voids = self.next_offset, 0
        return Rows({name: frame for name, frame in tables.items() if frame.height}, (span,))

    def _window_start(self, start: int, floor: int) -> int:
        """First offset to read ahead from; a topic without a window reads nothing ahead."""
        return window_start(start, self.definition.chunk, self.definition.window_chunks, floor)

    @abstractmethod
    def _read_ahead(self, batch: Batch) -> None:
        """Take the identities of a batch that lies wholly before the start."""

    @abstractmethod
    def _take(self, batch: Batch) -> None:
        """Fold a batch that begins at ``next_offset``."""

    @abstractmethod
    def _drain(self, span: Span) -> tuple[dict[str, pl.DataFrame], Span]:
        """The rows since the flush before, and ``span`` with the tallies filled in."""
