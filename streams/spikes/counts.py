"""Counts of appeals for the detector, read from the public views, with the hours that count for nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from clickhouse_connect.driver.client import Client
from msgspec import Struct

from streams.spikes.hierarchy import Hierarchy, hierarchy
from streams.spikes.series import RECENT_HOURS, Bools, Floats

#: A page is tested from so many days after its first event, or after its move to another place by the register:
#: connecting pages to a place is no spike.
SETTLING_DAYS: Final = 14
#: The country falls silent for an hour in which at least so many appeals are usual: the hour is not known.
_LEAST_OF_COUNTRY: Final = 10
UNKNOWN_PLACE: Final = "00000000"


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


def read_hourly(client: Client, territory: Territory, begin: int, end: int, night: int) -> Floats:
    """Appeals of every series by hour from ``begin`` to ``end`` (hours since 1970, UTC; end exclusive), (n, hours).

    Only pages that were settled in a ``night`` (hour since 1970) count, with all that they ever brought: what is
    observed and what is usual are sums over the same pages.
    """
    counts = np.zeros((len(territory.row), end - begin))
    rows = client.query(
        f"SELECT place, intDiv(toUnixTimestamp(time), 3600) AS hour, sum(appeals) FROM {_SETTLED} GROUP BY place, hour",
        parameters=_span(begin * 60, end * 60, night),
    ).result_rows
    for place, hour, appeals in rows:
        row = territory.row.get(place)
        if row is not None:
            counts[row, hour - begin] = appeals
    return territory.tree.summed(counts)


def read_recent_hours(client: Client, territory: Territory, minute: int, night: int) -> Floats:
    """Appeals of every series in the hours that end at a minute (since 1970, UTC; on the grid of 5), oldest first.

    Shape (n, RECENT_HOURS); ``night`` as in :func:`read_hourly`.
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


#: Rows of five minutes whose page is settled at its place, or that have none; parameters of :func:`_span`.
_SETTLED: Final = """gospulse.appeals_5min AS a
LEFT ANY JOIN
(
    SELECT assumeNotNull(page) AS new_page
    FROM gospulse.pages
    WHERE first_day > greatest(
        (SELECT min(first_day) FROM gospulse.pages) + {settling:UInt16}, {night:Date} - {settling:UInt16}
    )
) AS p ON ifNull(a.page, '') = p.new_page
LEFT ANY JOIN
(
    SELECT page AS moved_page, place AS moved_to
    FROM
    (
        SELECT page, place, valid_from, lagInFrame(place, 1, place) OVER (
            PARTITION BY page ORDER BY valid_from ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW
        ) AS before
        FROM gospulse.page_history
    )
    WHERE place != before AND valid_from > {night:Date} - {settling:UInt16} AND valid_from <= {night:Date} + 1
    GROUP BY page, place
) AS m ON ifNull(a.page, '') = m.moved_page AND a.place = m.moved_to
WHERE a.time >= toDateTime({begin:UInt32}, 'UTC') AND a.time < toDateTime({end:UInt32}, 'UTC')
    AND p.new_page = '' AND m.moved_page = ''"""


def _span(begin_minute: int, end_minute: int, night: int) -> dict[str, Any]:
    day = datetime.fromtimestamp(night * 3600, UTC).date()
    return {"begin": begin_minute * 60, "end": end_minute * 60, "night": day, "settling": SETTLING_DAYS}


def known_history(client: Client, territory: Territory, counts: Floats, begin: int) -> Bools:
    """Which hours of the history ``counts`` (n, hours from ``begin`` on) mean anything, (n, hours).

    Unknown are the hours before the first appeal of all, and those of :func:`known_hours`.
    """
    country = counts[-1]
    first = int((country > 0).argmax()) if country.any() else len(country)
    mean = country[first:].mean() if first < len(country) else 0.0
    known = known_hours(client, territory, counts, np.full(counts.shape, mean), begin * 60)
    known[:, :first] = False
    return known


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
