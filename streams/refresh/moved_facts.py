"""Facts with copies in several hours: the standing copy is recorded in each hour, and the hours are touched."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from clickhouse_connect.driver.client import Client
from msgspec import Struct

from streams.positions import Position
from streams.refresh.fact_reader import FactReader
from streams.zones import HOUR_MS

_HOUR_S: Final = HOUR_MS // 1000
#: The hours of copies lie in any number of months, which are partitions.
_DURABLE: Final[dict[str, Any]] = {
    "async_insert": 0,
    "wait_end_of_query": 1,
    "insert_deduplicate": 0,
    "max_partitions_per_insert_block": 0,
}


class Moved(Struct, frozen=True):
    """A fact with copies in several hours (seconds UTC): its table, identity, standing copy, and time (ms UTC)."""

    table: str
    key: str
    position: Position
    at: int
    hours: tuple[int, ...]


def record_moves(client: Client, facts: FactReader, moved: Sequence[Moved]) -> None:
    """Record in every hour of each fact where its standing copy is, then touch the hours in which it does not count.

    The mark is the offset after the standing copy. Where an hour has a higher mark of that partition already, it was
    touched after that copy was written, and nothing changes. So this may be repeated.
    """
    if not moved:
        return
    standing = [
        f"({hour}, '{fact.table}', '{fact.key}', {tuple(fact.position)})" for fact in moved for hour in fact.hours
    ]
    marks = [
        f"({hour}, {fact.position.log}, {fact.position.part}, {fact.position.off + 1})"
        for fact in moved
        for hour in fact.hours
        if hour != fact.at // HOUR_MS * _HOUR_S
    ]
    for table, columns, rows in (
        ("fact_hours", "hour, fact, key, standing", standing),
        ("touched", "hour, log, part, high", marks),
    ):
        client.command(f"INSERT INTO {facts.table(table)} ({columns}) VALUES {', '.join(rows)}", settings=_DURABLE)
