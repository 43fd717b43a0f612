"""The fold of one chunk of events: its counted records as columns, and the changes since the last flush."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from schemas.contract.event_blocks import KIND_CODES
from schemas.contract.events import ACTIVE_KINDS
from schemas.contract.numbered_texts import Numbers
from streams.fold.audience import people_rows
from streams.fold.columns import RecordColumns, Times
from streams.fold.counters import COUNTED_KINDS, CellColumns, ChangedCells, cells_of, hour_of
from streams.fold.judge import EventColumns
from streams.fold.texts import TextColumn
from streams.fold.window import IdentityWindow, Words
from streams.zones import HOUR_MS

_ACTIVE: Final = np.array([kind in ACTIVE_KINDS for kind in KIND_CODES], np.bool_)


class ChunkColumns(RecordColumns):
    """Records of a chunk, in the order of the log."""

    offsets: Times
    #: Milliseconds UTC.
    at: Times
    identities: Words
    cells: Numbers
    kinds: npt.NDArray[np.uint8]
    #: What a record adds to its kind's column: 1 for appeals, else its amount.
    amounts: npt.NDArray[np.uint32]
    #: Upper 64 bits of the author's keyed hash, where ``active`` says that there is one whose activity counts.
    authors: Numbers
    active: npt.NDArray[np.bool_]


class ChunkFold:
    """Folds the events of one chunk of one partition: ``settle`` asks the window which count, ``drain`` groups them.

    All of it is numpy and polars, mostly outside the interpreter's lock.
    """

    def __init__(self, log: int, partition: int, number: int, places: TextColumn, pages: TextColumn) -> None:
        """``places`` and ``pages``: what the numbers in the columns of this chunk stand for."""
        self._position = (log, partition, number)
        self._places = places
        self._pages = pages
        self._taken: list[ChunkColumns] = []
        #: What the chunk had counted at the flush before.
        self._counted: list[CellColumns] = []
        self._fresh: list[ChunkColumns] = []

    def take(self, events: EventColumns) -> None:
        """Accepted events of this chunk, in the order of the log."""
        hours = (events.at // HOUR_MS).astype(np.uint64)
        self._taken.append(
            ChunkColumns(
                offsets=events.offsets,
                at=events.at,
                identities=events.identities,
                cells=cells_of(hours, events.places, events.pages),
                kinds=events.kinds,
                amounts=np.where(events.kinds < COUNTED_KINDS, np.uint32(1), events.amounts),
                authors=events.authors,
                active=events.known & _ACTIVE[events.kinds],
            )
        )

    def settle(self, window: IdentityWindow) -> int:
        """Ask the window which of the records taken since the last call count. Gives how many are repeats."""
        if not self._taken:
            return 0
        taken = ChunkColumns.joined(self._taken)
        self._taken = []
        fresh = taken.where(window.admit(taken.identities))
        if len(fresh.cells):
            self._fresh.append(fresh)
        return len(taken.cells) - len(fresh.cells)

    def drain(self) -> tuple[list[tuple[str, pl.DataFrame]], dict[int, int]]:
        """Rows of what settled since the last call, by table, and the hours it changed with the next offset of each."""
        if not self._fresh:
            return [], {}
        fresh = ChunkColumns.joined(self._fresh)
        self._fresh = []
        distinct, cell_of = np.unique(fresh.cells, return_inverse=True)
        changed = ChangedCells(distinct)
        for earlier in self._counted:
            changed.add_earlier(earlier)
        counted = CellColumns(fresh.cells, fresh.kinds, fresh.amounts)
        changed.add(cell_of, counted)
        self._counted = [CellColumns.joined([*self._counted, counted])]
        tables = [("page_hour", changed.rows(*self._position, self._places, self._pages))]
        active = fresh.active
        if active.any():
            people = people_rows(
                fresh.cells[active], fresh.at[active], fresh.authors[active], self._places, self._pages
            )
            tables.append(("people_day", people))
        return tables, _last_by_hour(distinct, cell_of, fresh.offsets)


def _last_by_hour(changed: Numbers, cell_of: npt.NDArray[np.intp], offsets: Times) -> dict[int, int]:
    """For each hour of the changed cells the offset after the last record in it."""
    high = np.zeros(len(changed), np.int64)
    # Records stand in the order of the log: where a cell is assigned more than once, its last record stays.
    high[cell_of] = offsets + 1
    hours = hour_of(changed)
    begins = np.flatnonzero(np.concatenate(([True], hours[1:] != hours[:-1])))
    return dict(zip(hours[begins].tolist(), np.maximum.reduceat(high, begins).tolist(), strict=True))
