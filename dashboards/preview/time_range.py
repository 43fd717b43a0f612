"""Time ranges as Grafana writes them in an address: ``now``, ``now-24h``, ``now/d``, milliseconds."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

_FORM: Final = re.compile(r"now(?:-(?P<number>\d{1,4})(?P<unit>[mhdw]))?(?:/(?P<round>[hdw]))?")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class RangeError(ValueError):
    """A time that cannot be read, or a range that ends before it begins; one sentence."""


def moment_ms(text: str, now: datetime, zone: ZoneInfo, *, end: bool = False) -> int:
    """Milliseconds UTC of one end of a range. ``/d`` rounds down to the day of the zone, up at the ``end``.

    Raises :class:`RangeError`.
    """
    if re.fullmatch(r"\d{10,14}", text):
        return int(text)
    found = _FORM.fullmatch(text)
    if found is None:
        raise RangeError(f"{text!r} is no time: write now, now-24h, now/d or milliseconds")
    moment = now.astimezone(zone)
    if found["number"] is not None:
        moment -= timedelta(**{_UNITS[found["unit"]]: int(found["number"])})
    if found["round"] is not None:
        moment = moment.replace(minute=0, second=0, microsecond=0)
        if found["round"] in "dw":
            moment = moment.replace(hour=0)
        if found["round"] == "w":
            moment -= timedelta(days=moment.weekday())
        if end:
            moment += timedelta(**{_UNITS[found["round"]]: 1}) - timedelta(milliseconds=1)
    return int(moment.timestamp() * 1000)


def range_ms(since: str, until: str, now: datetime, zone: ZoneInfo) -> tuple[int, int]:
    """Both ends of a range. Raises :class:`RangeError`, also for more than three years."""
    begin, end = moment_ms(since, now, zone), moment_ms(until, now, zone, end=True)
    if not begin < end:
        raise RangeError("the period ends before it begins")
    if end - begin > 3 * 366 * 86_400_000:
        raise RangeError("the period is longer than three years")
    return begin, end
