"""Times in files: texts of a given form, in a given zone, as milliseconds since 1970-01-01T00:00:00Z."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

Length = Literal["day", "month", "year"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS: Final = re.compile(r"[0-9]{1,11}(?:\.[0-9]{1,9})?", re.ASCII)
_MILLISECONDS: Final = re.compile(r"[0-9]{1,14}", re.ASCII)
#: Forms that need no zone.
ZONELESS: Final = frozenset({"unix", "unix_ms"})


def to_ms(moment: datetime) -> int:
    """Milliseconds of an aware time, rounded down, without a detour through floating point."""
    passed = moment - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1000 + passed.microseconds // 1000


def time_reader(form: str, zone: ZoneInfo) -> Callable[[str], int]:
    """A function from a text to milliseconds UTC. It raises ValueError for a text of another form.

    ``form`` is ``iso`` (ISO 8601, a date alone meaning its midnight), ``unix`` (seconds), ``unix_ms``, or a pattern of
    ``datetime.strptime``. A text without an offset is a local time of ``zone``. A time that exists twice is the first
    of the two; a time that does not exist counts by the offset before the change (PEP 495, ``fold=0``).
    """
    if form == "unix":
        return _seconds
    if form == "unix_ms":
        return _milliseconds
    read = _moment_reader(form, zone)

    def milliseconds(text: str) -> int:
        try:
            return to_ms(read(text))
        except OverflowError as error:
            raise ValueError(str(error)) from error

    return milliseconds


def period_reader(form: str, zone: ZoneInfo, length: Length) -> Callable[[str], tuple[int, int]]:
    """A function from a text to the local day, month or year of ``zone`` that holds it: [from, to) in milliseconds UTC.

    It raises ValueError as ``time_reader`` does. A day in which clocks change has 23 or 25 hours.
    """
    read = _moment_reader(form, zone)

    def period(text: str) -> tuple[int, int]:
        try:
            day = read(text).astimezone(zone).date()
            if length == "day":
                first, after = day, day + timedelta(days=1)
            elif length == "month":
                first = day.replace(day=1)
                after = (first + timedelta(days=31)).replace(day=1)
            else:
                first = day.replace(month=1, day=1)
                after = first.replace(year=first.year + 1)
            return _midnight(first, zone), _midnight(after, zone)
        except OverflowError as error:
            raise ValueError(str(error)) from error

    return period


def _midnight(day: date, zone: ZoneInfo) -> int:
    return to_ms(datetime(day.year, day.month, day.day, tzinfo=zone))


def _moment_reader(form: str, zone: ZoneInfo) -> Callable[[str], datetime]:
    if form in ZONELESS:
        milliseconds = _seconds if form == "unix" else _milliseconds
        return lambda text: _EPOCH + timedelta(milliseconds=milliseconds(text))
    if form == "iso":

        def iso(text: str) -> datetime:
            moment = datetime.fromisoformat(text)
            return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)

        return iso

    def patterned(text: str) -> datetime:
        moment = datetime.strptime(text, form)  # noqa: DTZ007 (the next line gives it its zone)
        return moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)

    return patterned


def _seconds(text: str) -> int:
    if not _SECONDS.fullmatch(text):
        raise ValueError("not seconds")
    whole, _, fraction = text.partition(".")
    return int(whole) * 1000 + int(fraction[:3].ljust(3, "0"))


def _milliseconds(text: str) -> int:
    if not _MILLISECONDS.fullmatch(text):
        raise ValueError("not milliseconds")
    return int(text)
