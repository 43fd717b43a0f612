"""Totals that other systems counted, in SQL: which touched hours have any, and the statement that recomputes them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from schemas.clickhouse.expressions import day_of_period
from streams.refresh.rollups import DATA, HOUR_S, among, mapped

#: The hour in which the period of a reading begins: seconds UTC.
_HOUR: Final = "toUnixTimestamp(toStartOfHour(period_from))"


def hours_with_totals(generation: int, hours: Collection[int]) -> str:
    """Which of some hours (seconds UTC) have totals. Most have none, and recomputing none costs a tenth of a second."""
    return f"SELECT DISTINCT {_HOUR} AS moment FROM {_readings(generation, hours)}"


def totals(generation: int, versions: Mapping[int, int]) -> str:
    """Recompute the totals whose periods begin in some hours (seconds UTC); ``versions``: the sums of their marks.

    Of one source, period, place, entrance and channel a total without a topic holds those of its topics. A reading of a
    file that a later, complete file of its source and period does not repeat is left out.
    """
    merged = (
        f"SELECT object, period_from, period_to, source, max(latest) AS f FROM {_readings(generation, versions)} "
        "GROUP BY object, period_from, period_to, source"
    )
    standing = (
        "SELECT period_from, period_to, source, f.place AS place, assumeNotNull(f.entrance) AS entrance, "
        "f.channel AS channel, f.topic AS topic, f.value AS value, f.observed_at AS observed_at, "
        "f.complete_at AS complete_at, "
        "max(f.complete_at) OVER (PARTITION BY source, period_from, period_to) AS newest "
        f"FROM ({merged})"
    )
    by_channel = (
        "SELECT period_from, period_to, place, entrance, source, max(observed_at) AS observed, "
        "if(countIf(topic IS NULL) > 0, sumIf(value, topic IS NULL), sum(value)) AS appeals "
        f"FROM ({standing}) WHERE ifNull(complete_at = newest, true) "
        "GROUP BY period_from, period_to, place, entrance, source, channel"
    )
    version = mapped(_HOUR, versions)
    return (
        f"INSERT INTO {DATA}.totals_g{generation} "
        "(period_from, period_to, day, place, entrance, source, version, appeals, observed_at) "
        f"SELECT period_from, period_to, ifNull({day_of_period()}, toDate(0)), place, entrance, source, {version}, "
        f"sum(appeals), max(observed) FROM ({by_channel}) GROUP BY period_from, period_to, place, entrance, source"
    )


def _readings(generation: int, hours: Collection[int]) -> str:
    """The totals of some hours, with what stands right of FROM."""
    return (
        f"{DATA}.readings_g{generation} WHERE metric = 'appeals' "
        f"AND period_from >= fromUnixTimestamp64Milli(toInt64({min(hours) * 1000})) "
        f"AND period_from < fromUnixTimestamp64Milli(toInt64({(max(hours) + HOUR_S) * 1000})) "
        f"AND {among(_HOUR, hours)}"
    )
