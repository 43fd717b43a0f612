"""Facts as ClickHouse holds them, by identity and by hour."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Struct

from streams.positions import Position
from streams.verify.recount.facts import TEXT_KEYS, WITHOUT_HOURS
from streams.verify.stored.tables import StoredRows

#: Column that identifies the facts of each table.
FACT_KEY: Final = {
    "appeals": "appeal",
    "answers": "id",
    "appeal_changes": "id",
    "messages": "message",
    "posts": "object",
    "post_removals": "object",
}
#: Members of the aggregated tuple after the times, as the recount orders them.
FACT_MEMBERS: Final = {
    "appeals": "id page place channel entrance topic source load thread message object author responder nature rating "
    "urgent",
    "answers": "kind appeal thread reply_to page place channel entrance source load responder",
    "appeal_changes": "kind appeal message page place topic source load responder nature rating",
    "messages": "appeal",
    "posts": "id page place channel format source load",
    "post_removals": "id page place source load",
}
#: Where a fact has one hour only, the refresher records no standing copy.
NOT_RECORDED: Final = Position(65_535, 65_535, (1 << 64) - 1)
_PLAIN_TUPLES: Final = {"output_format_json_named_tuples_as_objects": 0}


class StoredFact(Struct, frozen=True, array_like=True, gc=False):
    """A fact as ClickHouse holds it: the standing copy (times in ms UTC), and hours (seconds UTC) and names of all.

    Of posts ClickHouse keeps neither hours nor names.
    """

    key: str
    position: Position
    at: int
    appended: int
    said: tuple[Any, ...]
    hours: list[int]
    names: list[str]


class StoredHour(Struct, frozen=True, array_like=True, gc=False):
    """A fact in one hour (seconds UTC): the earliest copy there, and where the standing copy is recorded to be."""

    key: str
    hour: int
    position: Position
    said: tuple[str, str, str, str]
    standing: Position


def facts(stored: StoredRows, table: str, buckets: range) -> Iterator[StoredFact]:
    """Facts of a table whose identity falls into ``buckets`` (see ``recount.spill``)."""
    key = FACT_KEY[table]
    said = ", ".join(f"f.{name}" for name in FACT_MEMBERS[table].split())
    hours, names = (
        "[]" if table in WITHOUT_HOURS else f"arraySort(groupUniqArrayArray({union}))" for union in ("hours", "names")
    )
    sql = (
        f"SELECT {key}, tuple(f.log, f.part, f.off), toUnixTimestamp64Milli(f.at), toUnixTimestamp64Milli(f.appended),"
        f" tuple({said}), all_hours, all_names FROM (SELECT {key}, min(first) AS f,"
        f" {hours} AS all_hours, {names} AS all_names FROM {stored.table(table)}"
        f" WHERE {_within(table, key, buckets)} GROUP BY {key})"
    )
    return map(msgspec.json.Decoder(StoredFact).decode, stored.rows(sql, _PLAIN_TUPLES))


def fact_hours(stored: StoredRows, table: str, buckets: range) -> Iterator[StoredHour]:
    """The hours of facts of a table whose identity falls into ``buckets``."""
    sql = (
        "SELECT key, toUnixTimestamp(hour), tuple(f.log, f.part, f.off), tuple(f.place, f.page, f.kind, f.entrance), s"
        " FROM (SELECT key, hour, min(first) AS f, min(standing) AS s"
        f" FROM {stored.table('fact_hours')} WHERE fact = '{table}' AND {_within(table, 'key', buckets)}"
        " GROUP BY hour, key)"
    )
    return map(msgspec.json.Decoder(StoredHour).decode, stored.rows(sql, _PLAIN_TUPLES))


def _within(table: str, column: str, buckets: range) -> str:
    if table in TEXT_KEYS:
        return f"bitAnd(CRC32({column}), 255) BETWEEN {buckets[0]} AND {buckets[-1]}"
    return f"substring({column}, 1, 2) BETWEEN '{buckets[0]:02x}' AND '{buckets[-1]:02x}'"
