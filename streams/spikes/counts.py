"""Counts of appeals for the detector, read from the public views, with what each hour counts for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.query import QueryResult
from msgspec import Struct

from streams.spikes.expectation import GUARD_HOURS, LEAST_DAYS
from streams.spikes.exposure import PageGroups, exposure
from streams.spikes.hierarchy import Hierarchy, hierarchy
from streams.spikes.series import RECENT_HOURS, Bools, Floats

#: A page is tested from so many days after its first event, or after its move to another place by the register:
#: connecting pages to a place is no spike. Its first day, the guard and the cut at midnight take three of them.
SETTLING_DAYS: Final = LEAST_DAYS + 3
#: The country falls silent for an hour in which at least so many appeals are usual: the hour is not known.
_LEAST_OF_COUNTRY: Final = 10
UNKNOWN_PLACE: Final = "00000000"
_EPOCH: Final = date(1970, 1, 1)


class Territory(Struct, frozen=True):
    """The places that are tested, as a hierarchy."""

    tree: Hierarchy
    #: Row of each municipality.
    row: dict[str, int]


def read_territory(client: Client, at: datetime) -> Territory:
    """Every place that ever had an appeal or stands in the register, with its region, district and clock at a time."""
    rows = client.query(
        "SELECT place, region, federal_district, zone FROM gospulse.places "
        "WHERE place != {unknown:String} ORDER BY place",
        parameters={"unknown": UNKNOWN_PLACE},
    ).result_rows
    zones = client.query("SELECT region, federal_district, zone FROM gospulse.regions").result_rows
    regions = {region: (district, _offset(zone, at)) for region, district, zone in zones}
    tree = hierarchy([(place, region, _offset(zone, at)) for place, region, _, zone in rows], regions)
    return Territory(tree, {row[0]: number for number, row in enumerate(rows)})


def _offset(zone: str, at: datetime) -> int:
    """Hours that a zone is ahead of UTC at a time; a place whose region is not known keeps Moscow's time."""
    offset = ZoneInfo(zone or "Europe/Moscow").utcoffset(at.replace(tzinfo=None))
    return round((offset or timedelta()).total_seconds() / 3600)


