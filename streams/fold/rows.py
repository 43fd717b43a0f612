"""Rows: the output of a fold, one frame for each table with the flat columns of that table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl
from msgspec import Struct, field

from schemas.contract.events import KINDS

_MOMENT: Final = pl.Datetime("ms", "UTC")
_POSITION: Final = {"log": pl.UInt16(), "part": pl.UInt16(), "off": pl.UInt64()}
_TIMES: Final = {"at": _MOMENT, "appended": _MOMENT}


def _texts(*names: str) -> dict[str, pl.DataType]:
    return {name: pl.String() for name in names}


#: Columns of each table in the order of its DDL; the members of an aggregated tuple stand flat, in their order.
TABLES: Final[dict[str, pl.Schema]] = {
    "appeals": pl.Schema(
        {"appeal": pl.String(), **_POSITION, **_TIMES, "id": pl.String(), "page": pl.String()}
        | _texts("place", "channel", "entrance", "topic", "source", "load", "thread", "message", "object", "author")
        | _texts("responder", "nature")
        | {"rating": pl.UInt8(), "urgent": pl.Boolean()}
    ),
    "answers": pl.Schema(
        {"id": pl.String(), **_POSITION, **_TIMES}
        | _texts("kind", "appeal", "thread", "reply_to", "page", "place", "channel", "entrance", "source", "load")
        | _texts("responder")
    ),
    "appeal_changes": pl.Schema(
        {"id": pl.String(), **_POSITION, **_TIMES}
        | _texts("kind", "appeal", "message", "page", "place", "topic", "source", "load", "responder", "nature")
        | {"rating": pl.UInt8()}
    ),
    "messages": pl.Schema({"message": pl.String(), **_POSITION, **_TIMES, "appeal": pl.String()}),
    "posts": pl.Schema(
        {"object": pl.String(), **_POSITION, **_TIMES}
        | _texts("id", "page", "place", "channel", "format", "source", "load")
    ),
    "post_removals": pl.Schema(
        {"object": pl.String(), **_POSITION, **_TIMES} | _texts("id", "page", "place", "source", "load")
    ),
    "fact_hours": pl.Schema(
        {"hour": _MOMENT, "fact": pl.String(), "key": pl.String(), **_POSITION}
        | _texts("place", "page", "kind", "entrance")
    ),
    "page_hour": pl.Schema(
        {"hour": _MOMENT, "page": pl.String(), "place": pl.String()}
        | {"log": pl.UInt16(), "part": pl.UInt16(), "chunk": pl.UInt32()}
        | {kind: pl.UInt64() for kind in KINDS}
    ),
    #: ``people``: distinct authors as numbers; the sink makes the sketch's state from them.
    "people_day": pl.Schema(
        {"day": pl.Date(), "place": pl.String(), "page": pl.String(), "people": pl.List(pl.UInt64())}
    ),
    "readings": pl.Schema(
        {"metric": pl.String(), "object": pl.String(), "period_from": _MOMENT, "period_to": _MOMENT}
        | {"source": pl.String(), "known_at": _MOMENT, **_POSITION, "observed_at": _MOMENT, "complete_at": _MOMENT}
        | {"value": pl.UInt64(), "appended": _MOMENT, "id": pl.String()}
        | {name: pl.String() for name in ("page", "place", "channel", "entrance", "topic", "load")}
    ),
    "rejected": pl.Schema(
        {**_POSITION, "appended": _MOMENT}
        | {name: pl.String() for name in ("stage", "field", "reason", "source", "origin")}
        | {"size": pl.UInt32()}
    ),
    "touched": pl.Schema({"hour": _MOMENT, "log": pl.UInt16(), "part": pl.UInt16(), "high": pl.UInt64()}),
    "sources": pl.Schema(
        {"source": pl.String(), "log": pl.UInt16(), "part": pl.UInt16(), "off": pl.UInt64()}
        | {"appended": _MOMENT, "happened": _MOMENT}
    ),
}


class Span(Struct, frozen=True, kw_only=True):
    """The records of a partition that some rows count, and how many of them were accepted, rejected or excluded."""

    log: int
    part: int
    #: First record that was folded since the flush before.
    first_offset: int
    #: The offset after the last one: the commit, once every row is acknowledged.
    next_offset: int
    #: Append time of the last record, milliseconds UTC.
    appended: int
    #: Offsets among them that hold no record.
    voids: int = 0
    #: Records that were rejected (each has a row of ``rejected``).
    rejected: int = 0
    #: Records of loads that the generation excludes: as if absent.
    excluded: int = 0
    #: Records whose identity stood in the window: not counted a second time.
    repeats: int = 0
    #: Records that carried fields outside the contract, which were dropped.
    unknown_fields: int = 0
    #: Accepted records by kind (events) or metric (readings), repeats included.
    kinds: dict[str, int] = field(default_factory=dict)

    @property
    def records(self) -> int:
        """How many records were folded."""
        return self.next_offset - self.first_offset - self.voids


class Rows(Struct, frozen=True):
    """Rows of one flush: one frame for each table that has rows, and the spans that they count.

    A row may be written several times: every table is a join, so a repeated, late or stale row changes nothing.
    ``touched`` must be written after all others are acknowledged.
    """

    tables: dict[str, pl.DataFrame]
    spans: tuple[Span, ...]

    @property
    def height(self) -> int:
        """Number of rows in all tables."""
        return sum(frame.height for frame in self.tables.values())

    @staticmethod
    def merge(parts: Sequence[Rows]) -> Rows:
        """The rows of several partitions as one, so that a flush is one insert a table."""
        tables: dict[str, pl.DataFrame] = {}
        for name in TABLES:
            frames = [part.tables[name] for part in parts if name in part.tables]
            if frames:
                tables[name] = frames[0] if len(frames) == 1 else pl.concat(frames, rechunk=True)
        return Rows(tables, tuple(span for part in parts for span in part.spans))


def frame(table: str, columns: dict[str, object]) -> pl.DataFrame:
    """A frame of ``table`` from its columns (lists, arrays or series), checked against the table's schema."""
    schema = TABLES[table]
    return pl.DataFrame(columns, schema=schema, strict=True)
