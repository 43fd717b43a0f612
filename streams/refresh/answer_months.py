"""How soon regions answer: months of receipt (Moscow's) that are computed again where flat rows of them changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime
from typing import Any, Final

from streams.refresh import rollups
from streams.refresh.rollups import DATA
from streams.zones import HOUR_MS, moscow_day

ROLLUP: Final = "answer_month"
_ZONE: Final = "Europe/Moscow"
_DAY_S: Final = 86_400
#: The month of a flat row.
_MONTH: Final = f"toStartOfMonth(toDate(received_at, '{_ZONE}'))"


class AnswerMonths:
    """Computes the answers of one generation by month. Any number may run: the one that has seen more wins.

    A month's version is the highest version among its flat rows, read before the rows.
    """

    def __init__(self, generation: int, rows: Callable[[str], Any], command: Callable[[str], None]) -> None:
        """``rows`` asks, ``command`` writes."""
        self._generation = generation
        self._rows = rows
        self._command = command
        #: First days of months (days since 1970).
        self._waiting: set[int] = set()

    @property
    def waiting(self) -> int:
        """How many months are still to be computed."""
        return len(self._waiting)

    def add(self, received: Iterable[int]) -> None:
        """Flat rows of appeals received at these times (ms UTC) changed."""
        days = {moscow_day(at // HOUR_MS * HOUR_MS) for at in received}
        self._waiting |= {_first_day(day) for day in days}

    def scan(self) -> None:
        """Find every month that is behind its flat rows, by what ClickHouse has recorded."""
        done = dict(
            self._rows(
                f"SELECT intDiv(toUnixTimestamp(period), {_DAY_S}), max(version) "
                f"FROM {DATA}.refreshed_g{self._generation} AS r WHERE r.rollup = '{ROLLUP}' GROUP BY period"
            )
        )
        wanted = self._rows(
            f"SELECT toUInt32({_MONTH}) AS month, max(version) FROM {DATA}.appeal_rows_g{self._generation} "
            "GROUP BY month"
        )
        self._waiting |= {month for month, version in wanted if version > done.get(month, 0)}

    def step(self) -> bool:
        """Compute the latest waiting month; whether there was one."""
        if not self._waiting:
            return False
        month = max(self._waiting)
        ((version,),) = self._rows(
            f"SELECT max(version) FROM {DATA}.appeal_rows_g{self._generation} WHERE {_within(month)}"
        )
        if version:
            self._command(answer_month(self._generation, month, version))
            self._command(rollups.heads(self._generation, {ROLLUP: {(_ZONE, month * _DAY_S): version}}))
        self._waiting.discard(month)
        return True


def answer_month(generation: int, month: int, version: int) -> str:
    """Compute one month (its first day, since 1970) by region from the flat rows."""
    rows = (
        "SELECT assumeNotNull(region) AS area, outcome, received_at, "
        "dateDiff('millisecond', received_at, ended_at) AS took "
        f"FROM {DATA}.appeal_rows_g{generation} FINAL "
        f"WHERE {_within(month)} AND region IS NOT NULL AND outcome NOT IN ('withdrawn', 'removed')"
    )
    figures = (
        "SELECT area, count() AS appeals, countIf(outcome = 'answered') AS answered, "
        "countIf(outcome = 'waiting') AS waiting, "
        "quantilesExact(0.5, 0.9)(if(outcome = 'answered', greatest(0, took) / 1000, inf)) AS q "
        f"FROM ({rows}) GROUP BY area"
    )
    counted = (
        "SELECT area, outcome, multiIf(outcome = 'answered', intDiv(greatest(0, took) + 3599999, 3600000), "
        "outcome = 'closed', intDiv(greatest(0, took), 3600000), intDiv(toUnixTimestamp(received_at), 3600)) AS hours, "
        f"count() AS n FROM ({rows}) GROUP BY area, outcome, hours"
    )

    def hours(outcome: str) -> str:
        of = f"outcome = '{outcome}'"
        return (
            f"CAST((groupArrayIf(toUInt32(hours), {of}), groupArrayIf(n, {of})), 'Map(UInt32, UInt64)') AS {outcome}_in"
        )

    maps = f"SELECT area, {hours('answered')}, {hours('closed')}, {hours('waiting')} FROM ({counted}) GROUP BY area"
    return (
        f"INSERT INTO {DATA}.answer_month_g{generation} (month, region, version, appeals, answered, waiting, "
        "answer_hours, closed_hours, waiting_hours, median, p90) "
        f"SELECT toDate({month}), f.area, {version}, f.appeals, f.answered, f.waiting, m.answered_in, m.closed_in, "
        f"m.waiting_in, f.q[1], f.q[2] FROM ({figures}) AS f INNER JOIN ({maps}) AS m ON f.area = m.area"
    )


def _within(month: int) -> str:
    """The condition that an appeal was received in a month, by Moscow's calendar; in the order of the table, too."""
    begin = datetime.fromtimestamp(month * _DAY_S, UTC).date()
    end = date(begin.year + begin.month // 12, begin.month % 12 + 1, 1)
    low, high = (f"toDateTime64('{day} 00:00:00', 3, '{_ZONE}')" for day in (begin, end))
    return f"received_at >= {low} AND received_at < {high}"


def _first_day(day: int) -> int:
    """The first day of a day's month; both since 1970."""
    return day - datetime.fromtimestamp(day * _DAY_S, UTC).day + 1
