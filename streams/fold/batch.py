"""A batch: consecutive raw records of one partition."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from msgspec import Struct


class GapError(Exception):
    """A batch begins beyond the expected offset: the records between may be lost."""


class ColdWindowError(Exception):
    """``fold`` was called before ``warm`` had read the window."""


class Batch(Struct, gc=False):
    """Consecutive offsets of one partition.

    ``values[i]`` is the record at ``first_offset + i`` as it stands in the log, None for a record without a value;
    ``appended[i]`` is its append time, milliseconds since 1970-01-01T00:00:00Z. ``voids`` are the offsets at which the
    log holds no record for us (markers of transactions, aborted records, records removed by compaction); their values
    are None.
    """

    first_offset: int
    values: list[bytes | None]
    appended: list[int] | array[int]
    voids: frozenset[int] = frozenset()

    @property
    def next_offset(self) -> int:
        """The offset after the last one of the batch."""
        return self.first_offset + len(self.values)

    @property
    def records(self) -> int:
        """How many records it has: offsets without the voids."""
        return len(self.values) - len(self.voids)

    def between(self, expected: int, end: int | None = None) -> Batch | None:
        """The part of this batch at or after ``expected`` and before ``end``; None where there is none.

        Records below ``expected`` are dropped: the transport read them again. Raises :class:`GapError` where the batch
        begins beyond ``expected``.
        """
        if not self.values:
            return None
        if self.first_offset > expected:
            raise GapError(
                f"Expected offset {expected}, but the batch begins at {self.first_offset}: "
                f"{self.first_offset - expected} records are missing. Seek back to {expected}."
            )
        last = self.next_offset if end is None else min(self.next_offset, end)
        if last <= expected:
            return None
        if expected == self.first_offset and last == self.next_offset:
            return self
        begin, stop = expected - self.first_offset, last - self.first_offset
        voids = self.voids and frozenset(offset for offset in self.voids if expected <= offset < last)
        return Batch(expected, self.values[begin:stop], self.appended[begin:stop], voids)

    def beginning_at(self, offset: int) -> Batch:
        """The same batch with voids from ``offset`` to its first offset."""
        missing = self.first_offset - offset
        values: list[bytes | None] = [None] * missing
        appended = [self.appended[0]] * missing
        voids = self.voids.union(range(offset, self.first_offset))
        return Batch(offset, values + self.values, appended + list(self.appended), voids)

    def by_chunk(self, chunk: int) -> Iterator[Batch]:
        """The batch cut at the boundaries of chunks of ``chunk`` records."""
        at = self.first_offset
        while (part := self.between(at, at - at % chunk + chunk)) is not None:
            yield part
            at = part.next_offset
