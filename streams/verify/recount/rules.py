"""The rules of counting in a generation's definition, read from its JSON without the code of the fold."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from functools import cached_property, lru_cache

import msgspec
from msgspec import Struct

from schemas.contract.events import Event
from schemas.reference.places import load_zone, zone_of
from streams.positions import Position


class Stamp(Struct, frozen=True):
    """Events of ``page`` at ``from_ms <= at < to_ms`` (milliseconds UTC) belong to ``place``, whatever they say."""

    page: str
    from_ms: int
    to_ms: int
    place: str


class Rules(Struct, frozen=True, dict=True, kw_only=True):
    """The part of a definition that decides what a record counts for; the rest of its fields is ignored."""

    generation: int
    chunk: int
    window_chunks: int
    stamps: tuple[Stamp, ...] = ()
    excluded_loads: tuple[str, ...] = ()
    #: Origins (log, partition, offset) that were mended and sent again: they stay rejected.
    mended: tuple[Position, ...] = ()
    #: (log, partition, offset): rows below were carried over from the generation before.
    cut: tuple[Position, ...] = ()

    @cached_property
    def excluded(self) -> frozenset[str]:
        """The excluded loads as a set."""
        return frozenset(self.excluded_loads)

    @cached_property
    def _stamps_of(self) -> Mapping[str, tuple[Stamp, ...]]:
        by_page: dict[str, list[Stamp]] = {}
        for stamp in self.stamps:
            by_page.setdefault(stamp.page, []).append(stamp)
        return {page: tuple(stamps) for page, stamps in by_page.items()}

    def place_of(self, event: Event) -> str:
        """The place that the event counts for: the stamp set's, else its own. Stamps of one page never overlap."""
        if event.page is not None:
            for stamp in self._stamps_of.get(event.page, ()):
                if stamp.from_ms <= event.at < stamp.to_ms:
                    return stamp.place
        return event.place

    def mended_in(self, log: int, part: int) -> frozenset[int]:
        """Offsets of one partition that stay rejected."""
        return frozenset(off for of_log, of_part, off in self.mended if (of_log, of_part) == (log, part))

    def cut_of(self, log: int, part: int) -> int:
        """First offset that this generation folded itself; 0 without a cut."""
        return max((off for of_log, of_part, off in self.cut if (of_log, of_part) == (log, part)), default=0)


def parse_rules(definition: str | bytes) -> Rules:
    """The rules in a definition's JSON. Raises ``msgspec.ValidationError`` where it is none."""
    return msgspec.json.decode(definition, type=Rules)


@lru_cache(maxsize=500_000)
def _day_of_quarter(zone: str, quarter: int) -> str:
    """The calendar day (ISO) of a quarter of an hour, numbered from 1970 in UTC.

    Since 1972 every zone's offset, and every moment at which one changes, is a multiple of a quarter of an hour.
    """
    day = datetime.fromtimestamp(quarter * 900, UTC).astimezone(load_zone(zone)).date()
    # ClickHouse's Date begins in 1970; west of Greenwich the first hours of 1970 are still 1969.
    return max(day, date(1970, 1, 1)).isoformat()


@lru_cache(maxsize=500_000)
def _zone(place: str) -> str:
    return zone_of(place)


def local_day(place: str, at_ms: int) -> str:
    """The day by the calendar of a place."""
    return _day_of_quarter(_zone(place), at_ms // 900_000)
