"""Extents: the recounted offsets of each partition, and whether a stored position is before, in or after them."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from streams.positions import Partition

#: ``gone``: before what was recounted (trimmed, of a deleted topic, or carried over below a cut); ``later``: after it.
Standing = Literal["gone", "read", "later"]


class Extent(Struct, frozen=True):
    """The recounted offsets of one partition, [start, end)."""

    start: int
    end: int


class Extents(Struct, frozen=True):
    """The recounted stretches by (log, partition)."""

    known: dict[Partition, Extent]

    def standing(self, log: int, part: int, off: int) -> Standing:
        """Where a stored position stands."""
        extent = self.known.get(Partition(log, part))
        if extent is None or off < extent.start:
            return "gone"
        return "read" if off < extent.end else "later"
