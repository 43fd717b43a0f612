"""Facts: rows of appeals, of official answers and of changes; the copy that stands earliest in the log is the fact."""

from __future__ import annotations

from operator import attrgetter
from typing import Final

import polars as pl

from schemas.events import ANSWER_KINDS, CHANGE_KINDS, Event
from streams.rows import TABLES, frame
from streams.zones import HOUR_MS, moscow_day

_TABLE_OF: Final = (
    {"appeal_received": "appeals"}
    | dict.fromkeys(ANSWER_KINDS, "answers")
    | dict.fromkeys(CHANGE_KINDS, "appeal_changes")
)
#: Columns that are not members of the event.
_DERIVED: Final = frozenset({"day", "log", "part", "off", "appended"})
#: The event's own members in the order of each table's columns: its identity, its time, then the rest.
_MEMBERS: Final = {
    table: attrgetter(*(name for name in TABLES[table] if name not in _DERIVED)) for table in _TABLE_OF.values()
}


class FactRows:
    """Collects the facts of one partition between two flushes: of the copies of one key only the earliest.

    A copy that the window knows is a fact row all the same: facts need no window.
    """

    def __init__(self, log: int, partition: int) -> None:
        self._position = (log, partition)
        self._rows: dict[str, dict[tuple[int, str], tuple[object, ...]]] = {}
        self._hours: dict[int, int] = {}

    def add(self, event: Event, offset: int, appended: int) -> None:
        """An accepted event of an appeal kind, in the order of the log; ``appended`` in milliseconds UTC."""
        table = _TABLE_OF[event.kind]
        key, at, *rest = _MEMBERS[table](event)
        day = moscow_day(at)
        rows = self._rows.setdefault(table, {})
        rows.setdefault((day, key), (day, key, *self._position, offset, at, appended, *rest))
        self._hours[at // HOUR_MS] = offset + 1

    def drain(self) -> tuple[dict[str, pl.DataFrame], dict[int, int]]:
        """The rows since the last call by table; and the hours they fall in (since 1970, UTC) with the next offset."""
        rows, self._rows = self._rows, {}
        hours, self._hours = self._hours, {}
        frames = {
            table: frame(table, dict(zip(TABLES[table], zip(*copies.values(), strict=True), strict=True)))
            for table, copies in rows.items()
        }
        return frames, hours
