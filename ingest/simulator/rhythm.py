"""The rhythm of day and week: how active people are at a moment of their own local time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from ingest.simulator.spec import DAY_MS, HOUR_MS
from schemas.reference.places import load_zone

#: Activity by local hour, 0 to 23: asleep at four, at work from nine, on the sofa at eight in the evening.
_HOURS: Final = np.array(
    [3, 2, 1.2, 1, 1, 1.5, 3, 6, 9, 11, 12, 12, 12.5, 12, 11.5, 11, 11, 12, 14, 16, 17, 15, 10, 6], dtype=np.float64
)
#: Activity by weekday, Monday first.
_WEEKDAYS: Final = np.array([1.05, 1.0, 1.0, 1.0, 0.95, 0.75, 0.7], dtype=np.float64)
#: 1970-01-01 was a Thursday.
_FIRST_WEEKDAY: Final = 3


class LocalTime:
    """Offsets of time zones from UTC, by the hour, from the pinned time zone package."""

    def __init__(self, zones: list[str]) -> None:
        self._zones = [load_zone(name) for name in zones]
        self._known: dict[tuple[int, int], int] = {}

    def offset_ms(self, zone: int, hour: int) -> int:
        """Milliseconds to add to UTC in the zone with this number, in this hour since 1970."""
        known = self._known.get((zone, hour))
        if known is None:
            moment = datetime.fromtimestamp(hour * 3600, tz=UTC)
            offset = moment.astimezone(self._zones[zone]).utcoffset()
            known = self._known[zone, hour] = 0 if offset is None else int(offset.total_seconds() * 1000)
        return known

    def days(self, zones: NDArray[np.int64], at: NDArray[np.int64]) -> NDArray[np.int64]:
        """The local day of each moment (milliseconds UTC) in the zone beside it, as days since 1970-01-01."""
        hours = at // HOUR_MS
        both, where = np.unique(zones * (1 << 32) + hours, return_inverse=True)
        offsets = np.array([self.offset_ms(int(b >> 32), int(b & 0xFFFFFFFF)) for b in both], dtype=np.int64)
        days: NDArray[np.int64] = (at + offsets[where]) // DAY_MS
        return days


def activity(local_ms: int) -> float:
    """Activity at a moment of local time (milliseconds since 1970-01-01 00:00 there); about 1 in the mean of a week."""
    hour = local_ms / HOUR_MS % 24
    before = int(hour)
    share = hour - before
    of_hour = _HOURS[before] * (1 - share) + _HOURS[(before + 1) % 24] * share
    weekday = (local_ms // DAY_MS + _FIRST_WEEKDAY) % 7
    return float(of_hour / _HOURS.mean() * _WEEKDAYS[weekday] / _WEEKDAYS.mean())
