"""Facts: rows of appeals, of official answers and of changes; the copy that stands earliest in the log is the fact."""

from __future__ import annotations

from operator import attrgetter
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from schemas.contract.events import ANSWER_KINDS, CHANGE_KINDS, Event
from schemas.reference.places import COUNTRY_ZONE
from streams.fold.audience import days_in_zones
from streams.fold.columns import Times
from streams.fold.rows import TABLES
from streams.zones import HOUR_MS

#: Each table, the kinds that it keeps and what tells its facts apart within a day.
_KINDS: Final = {"appeals": frozenset({"appeal_received"}), "answers": ANSWER_KINDS, "appeal_changes": CHANGE_KINDS}
_KEYS: Final = {"appeals": "appeal", "answers": "id", "appeal_changes": "id"}
#: Columns that are not members of the event, or are numbers already.
_DERIVED: Final = frozenset({"day", "log", "part", "off", "at", "appended"})
#: The event's own members among each table's columns.
_MEMBERS: Final = {table: [name for name in TABLES[table] if name not in _DERIVED] for table in _KINDS}


class FactRows:
    """Collects the facts of one partition between two flushes: of the copies of one key only the earliest.

    A copy that the window knows is a fact row all the same: facts need no window.
    """

    def __init__(self, log: int, partition: int) -> None:
        self._position = (log, partition)
        self._taken: list[tuple[list[Event], Times, Times]] = []

    def add(self, events: list[Event], offsets: Times, appended: Times) -> None:
        """Accepted events of the appeal kinds, in the order of the log; ``appended`` in milliseconds UTC."""
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
        days = days_in_zones(hours.astype(np.uint64), np.zeros(len(at), np.uint64), at, lambda _: COUNTRY_ZONE)
        frames: dict[str, pl.DataFrame] = {}
        for table, kinds in _KINDS.items():
            rows = [row for row, event in enumerate(events) if event.kind in kinds]
            if rows:
                times = (days[rows], offsets[rows], at[rows], appended[rows])
                frames[table] = self._frame(table, [events[row] for row in rows], *times)
        # Records stand in the order of the log: the last of an hour stays.
        return frames, dict(zip(hours.tolist(), (offsets + 1).tolist(), strict=True))

    def _frame(
        self, table: str, events: list[Event], days: npt.NDArray[np.uint64], offsets: Times, at: Times, appended: Times
    ) -> pl.DataFrame:
        log, part = self._position
        columns: dict[str, object] = {name: list(map(attrgetter(name), events)) for name in _MEMBERS[table]}
        columns |= {
            "day": pl.Series(days.astype(np.int32)).cast(pl.Date),
            "log": np.full(len(events), log, np.uint16),
            "part": np.full(len(events), part, np.uint16),
            "off": offsets,
            "at": at,
            "appended": appended,
        }
        rows = pl.DataFrame(columns, schema_overrides=TABLES[table]).select(*TABLES[table])
        return rows.unique(["day", _KEYS[table]], keep="first", maintain_order=True)
