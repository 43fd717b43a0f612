"""Counters: rows of ``page_hour``, the absolute counts of one chunk so far, for the cells that changed."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
from msgspec import Struct

from schemas.events import APPEAL_KINDS, KINDS
from streams.codes import TextCodes
from streams.rows import TABLES
from streams.zones import HOUR_MS

Numbers = npt.NDArray[np.uint64]

#: Number of each kind: its column in the table.
KIND_CODES: Final = {kind: code for code, kind in enumerate(KINDS)}
#: Kinds below this number count records, the others sum amounts.
COUNTED_KINDS: Final = len(APPEAL_KINDS)

#: A cell is one number: hour (21 bits reach the year 2209), place and page (codes within the chunk, 20 bits each:
#: a chunk has at most 2**20 records). Ascending cells are ordered by hour, then place, then page.
_TEXT_BITS: Final = np.uint64(20)
_TEXT_MASK: Final = np.uint64((1 << 20) - 1)


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


class Counted(Struct, gc=False):
    """Counted records as columns: their cells, the codes of their kinds, and what each adds to its kind."""

    cells: Numbers
    kinds: npt.NDArray[np.uint8]
    amounts: npt.NDArray[np.uint32]


def counter_rows(
    position: tuple[int, int, int], changed: Numbers, counted: Counted, places: TextCodes, pages: TextCodes
) -> pl.DataFrame:
    """Rows for the ``changed`` cells (ascending, distinct) of a chunk; ``position`` is log, partition, chunk.

    ``counted`` is all that the chunk has counted so far: a row is a count of records, never a sum of earlier rows.
    """
    row = np.searchsorted(changed, counted.cells)
    within = changed.take(row, mode="clip") == counted.cells
    slot = counted.kinds[within].astype(np.int64) * len(changed) + row[within]
    # Sums in floats are whole and exact: at most 2**20 records of 1,000,000 each stay far below 2**53.
    sums = np.bincount(slot, weights=counted.amounts[within], minlength=len(KINDS) * len(changed))
    by_kind = sums.astype(np.uint64).reshape(len(KINDS), len(changed))
    columns: dict[str, object] = {
        "hour": hour_of(changed).astype(np.int64) * HOUR_MS,
        "page": texts_of(pages, page_of(changed)),
        "place": texts_of(places, place_of(changed)),
        "log": np.full(len(changed), position[0], np.uint16),
        "part": np.full(len(changed), position[1], np.uint16),
        "chunk": np.full(len(changed), position[2], np.uint32),
    }
    return pl.DataFrame(columns | dict(zip(KINDS, by_kind, strict=True)), schema=TABLES["page_hour"])


def texts_of(texts: TextCodes, codes: Numbers) -> pl.Series:
    """The texts that the codes stand for."""
    names = list(texts)
    if len(names) < len(codes):
        return pl.Series(names, dtype=pl.String).gather(codes)
    return pl.Series([names[code] for code in codes.tolist()], dtype=pl.String)
