"""The history of one key as change points: what is true from a day on, and how a new row changes it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import pairwise
from typing import Final, Literal

from msgspec import Struct

from ingest.registers.registers import Entry

State = Literal["in force", "ended", "cancelled"]


class Problem(Struct, frozen=True):
    """A row that cannot be taken over: its line in the file, its key and field where they are known, and the reason."""

    line: int
    key: str | None
    field: str | None
    reason: str


class Point(Struct, frozen=True):
    """From ``valid_from`` on the key has this entry; None: it is not in force."""

    valid_from: date
    entry: Entry | None


#: Points of one key by day, each day once.
History = tuple[Point, ...]
NOTHING: Final[History] = ()


class Validity(Struct, frozen=True):
    """An entry with its validity; ``valid_to`` is exclusive, None: no end is known."""

    valid_from: date
    valid_to: date | None
    entry: Entry


class Write(Struct, frozen=True):
    """A point that ClickHouse must get. ``entry`` is what was true before where the state is not ``in force``."""

    key: str
    valid_from: date
    state: State
    entry: Entry
    #: What was true just before the point, and at the point until now.
    before: Entry | None
    replaced: Entry | None


def at(history: History, day: date) -> Entry | None:
    """The entry on a day; None where the key is not in force."""
    found: Entry | None = None
    for point in history:
        if point.valid_from > day:
            break
        found = point.entry
    return found


def validity_at(history: History, day: date) -> Validity | None:
    """The validity that holds on a day; None where the key is not in force."""
    return next((each for each in validities(history) if _holds(each, day)), None)


def validities(history: History) -> Iterator[Validity]:
    """The validities of a history by day."""
    for point, following in pairwise((*history, None)):
        assert point is not None
        if point.entry is not None:
            yield Validity(point.valid_from, None if following is None else following.valid_from, point.entry)


def overlay(history: History, begin: date, end: date | None, entry: Entry) -> History:
    """The history in which ``entry`` is true from ``begin`` on.

    With an ``end`` the key is not in force from that day on, unless the history has a point there; points between are
    dropped. Without one the entry holds until the next point of the history.
    """
    later = [point for point in history if point.valid_from > begin]
    if end is not None:
        later = [point for point in later if point.valid_from >= end]
        if not later or later[0].valid_from > end:
            later.insert(0, Point(end, None))
    earlier = [point for point in history if point.valid_from < begin]
    return _normal([*earlier, Point(begin, entry), *later])


def end(history: History, day: date) -> History:
    """The history in which the key is not in force from ``day`` on; later points are dropped."""
    return _normal([*(point for point in history if point.valid_from < day), Point(day, None)])


def cancel(history: History, day: date) -> History:
    """The history without the point of ``day``: what was true before it goes on."""
    return _normal([point for point in history if point.valid_from != day])


def writes(key: str, old: History, new: History) -> Iterator[Write]:
    """The points in which two histories of a key differ, by day."""
    old_points = {point.valid_from: point for point in old}
    new_points = {point.valid_from: point for point in new}
    for day in sorted(old_points.keys() | new_points.keys()):
        was, now = old_points.get(day), new_points.get(day)
        if was == now:
            continue
        before = at(new, day - date.resolution) if day > date.min else None
        replaced = at(old, day)
        entry = now.entry if now is not None else None
        state: State = "cancelled" if now is None else "ended" if entry is None else "in force"
        known = entry or before or replaced or next(point.entry for point in (*old, *new) if point.entry is not None)
        assert known is not None
        yield Write(key, day, state, known, before, replaced)


def _normal(points: Sequence[Point]) -> History:
    """Without points that change nothing."""
    kept: list[Point] = []
    for point in points:
        if point.entry != (kept[-1].entry if kept else None):
            kept.append(point)
    return tuple(kept)


def _holds(validity: Validity, day: date) -> bool:
    return validity.valid_from <= day and (validity.valid_to is None or day < validity.valid_to)
