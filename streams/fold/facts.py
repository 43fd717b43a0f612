"""Facts: rows of what exists once (appeals, messages, answers, changes, posts); the earliest copy in the log stands."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
from msgspec import Struct
from msgspec.structs import astuple

from schemas.contract.events import ANSWER_KINDS, CHANGE_KINDS, FACT_KINDS, Event
from streams.fold.columns import Times
from streams.fold.rows import TABLES
from streams.zones import HOUR_MS


class FactTable(Struct, frozen=True):
    """A table of facts: the kinds that it keeps, what identifies a fact, and whether ``fact_hours`` lists its facts."""

    kinds: frozenset[str]
    key: str
    by_hour: bool = True


FACT_TABLES: Final = {
    "appeals": FactTable(frozenset({"appeal_received"}), "appeal"),
    "answers": FactTable(ANSWER_KINDS, "id"),
    "appeal_changes": FactTable(CHANGE_KINDS, "id"),
    "messages": FactTable(frozenset({"appeal_received"}), "message"),
    "posts": FactTable(frozenset({"post_published"}), "object", by_hour=False),
    "post_removals": FactTable(frozenset({"post_removed"}), "object", by_hour=False),
}
#: By the number of a kind whether a table keeps it.
_KEPT: Final = {
    table: np.array([kind in facts.kinds for kind in FACT_KINDS], np.bool_) for table, facts in FACT_TABLES.items()
}
#: All columns that a table takes from an event itself, and their types: a column has the same in every table.
_POSITION: Final = ("log", "part", "off", "appended")
_MEMBERS: Final = {
    name: dtype for table in FACT_TABLES for name, dtype in TABLES[table].items() if name in Event.__struct_fields__
}
_EVERY: Final = pl.Schema(_MEMBERS | {name: TABLES["appeals"][name] for name in _POSITION})
_TABLE_NAMES: Final = pl.Series(list(FACT_TABLES), dtype=pl.String)
_TABLE_NUMBERS: Final = {table: number for number, table in enumerate(FACT_TABLES)}
_ABSENT: Final = pl.Series([None], dtype=pl.Null)


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
        every = self._every(events, offsets, appended)
        frames: dict[str, pl.DataFrame] = {}
        by_hour: list[tuple[str, npt.NDArray[np.intp]]] = []
        has_message = every["message"].is_not_null().to_numpy()
        for table, facts in FACT_TABLES.items():
            kept = _KEPT[table][kinds]
            rows = np.flatnonzero(kept & has_message if table == "messages" else kept)
            if not len(rows):
                continue
            frames[table] = every.select(TABLES[table].names())[rows]
            if facts.by_hour:
                by_hour.append((table, rows))
        if by_hour:
            frames["fact_hours"] = _hour_rows(every, frames, by_hour)
        hours = every["at"].to_physical().to_numpy() // HOUR_MS
        # Records stand in the order of the log: the last of an hour stays.
        return frames, dict(zip(hours.tolist(), (offsets + 1).tolist(), strict=True))

    def _every(self, events: list[Event], offsets: Times, appended: Times) -> pl.DataFrame:
        """All events with all columns that any table keeps."""
        log, part = self._position
        count = len(events)
        # Every event is read once: to fetch its members one by one costs several times as much.
        members = dict(zip(Event.__struct_fields__, zip(*map(astuple, events), strict=True), strict=True))
        columns: dict[str, object] = {name: _column(members[name]) for name in _MEMBERS}
        columns |= {
            "log": np.full(count, log, np.uint16),
            "part": np.full(count, part, np.uint16),
            "off": offsets,
            "appended": appended,
        }
        return pl.DataFrame(columns, schema=_EVERY)


def _hour_rows(
    every: pl.DataFrame, frames: dict[str, pl.DataFrame], tables: list[tuple[str, npt.NDArray[np.intp]]]
) -> pl.DataFrame:
    """Rows of ``fact_hours``: of each table its rows among ``every``."""
    rows = np.concatenate([rows for _, rows in tables])
    shared = every[rows]
    number = [_TABLE_NUMBERS[table] for table, _ in tables]
    columns = {
        "hour": shared["at"].to_physical().to_numpy() // HOUR_MS * HOUR_MS,
        "fact": _TABLE_NAMES.gather(np.repeat(number, [len(rows) for _, rows in tables])),
        "key": pl.concat([frames[table][FACT_TABLES[table].key] for table, _ in tables]),
        "page": [page or "" for page in shared["page"]],
    }
    columns = {name: columns[name] if name in columns else shared[name] for name in TABLES["fact_hours"]}
    return pl.DataFrame(columns, schema=TABLES["fact_hours"])


def _column(values: tuple[Any, ...]) -> tuple[Any, ...] | pl.Series:
    """A member of all events; a column without values is made at once."""
    return _ABSENT.new_from_index(0, len(values)) if values.count(None) == len(values) else values
