"""Facts: rows of what exists once (appeals, messages, answers, changes, posts); the earliest copy in the log stands."""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
from msgspec import Struct

from schemas.contract.events import ANSWER_KINDS, CHANGE_KINDS, FACT_KINDS, Event
from streams.fold.columns import Times
from streams.fold.rows import TABLES
from streams.zones import HOUR_MS

#: Columns of fact tables that are not members of the event, or are numbers already.
_DERIVED: Final = frozenset({"hours", "names", "log", "part", "off", "at", "appended"})


class FactTable(Struct, frozen=True):
    """A table of facts: the kinds that it keeps, what identifies a fact, and the fields that name other things."""

    kinds: frozenset[str]
    key: str
    names: tuple[str, ...] = ()


FACT_TABLES: Final = {
    "appeals": FactTable(frozenset({"appeal_received"}), "appeal", ("thread",)),
    "answers": FactTable(ANSWER_KINDS, "id", ("appeal", "reply_to", "thread")),
    "appeal_changes": FactTable(CHANGE_KINDS, "id", ("appeal", "message")),
    "messages": FactTable(frozenset({"appeal_received"}), "message", ("appeal",)),
    "posts": FactTable(frozenset({"post_published"}), "object"),
    "post_removals": FactTable(frozenset({"post_removed"}), "object"),
}
#: By the number of a kind whether a table keeps it.
_KEPT: Final = {
    table: np.array([kind in facts.kinds for kind in FACT_KINDS], np.bool_) for table, facts in FACT_TABLES.items()
}
_NAMED: Final = {name: pl.String() for facts in FACT_TABLES.values() for name in facts.names}
#: The event's own members among each table's columns.
_MEMBERS: Final = {table: [name for name in TABLES[table] if name not in _DERIVED] for table in FACT_TABLES}


_ABSENT: Final = pl.Series([None], dtype=pl.Null)


class _Copies(Struct, gc=False):
    """Copies of facts of one table, in the order of the log; times in ms UTC, hours in seconds UTC."""

    events: list[Event]
    keys: list[str]
    offsets: Times
    at: Times
    appended: Times
    hours: npt.NDArray[np.uint32]

    def told(self, member: str) -> list[Any] | pl.Series:
        """A member of all events; a column without values is made at once."""
        values = list(map(attrgetter(member), self.events))
        return _ABSENT.new_from_index(0, len(values)) if values.count(None) == len(values) else values


class FactRows:
    """Collects the facts of one partition between two flushes.

    Each copy is a row, and the tables merge them: they keep the hours and names of all copies. A copy that the window
    knows is a fact row all the same: facts need no window.
    """

    def __init__(self, log: int, partition: int) -> None:
        self._position = (log, partition)
        self._taken: list[tuple[list[Event], npt.NDArray[np.uint8], Times, Times]] = []

    def add(self, events: list[Event], kinds: npt.NDArray[np.uint8], offsets: Times, appended: Times) -> None:
        """Accepted events of the fact kinds, in the order of the log, with the numbers of their kinds.

        ``appended`` in milliseconds UTC.
        """
        if events:
            self._taken.append((events, kinds, offsets, appended))

    def drain(self) -> tuple[dict[str, pl.DataFrame], dict[int, int]]:
        """The rows since the last call by table; and the hours they fall in (since 1970, UTC) with the next offset."""
        if not self._taken:
            return {}, {}
        events = [event for part, *_ in self._taken for event in part]
        kinds, offsets, appended = (np.concatenate([part[i] for part in self._taken]) for i in (1, 2, 3))
        self._taken = []
        at = np.fromiter((event.at for event in events), np.int64, len(events))
        hours = at // HOUR_MS
        frames: dict[str, pl.DataFrame] = {}
        in_hours: list[tuple[str, _Copies]] = []
        for table, facts in FACT_TABLES.items():
            rows = np.flatnonzero(_KEPT[table][kinds])
            if table == "messages":
                rows = rows[[events[row].message is not None for row in rows.tolist()]]
            if not len(rows):
                continue
            chosen = [events[row] for row in rows.tolist()]
            keys = list(map(attrgetter(facts.key), chosen))
            in_hour = (hours[rows] * (HOUR_MS // 1000)).astype(np.uint32)
            copies = _Copies(chosen, keys, offsets[rows], at[rows], appended[rows], in_hour)
            frames[table] = self._fact_rows(table, facts, copies)
            in_hours.append((table, copies))
        frames["fact_hours"] = self._hour_rows(in_hours)
        # Records stand in the order of the log: the last of an hour stays.
        return frames, dict(zip(hours.tolist(), (offsets + 1).tolist(), strict=True))

    def _fact_rows(self, table: str, facts: FactTable, copies: _Copies) -> pl.DataFrame:
        columns: dict[str, object] = {name: copies.told(name) for name in _MEMBERS[table]}
        columns[facts.key] = copies.keys
        # Neither a cast nor a series of rows is a query of polars, which takes a millisecond whatever its size.
        columns["hours"] = pl.Series(copies.hours.reshape(-1, 1)).cast(pl.List(pl.UInt32))
        if facts.names:
            named = pl.DataFrame({name: columns[name] for name in facts.names}, schema_overrides=_NAMED)
            columns["names"] = named.select(pl.concat_list(*facts.names).list.drop_nulls()).to_series()
        columns |= {**self._positions(copies.offsets), "at": copies.at, "appended": copies.appended}
        return pl.DataFrame({name: columns[name] for name in TABLES[table]}, schema=TABLES[table])

    def _hour_rows(self, tables: Sequence[tuple[str, _Copies]]) -> pl.DataFrame:
        def every(member: str) -> list[Any]:
            told = attrgetter(member)
            return [told(event) for _, copies in tables for event in copies.events]

        columns = {
            "hour": np.concatenate([copies.hours for _, copies in tables]).astype(np.int64) * 1000,
            "fact": [table for table, copies in tables for _ in copies.keys],
            "key": [key for _, copies in tables for key in copies.keys],
            **self._positions(np.concatenate([copies.offsets for _, copies in tables])),
            "place": every("place"),
            "page": [page or "" for page in every("page")],
            "kind": every("kind"),
            "entrance": every("entrance"),
        }
        return pl.DataFrame(columns, schema=TABLES["fact_hours"])

    def _positions(self, offsets: Times) -> dict[str, object]:
        log, part = self._position
        count = len(offsets)
        return {"log": np.full(count, log, np.uint16), "part": np.full(count, part, np.uint16), "off": offsets}
