"""Inserts: the statement and the Arrow bytes that carry a frame of flat columns into each table of a generation.

Members of an aggregated tuple travel as an Arrow struct, which ClickHouse reads as the tuple itself; only the sketch of
``people_day`` is made by the server, from the distinct authors.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Final, Literal

import polars as pl
from msgspec import Struct

from schemas.contract.events import KINDS
from streams.bookkeeping.progress import SCHEMA as PROGRESS
from streams.fold.rows import TABLES

#: One insert may touch at most 100 partitions of a table by default (error 252); stay below with room to spare.
MAX_PARTITIONS: Final = 90

#: Table -> (its tuple column, the flat columns that stand before the tuple). Facts have two columns more, the hours and
#: the names of their copies: ClickHouse derives those of a copy from the tuple.
_TUPLES: Final = {
    "appeals": ("first", ("appeal",)),
    "answers": ("first", ("id",)),
    "appeal_changes": ("first", ("id",)),
    "messages": ("first", ("message",)),
    "posts": ("first", ("object",)),
    "post_removals": ("first", ("object",)),
    "fact_hours": ("first", ("hour", "fact", "key")),
    "readings": ("latest", ("metric", "object", "period_from", "period_to", "source")),
    "sources": ("latest", ("source", "log", "part", "happened")),
    "progress": ("latest", ("log", "part", "folded", "complete")),
}
#: Table -> (column, period) of its PARTITION BY, where it has one.
_PARTITION_BY: Final[dict[str, tuple[str, Literal["1mo", "1y"]]]] = {
    "fact_hours": ("hour", "1mo"),
    "page_hour": ("hour", "1mo"),
    "people_day": ("day", "1mo"),
    "readings": ("period_from", "1mo"),
}
_PEOPLE: Final = (
    "SELECT day, place, page, arrayReduce('uniqCombined64State', people) "
    "FROM input('day Date, place String, page String, people Array(UInt64)')"
)
#: The order of a flush: facts and cells in any order, then the marks of what they touched.
CELLS: Final = tuple(name for name in TABLES if name != "touched")


class Insert(Struct, frozen=True):
    """One insert: its statement and its bytes, the same at every attempt."""

    table: str
    statement: str
    body: bytes
    rows: int


def inserts(table: str, frame: pl.DataFrame, generation: int) -> Iterator[Insert]:
    """The inserts that bring ``frame`` (flat columns, see ``streams.fold.rows``) into a table of a generation."""
    target = f"gospulse_data.{table}_g{generation}"
    for part in _within_partitions(table, frame):
        shaped = _shaped(table, part)
        columns = ", ".join(shaped.columns)
        source = f"{_PEOPLE} " if table == "people_day" else ""
        statement = f"INSERT INTO {target} ({columns}) {source}FORMAT ArrowStream"
        yield Insert(table, statement, _arrow(shaped), part.height)


def _shaped(table: str, frame: pl.DataFrame) -> pl.DataFrame:
    if table == "page_hour":
        return _small(frame)
    if table not in _TUPLES:
        return frame
    column, flat = _TUPLES[table]
    members = [name for name in _schema(table) if name not in flat]
    return frame.select(*flat, pl.struct(members).alias(column))


def _small(cells: pl.DataFrame) -> pl.DataFrame:
    """Cells without counters that are all zero, the others as the smallest numbers that hold them.

    Most counters of most cells are zero. As they are, their bytes cost the worker and the engine more than the rest.
    """
    counters = [cells[kind] for kind in KINDS]
    small = [counter.shrink_dtype() for counter in counters if counter.max()]
    return cells.drop(KINDS).with_columns(small)


def _schema(table: str) -> pl.Schema:
    return PROGRESS if table == "progress" else TABLES[table]


def _within_partitions(table: str, frame: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The frame in pieces of which none touches too many partitions of its table; nearly always the frame itself."""
    if table not in _PARTITION_BY or frame.height <= MAX_PARTITIONS:
        yield frame
        return
    column, period = _PARTITION_BY[table]
    moments = frame[column]
    # Most flushes hold the events of some minutes: bounds are cheaper than distinct values.
    bounds = pl.Series([moments.min(), moments.max()], dtype=moments.dtype).dt.truncate(period)
    if bounds[0] == bounds[1]:
        yield frame
        return
    numbers = moments.dt.truncate(period).rank("dense").cast(pl.UInt32) - 1
    pieces = int(numbers.max() or 0) // MAX_PARTITIONS + 1  # type: ignore[arg-type]
    if pieces == 1:
        yield frame
        return
    for piece in range(pieces):
        yield frame.filter(numbers // MAX_PARTITIONS == piece)


def _arrow(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    # The oldest level has no string views, which older ClickHouse servers do not read.
    frame.rechunk().write_ipc_stream(buffer, compat_level=pl.CompatLevel.oldest())
    return buffer.getvalue()
