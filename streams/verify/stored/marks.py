"""Marks of all partitions as ClickHouse holds them, read at once: touched hours, moved facts, and feeds."""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

from streams.positions import Partition
from streams.verify.recount.marks import Heard
from streams.verify.stored.tables import StoredRows

#: The log of a position that stands for none.
_NO_LOG: Final = 65_535


class StoredMarks(Struct, kw_only=True):
    """The marks of one partition; hours in seconds UTC.

    ``hours``: to the highest mark. ``moved``: hours that the refresher touches because a copy in this partition stands
    instead of one of theirs, to the offset after the latest such copy. ``feeds``: by name.
    """

    hours: dict[int, int] = field(default_factory=dict)
    moved: dict[int, int] = field(default_factory=dict)
    feeds: dict[str, Heard] = field(default_factory=dict)


def stored_marks(stored: StoredRows) -> dict[Partition, StoredMarks]:
    """The marks of every partition that has any.

    Whoever reads the ends of the log afterwards recounts at least what these marks tell of.
    """
    marks: dict[Partition, StoredMarks] = {}

    def of(log: int, part: int) -> StoredMarks:
        return marks.setdefault(Partition(log, part), StoredMarks())

    touched = (
        f"SELECT log, part, toUnixTimestamp(hour), max(high) FROM {stored.table('touched')} GROUP BY log, part, hour"
    )
    for log, part, hour, high in stored.values(touched):
        of(log, part).hours[hour] = high
    # After the hours: the refresher records where a fact stands before it touches the fact's other hours.
    moved = (
        "SELECT log, part, toUnixTimestamp(hour), max(off) + 1 FROM (SELECT hour, fact, key, standing.log AS log,"
        f" standing.part AS part, min(standing.off) AS off FROM {stored.table('fact_hours')}"
        f" WHERE standing.log < {_NO_LOG} GROUP BY hour, fact, key, log, part) GROUP BY log, part, hour"
    )
    for log, part, hour, mark in stored.values(moved):
        of(log, part).moved[hour] = mark
    feeds = (
        "SELECT log, part, source, l.off, toUnixTimestamp64Milli(l.appended), h FROM"
        " (SELECT log, part, source, max(latest) AS l, toUnixTimestamp64Milli(max(happened)) AS h"
        f" FROM {stored.table('sources')} GROUP BY log, part, source)"
    )
    for log, part, source, *heard in stored.values(feeds):
        of(log, part).feeds[source] = Heard(*heard)
    return marks
