"""Totals that other systems counted, in SQL: the statement that recomputes those of touched hours."""

from __future__ import annotations

from collections.abc import Mapping

from schemas.clickhouse.expressions import day_of_period
from streams.refresh.rollups import DATA, HOUR_S, among, mapped


def totals(generation: int, versions: Mapping[int, int]) -> str:
    """Recompute the totals whose periods begin in some hours (seconds UTC); ``versions``: the sums of their marks.

    Of one source, period, place, entrance and channel a total without a topic holds those of its topics. A reading of a
    file that a later, complete file of its source and period does not repeat is left out.
    """
    merged = (
        "SELECT object, period_from, period_to, source, max(latest) AS f "
        f"FROM {DATA}.readings_g{generation} WHERE metric = 'appeals' "
        f"AND period_from >= fromUnixTimestamp64Milli(toInt64({min(versions) * 1000})) "
        f"AND period_from < fromUnixTimestamp64Milli(toInt64({(max(versions) + HOUR_S) * 1000})) "
        f"AND {among('toUnixTimestamp(toStartOfHour(period_from))', versions)} "
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
    version = mapped("toUnixTimestamp(toStartOfHour(period_from))", versions)
    return (
        f"INSERT INTO {DATA}.totals_g{generation} "
        "(period_from, period_to, day, place, entrance, source, version, appeals, observed_at) "
        f"SELECT period_from, period_to, ifNull({day_of_period()}, toDate(0)), place, entrance, source, {version}, "
        f"sum(appeals), max(observed) FROM ({by_channel}) GROUP BY period_from, period_to, place, entrance, source"
    )