def read_history(client: Client, territory: Territory, begin: int, night: int) -> tuple[Floats, Floats]:
    """Appeals of every series by hour from ``begin`` to ``night``, and what each hour counts for, (n, hours) each.

    ``begin`` and ``night`` are hours since 1970, UTC. Only pages that are settled in the night count, each from the day
    after its first one. So what is observed and what is usual are sums over the same pages. An hour counts for nothing
    before the first appeal of all, and where :func:`known_hours` does not know it.
    """
    hours = night - begin
    places, begun, at, appeals = _columns(
        client.query(
            "SELECT place, toInt32(greatest(p.began, m.moved)) AS begun, intDiv(toUnixTimestamp(time), 3600) AS hour, "
            f"sum(appeals) FROM {_SETTLED} GROUP BY place, begun, hour",
            parameters=_span(begin * 60, night * 60, night, since=begin // 24),
        ),
        4,
    )
    row = np.fromiter((territory.row.get(place, -1) for place in places), np.int64, len(places))
    day, hour, count = np.array(begun, np.int64), np.array(at, np.int64) - begin, np.array(appeals, np.float64)
    # The day on which a page began is not whole. Days are those of the history: 24 hours from its beginning on.
    first = np.where(day > 0, np.maximum(-((begin - (day + 1) * 24) // 24), 0), 0)
    kept = (row >= 0) & (hour >= first * 24)
    row, first, hour, count = row[kept], first[kept], hour[kept], count[kept]
    counts = np.zeros((len(territory.row), hours))
    np.add.at(counts, (row, hour), count)
    whole = territory.tree.summed(counts)
    known, seen = _known_history(client, territory, whole, begin)
    keys, group = np.unique(row * hours + first, return_inverse=True)
    daily = np.zeros((len(keys), hours // 24))
    np.add.at(daily, (group, hour // 24), count * known[row, hour])
    by_day = known[: len(counts)].reshape(len(counts), -1, 24).mean(axis=2)
    end = (hours - GUARD_HOURS) // 24
    share = exposure(PageGroups(keys // hours, keys % hours, daily), by_day, -(-seen // 24), end, territory.tree)
    return whole, np.repeat(share, 24, axis=1) * known


def _columns(result: QueryResult, n: int) -> Sequence[Sequence[Any]]:
    """The columns of a result, empty ones where there are no rows."""
    return result.result_columns or [[]] * n


def read_recent_hours(client: Client, territory: Territory, minute: int, night: int) -> Floats:
    """Appeals of every series in the hours that end at a minute (since 1970, UTC; on the grid of 5), oldest first.

    Shape (n, RECENT_HOURS); ``night`` as in :func:`read_history`.
    """
    counts = np.zeros((len(territory.row), RECENT_HOURS))
    rows = client.query(
        f"SELECT place, intDiv({minute * 60} - toUnixTimestamp(time) - 1, 3600) AS back, sum(appeals) "
        f"FROM {_SETTLED} GROUP BY place, back",
        parameters=_span(minute - RECENT_HOURS * 60, minute, night),
    ).result_rows
    for place, back, appeals in rows:
        row = territory.row.get(place)
        if row is not None:
            counts[row, RECENT_HOURS - 1 - back] = appeals
    return territory.tree.summed(counts)


#: Rows of five minutes whose page is settled at its place, or that have none; parameters of :func:`_span`. Only pages
#: that began or moved after the day ``since`` are joined.
_SETTLED: Final = """gospulse.appeals_5min AS a
LEFT ANY JOIN
(
    SELECT assumeNotNull(page) AS began_page, assumeNotNull(first_day) AS began, began > greatest(
        assumeNotNull((SELECT min(first_day) FROM gospulse.pages)) + {settling:UInt16},
        {night:Date} - {settling:UInt16}
    ) AS too_new
    FROM gospulse.pages
    WHERE first_day > {since:Date}
) AS p ON ifNull(a.page, '') = p.began_page
LEFT ANY JOIN
(
    SELECT page AS moved_page, place AS moved_to, minIf(valid_from, place != original) AS moved,
        max(valid_from) > {night:Date} - {settling:UInt16} AS too_new
    FROM
    (
        SELECT page, place, valid_from, lagInFrame(place, 1, place) OVER pages AS before,
            first_value(place) OVER pages AS original
        FROM gospulse.page_history
        WINDOW pages AS (PARTITION BY page ORDER BY valid_from ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW)
    )
    WHERE place != before AND valid_from > {since:Date} AND valid_from <= {night:Date} + 1
    GROUP BY page, place
) AS m ON ifNull(a.page, '') = m.moved_page AND a.place = m.moved_to
WHERE a.time >= toDateTime({begin:UInt32}, 'UTC') AND a.time < toDateTime({end:UInt32}, 'UTC')
    AND NOT p.too_new AND NOT m.too_new"""


def _span(begin_minute: int, end_minute: int, night: int, *, since: int | None = None) -> dict[str, Any]:
    """Parameters of ``_SETTLED``; ``since`` in days since 1970, else the day before which every page is settled."""
    day = night // 24
    return {
        "begin": begin_minute * 60,
        "end": end_minute * 60,
        "night": _EPOCH + timedelta(days=day),
        "settling": SETTLING_DAYS,
        "since": _EPOCH + timedelta(days=day - SETTLING_DAYS if since is None else since),
    }


def _known_history(client: Client, territory: Territory, counts: Floats, begin: int) -> tuple[Bools, int]:
    """Which hours of the history (n, hours from ``begin`` on) are known, and the first hour with an appeal."""
    country, hours = counts[-1], counts.shape[1]
    first = int((country > 0).argmax()) if country.any() else hours
    mean = country[first:].mean() if first < hours else 0.0
    known = known_hours(client, territory, counts, np.full(counts.shape, mean), begin * 60)
    known[:, :first] = False
    return known, first


def known_hours(client: Client, territory: Territory, counts: Floats, usual: Floats, begin: int) -> Bools:
    """Which hours of ``counts`` (n, hours from the minute ``begin`` on) mean anything, (n, hours).

    Unknown are hours in which a feed reported itself down (for its place, or for all where it has none), and hours in
    which the whole country was silent although much is usual.
    """
    known = np.ones(counts.shape, np.bool_)
    known[:, (counts[-1] == 0) & (usual[-1] >= _LEAST_OF_COUNTRY)] = False
    for place, down_from, down_to in _outages(client, begin, begin + 60 * counts.shape[1]):
        hours = slice(max(0, (down_from - begin) // 60), max(0, -((begin - down_to) // 60)))
        row = territory.row.get(place)
        known[slice(None) if row is None else row, hours] = False
    return known


def _outages(client: Client, begin: int, end: int) -> Sequence[tuple[str, int, int]]:
    """(place, first minute, minute after the last) in which a feed said that it was down."""
    rows = client.query(
        "SELECT place, intDiv(toUnixTimestamp(period_from), 60), intDiv(toUnixTimestamp(period_to) + 59, 60) "
        "FROM gospulse.source_outages WHERE period_to > toDateTime({begin:UInt32}, 'UTC') "
        "AND period_from < toDateTime({end:UInt32}, 'UTC')",
        parameters={"begin": begin * 60, "end": end * 60},
    ).result_rows
    return [(place, int(down_from), int(down_to)) for place, down_from, down_to in rows]


def complete_until(client: Client) -> datetime | None:
    """Until when every appeal that the broker took is counted (UTC); None where that is not known."""
    rows = client.query(
        "SELECT count(), countIf(complete_until IS NULL), min(complete_until) "
        "FROM gospulse.freshness WHERE topic = 'events'"
    ).result_rows
    partitions, unheard, until = rows[0]
    if not partitions or unheard or until is None:
        return None
    return until.replace(tzinfo=UTC) if isinstance(until, datetime) else None
