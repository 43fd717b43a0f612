"""Counters: rows of ``page_hour``, the absolute counts of one chunk so far, for the cells that changed."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from schemas.contract.events import APPEAL_KINDS, KINDS
from schemas.contract.numbered_texts import Numbers
from streams.fold.columns import RecordColumns
from streams.fold.rows import TABLES
from streams.fold.texts import TextColumn
from streams.zones import HOUR_MS

#: Kinds below this number count records, the others sum amounts.
COUNTED_KINDS: Final = len(APPEAL_KINDS)

#: Codes of pages and of places in a chunk are below this.
MOST_TEXTS: Final = 1 << 21
#: A cell is one number: hour (21 bits reach the year 2209), place and page (their codes). Ascending cells are ordered
#: by hour, then place, then page.
_TEXT_BITS: Final = np.uint64(21)
_TEXT_MASK: Final = np.uint64(MOST_TEXTS - 1)


def cells_of(hours: Numbers, places: Numbers, pages: Numbers) -> Numbers:
    """Pack hours since 1970 (UTC) and codes of places and pages into cells."""
    return ((hours << _TEXT_BITS | places) << _TEXT_BITS) | pages


def hour_of(cells: Numbers) -> Numbers:
    """Hours since 1970 (UTC) of cells."""
    return cells >> _TEXT_BITS >> _TEXT_BITS


def place_of(cells: Numbers) -> Numbers:
    """Codes of the cells' places."""
    return cells >> _TEXT_BITS & _TEXT_MASK


def page_of(cells: Numbers) -> Numbers:
    """Codes of the cells' pages."""
    return cells & _TEXT_MASK


class CellColumns(RecordColumns):
    """Counted records as columns: their cells, the codes of their kinds, and what each adds to its kind."""

    cells: Numbers
    kinds: npt.NDArray[np.uint8]
    amounts: npt.NDArray[np.uint32]


class ChangedCells:
    """The cells of a chunk that changed (ascending, distinct) and their counts, added up from records."""

    def __init__(self, cells: Numbers) -> None:
        self._cells = cells
        self._sums = np.zeros(len(KINDS) * len(cells), np.uint64)

    def add(self, cell_of: npt.NDArray[np.intp], counted: CellColumns) -> None:
        """Records that changed the cells; ``cell_of`` is the place of each record's cell among them."""
        slots = counted.kinds.astype(np.intp) * len(self._cells) + cell_of
        # Both sides of one type: otherwise this is twenty times as slow.
        np.add.at(self._sums, slots, counted.amounts.astype(np.uint64))

    def add_earlier(self, counted: CellColumns) -> None:
        """Earlier records of the chunk, of whatever cells: a row is a count of records, never a sum of rows."""
        cell_of = np.searchsorted(self._cells, counted.cells)
        within = self._cells.take(cell_of, mode="clip") == counted.cells
        self.add(cell_of[within], counted.where(within))

    def rows(self, log: int, partition: int, chunk: int, places: TextColumn, pages: TextColumn) -> pl.DataFrame:
        """Rows of ``page_hour``, one a changed cell."""
        count = len(self._cells)
        columns: dict[str, object] = {
            "hour": hour_of(self._cells).astype(np.int64) * HOUR_MS,
            "page": pages.of(page_of(self._cells)),
            "place": places.of(place_of(self._cells)),
            "log": np.full(count, log, np.uint16),
            "part": np.full(count, partition, np.uint16),
            "chunk": np.full(count, chunk, np.uint32),
        }
        by_kind = self._sums.reshape(len(KINDS), count)
        return pl.DataFrame(columns | dict(zip(KINDS, by_kind, strict=True)), schema=TABLES["page_hour"])
