"""How soon regions answer: months of receipt (Moscow's) that are computed again where flat rows of them changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

from streams.refresh import rollups
from streams.refresh.rollups import DATA
from streams.zones import HOUR_MS, moscow_day

ROLLUP: Final = "answer_month"
_ZONE: Final = "Europe/Moscow"
_DAY_S: Final = 86_400
#: Months of one statement, and flat rows that they hold at most together: a step stays short.
_MONTHS: Final = 24
_MOST_ROWS: Final = 200_000
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
        """Compute the latest waiting months, as many as one statement can hold; whether there were any."""
        if not self._waiting:
            return False
        asked = sorted(self._waiting, reverse=True)[:_MONTHS]
        found = self._rows(
            f"SELECT toUInt32({_MONTH}) AS month, max(version), count() "
            f"FROM {DATA}.appeal_rows_g{self._generation} WHERE {_within(asked)} GROUP BY month ORDER BY month DESC"
        )
        versions: dict[int, int] = {}
        held = 0
        for month, version, count in found:
            held += count
            if versions and held > _MOST_ROWS:
                break
            versions[month] = version
        if versions:
            self._command(answer_months(self._generation, versions))
            done = {(_ZONE, month * _DAY_S): version for month, version in versions.items()}
            self._command(rollups.heads(self._generation, {ROLLUP: done}))
        self._waiting -= set(asked) - {month for month, _, _ in found if month not in versions}
        return True


def answer_months(generation: int, versions: Mapping[int, int]) -> str:
    """Compute months by region from the flat rows. ``versions`` of the months, by their first days (since 1970)."""
    rows = (
        f"SELECT toUInt32({_MONTH}) AS month, assumeNotNull(region) AS area, outcome, received_at, "
        "dateDiff('millisecond', received_at, ended_at) AS took "
        f"FROM {DATA}.appeal_rows_g{generation} FINAL "
        f"WHERE {_within(versions)} AND region IS NOT NULL AND outcome NOT IN ('withdrawn', 'removed')"
    )
    figures = (
        "SELECT month, area, count() AS appeals, countIf(outcome = 'answered') AS answered, "
        "countIf(outcome = 'waiting') AS waiting, "
        "quantilesExact(0.5, 0.9)(if(outcome = 'answered', greatest(0, took) / 1000, inf)) AS q "
        f"FROM ({rows}) GROUP BY month, area"
    )
    counted = (
        "SELECT month, area, outcome, multiIf(outcome = 'answered', intDiv(greatest(0, took) + 3599999, 3600000), "
        "outcome = 'closed', intDiv(greatest(0, took), 3600000), intDiv(toUnixTimestamp(received_at), 3600)) AS hours, "
        f"count() AS n FROM ({rows}) GROUP BY month, area, outcome, hours"
    )

    def hours(outcome: str) -> str:
        of = f"outcome = '{outcome}'"
        return (
            f"CAST((groupArrayIf(toUInt32(hours), {of}), groupArrayIf(n, {of})), 'Map(UInt32, UInt64)') AS {outcome}_in"
        )

    maps = (
        f"SELECT month, area, {hours('answered')}, {hours('closed')}, {hours('waiting')} "
        f"FROM ({counted}) GROUP BY month, area"
    )
    numbers = f"transform(f.month, {list(versions)}, CAST({list(versions.values())}, 'Array(UInt64)'), toUInt64(0))"
    return (
        f"INSERT INTO {DATA}.answer_month_g{generation} (month, region, version, appeals, answered, waiting, "
        "answer_hours, closed_hours, waiting_hours, median, p90) "
        f"SELECT toDate(f.month), f.area, {numbers}, f.appeals, f.answered, f.waiting, m.answered_in, m.closed_in, "
        f"m.waiting_in, f.q[1], f.q[2] FROM ({figures}) AS f INNER JOIN ({maps}) AS m "
        "ON f.month = m.month AND f.area = m.area"
    )


def _within(months: Iterable[int]) -> str:
    """The condition that an appeal was received in a month, by Moscow's calendar; in the order of the table, too."""
    return "(" + " OR ".join(_of_month(month) for month in months) + ")"


def _of_month(month: int) -> str:
    begin = datetime.fromtimestamp(month * _DAY_S, UTC).date()
    end = date(begin.year + begin.month // 12, begin.month % 12 + 1, 1)
    low, high = (f"toDateTime64('{day} 00:00:00', 3, '{_ZONE}')" for day in (begin, end))
    return f"received_at >= {low} AND received_at < {high}"


def _first_day(day: int) -> int:
    """The first day of a day's month; both since 1970."""
    return day - datetime.fromtimestamp(day * _DAY_S, UTC).day + 1
