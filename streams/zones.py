"""Local days: the calendar day of a place at a moment, from the pinned time zone database."""

from __future__ import annotations

from datetime import datetime
from functools import lru_cache
from typing import Final

from schemas.reference.places import COUNTRY_ZONE, load_zone, zone_of

HOUR_MS: Final = 3_600_000
DAY_MS: Final = 86_400_000

#: Places and hours repeat a thousandfold, but an adversary may send a new one with every record.
_remembered = lru_cache(maxsize=65_536)


@_remembered
def zone_of_place(place: str) -> str:
    """The IANA zone in which the days of a place are cut."""
    return zone_of(place)


def offset_at(zone: str, at_ms: int) -> int:
    """Milliseconds that local time in ``zone`` is ahead of UTC at ``at_ms`` (milliseconds UTC)."""
    offset = datetime.fromtimestamp(at_ms // 1000, load_zone(zone)).utcoffset()
    assert offset is not None
    return (offset.days * 86_400 + offset.seconds) * 1000


@_remembered
def offset_in_hour(zone: str, hour: int) -> int | None:
    """The offset (milliseconds) through a whole hour, numbered from 1970 in UTC; None where it changes within."""
    begin = offset_at(zone, hour * HOUR_MS)
    return begin if begin == offset_at(zone, (hour + 1) * HOUR_MS - 1) else None


def day_at(zone: str, at_ms: int) -> int:
    """The local calendar day at ``at_ms`` (milliseconds UTC), as days since 1970-01-01.

    Where the local calendar still shows 1969 the day is 0: ClickHouse's ``Date`` begins in 1970.
    """
    offset = offset_in_hour(zone, at_ms // HOUR_MS)
    return max(0, (at_ms + (offset_at(zone, at_ms) if offset is None else offset)) // DAY_MS)


def hours_of_day(zone: str, day: int) -> tuple[int, ...]:
    """The hours (their starts, seconds UTC) that a local day (days since 1970-01-01) holds: 24, or 23 and 25.

    An hour belongs to the local day that it starts in.
    """
    # Local time is at most 12 hours behind UTC and 14 hours ahead.
    around = range(day * 24 - 14, day * 24 + 24 + 12)
    return tuple(hour * 3600 for hour in around if hour >= 0 and day_at(zone, hour * HOUR_MS) == day)


def moscow_day(at_ms: int) -> int:
    """The day by Moscow's calendar (days since 1970-01-01): the day of facts."""
    return day_at(COUNTRY_ZONE, at_ms)
