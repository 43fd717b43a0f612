"""The tables as plain Python: each merges rows as its engine does, and is read as its readers do."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime
from typing import Any

from schemas.contract.events import KINDS
from streams.fold.rows import Rows

Row = dict[str, Any]
#: Key columns of the tables that keep one row a key, and the columns whose minimum or maximum decides.
_EARLIEST = {
    "appeals": ("appeal",),
    "answers": ("id",),
    "appeal_changes": ("id",),
    "messages": ("message",),
    "posts": ("object",),
    "post_removals": ("object",),
    "fact_hours": ("hour", "fact", "key"),
}
#: The names that facts keep of all copies; those that are listed here keep the hours of all copies, too.
_NAMES = {
    "appeals": ("thread",),
    "answers": ("appeal", "reply_to", "thread"),
    "appeal_changes": ("appeal", "message"),
    "messages": ("appeal",),
}
_CELL = ("hour", "page", "place", "log", "part", "chunk")


class Tables:
    """What ClickHouse would hold after any sequence of inserts."""

    def __init__(self) -> None:
        #: Table -> identity -> the earliest copy, from its position on.
        self.facts: dict[str, dict[tuple[Any, ...], tuple[Any, ...]]] = {name: {} for name in _EARLIEST}
        #: (table, hours or names, identity) -> the union over all copies.
        self.unions: dict[tuple[Any, ...], set[Any]] = defaultdict(set)
        self.cells: dict[tuple[Any, ...], dict[str, int]] = defaultdict(lambda: dict.fromkeys(KINDS, 0))
        self.people: dict[tuple[Any, ...], set[int]] = defaultdict(set)
        self.readings: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        self.rejected: dict[tuple[Any, ...], Row] = {}
        self.touched: dict[tuple[Any, ...], int] = {}
        self.sources: dict[tuple[Any, ...], tuple[Any, ...]] = {}
        self.happened: dict[tuple[Any, ...], datetime] = {}

    def insert(self, rows: Rows, only: set[str] | None = None) -> None:
        """Insert all tables of ``rows``, or ``only`` some: a worker that was killed between two inserts."""
        for name, frame in rows.tables.items():
            if only is None or name in only:
                for row in frame.iter_rows(named=True):
                    self._insert_row(name, row)

    def _insert_row(self, name: str, row: Row) -> None:
        if name in _EARLIEST:
            key, said = _split(row, _EARLIEST[name])
            if name in _NAMES:
                self.unions[(name, "hours", *key)].add(int(row["at"].timestamp()) // 3600 * 3600)
                self.unions[(name, "names", *key)] |= {row[member] for member in _NAMES[name]} - {None}
            self.facts[name][key] = min(self.facts[name].get(key, said), said, key=lambda copy: copy[:3])
        elif name == "page_hour":
            cell = self.cells[_split(row, _CELL)[0]]
            for kind in KINDS:
                cell[kind] = max(cell[kind], row[kind])
        elif name == "people_day":
            self.people[row["day"], row["place"], row["page"]] |= set(row["people"])
        elif name == "readings":
            key, said = _split(row, ("metric", "object", "period_from", "period_to", "source"))
            self.readings[key] = max(self.readings.get(key, said), said, key=lambda copy: copy[:4])
        elif name == "rejected":
            self.rejected[row["log"], row["part"], row["off"]] = row
        elif name == "touched":
            key = (row["hour"], row["log"], row["part"])
            self.touched[key] = max(self.touched.get(key, 0), row["high"])
        elif name == "sources":
            key = (row["source"], row["log"], row["part"])
            latest = (row["off"], row["appended"])
            self.sources[key] = max(self.sources.get(key, latest), latest)
            self.happened[key] = max(self.happened.get(key, row["happened"]), row["happened"])
        else:
            raise AssertionError(f"no table {name}")

    def totals(self) -> dict[tuple[int, str, str, str], int]:
        """What a reader sees: (hour, page, place, kind) -> sum over chunks; hours since 1970, zeros left out."""
        sums: dict[tuple[int, str, str, str], int] = defaultdict(int)
        for (hour, page, place, *_), counts in self.cells.items():
            for kind, count in counts.items():
                if count:
                    sums[int(hour.timestamp()) // 3600, page, place, kind] += count
        return dict(sums)

    def authors(self) -> dict[tuple[date, str, str], set[int]]:
        """(local day, place, page) -> distinct authors."""
        return dict(self.people)


def _split(row: Row, key: tuple[str, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    return tuple(row[name] for name in key), tuple(value for name, value in row.items() if name not in key)
