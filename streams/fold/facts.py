"""Facts: rows of what exists once (appeals, messages, answers, changes, posts); the earliest copy in the log stands."""

from __future__ import annotations

from operator import attrgetter
from typing import Final

import numpy as np
import polars as pl
from msgspec import Struct

from schemas.contract.events import ANSWER_KINDS, CHANGE_KINDS, Event
from streams.fold.columns import Times
from streams.fold.rows import TABLES
from streams.zones import HOUR_MS

#: What travels of a fact beside its own members.
_DERIVED: Final = frozenset({"hours", "names", "log", "part", "off", "at", "appended"})


class FactTable(Struct, frozen=True):
    """A table of facts: the kinds that it keeps, what identifies a fact, and the fields that name other things."""

    kinds: frozenset[str]
    key: str
    names: tuple[str, ...] = ()

    def holds(self, event: Event) -> bool:
        """Whether an event is a fact of this table."""
        return event.kind in self.kinds and getattr(event, self.key) is not None


FACT_TABLES: Final = {
    "appeals": FactTable(frozenset({"appeal_received"}), "appeal", ("thread",)),
    "answers": FactTable(ANSWER_KINDS, "id", ("appeal", "reply_to", "thread")),
    "appeal_changes": FactTable(CHANGE_KINDS, "id", ("appeal", "message")),
    "messages": FactTable(frozenset({"appeal_received"}), "message", ("appeal",)),
    "posts": FactTable(frozenset({"post_published"}), "object"),
    "post_removals": FactTable(frozenset({"post_removed"}), "object"),
}


class FactRows:
    """Collects the facts of one partition between two flushes.

    Copies with the same identity, hour and names are one row, the earliest. Others stay: the table keeps the hours and
    names of all copies. A copy that the window knows is a fact row all the same: facts need no window.
    """

    def __init__(self, log: int, partition: int) -> None:
        self._position = (log, partition)
        self._taken: list[tuple[list[Event], Times, Times]] = []

    def add(self, events: list[Event], offsets: Times, appended: Times) -> None:
        """Accepted events of the fact kinds, in the order of the log; ``appended`` in milliseconds UTC."""
        if events:
            self._taken.append((events, offsets, appended))

    def drain(self) -> tuple[dict[str, pl.DataFrame], dict[int, int]]:
        """The rows since the last call by table; and the hours they fall in (since 1970, UTC) with the next offset."""
        if not self._taken:
            return {}, {}
        events = [event for part, _, _ in self._taken for event in part]
        offsets, appended = (np.concatenate([part[i] for part in self._taken]) for i in (1, 2))
        self._taken = []
        at = np.array([event.at for event in events], np.int64)
        hours = at // HOUR_MS
        frames: dict[str, pl.DataFrame] = {}
        in_hours: list[pl.DataFrame] = []
        for table, facts in FACT_TABLES.items():
            rows = [row for row, event in enumerate(events) if facts.holds(event)]
            if rows:
                copies = self._copies(facts, [events[row] for row in rows], offsets[rows], at[rows], appended[rows])
                frames[table] = _fact_rows(table, facts, copies)
                in_hours.append(_hour_rows(table, facts, copies))
        if in_hours:
            frames["fact_hours"] = pl.concat(in_hours)
        # Records stand in the order of the log: the last of an hour stays.
        return frames, dict(zip(hours.tolist(), (offsets + 1).tolist(), strict=True))

    def _copies(
        self, facts: FactTable, events: list[Event], offsets: Times, at: Times, appended: Times
    ) -> pl.DataFrame:
        """The members of events as columns; copies that differ neither in hour nor in names are one."""
        log, part = self._position
        columns: dict[str, object] = {name: list(map(attrgetter(name), events)) for name in _MEMBERS}
        columns |= {
            "hour": at // HOUR_MS * (HOUR_MS // 1000),
            "log": np.full(len(events), log, np.uint16),
            "part": np.full(len(events), part, np.uint16),
            "off": offsets,
            "at": at,
            "appended": appended,
        }
        copies = pl.DataFrame(columns, schema_overrides=_SCHEMA)
        return copies.unique([facts.key, "hour", *facts.names], keep="first", maintain_order=True)


def _fact_rows(table: str, facts: FactTable, copies: pl.DataFrame) -> pl.DataFrame:
    unions = [pl.concat_list("hour").alias("hours")]
    if facts.names:
        unions.append(pl.concat_list(*facts.names).list.drop_nulls().alias("names"))
    return copies.with_columns(*unions).select(*TABLES[table])


def _hour_rows(table: str, facts: FactTable, copies: pl.DataFrame) -> pl.DataFrame:
    first = copies.unique([facts.key, "hour"], keep="first", maintain_order=True)
    return first.select(
        (pl.col("hour").cast(pl.Int64) * 1000).cast(pl.Datetime("ms", "UTC")),
        pl.lit(table).alias("fact"),
        pl.col(facts.key).alias("key"),
        "log",
        "part",
        "off",
        "place",
        pl.col("page").fill_null(""),
        "kind",
        "entrance",
    )


_FLAT: Final = {name: dtype for table in FACT_TABLES for name, dtype in TABLES[table].items() if name not in _DERIVED}
#: The event's own members among the columns of all fact tables, and what the hours of facts say.
_MEMBERS: Final = tuple(dict.fromkeys([*_FLAT, "kind", "entrance"]))
_TIMES: Final = {name: TABLES["appeals"][name] for name in ("log", "part", "off", "at", "appended")}
_SCHEMA: Final = {**_FLAT, **_TIMES, "hour": pl.UInt32()}
