"""Roll-ups that are made with days by page, in SQL: networks, audiences, and the coverage of the register."""

from __future__ import annotations

from typing import Final

from schemas.clickhouse.expressions import region_of_place, zone_of_place
from schemas.clickhouse.rollup_columns import COLUMNS
from streams.refresh.rollups import DATA, DayVersions, among, day_numbers, listed_days, sums

#: When the register of pages was written last (ms UTC).
REGISTER_WRITTEN: Final = f"SELECT toUnixTimestamp64Milli(max(toDateTime64(written_at, 3))) FROM {DATA}.pages"


def network_day(generation: int, versions: DayVersions) -> str:
    """Sum whole local days from ``page_day`` by place and network. ``versions``: those of the days, as recorded."""
    return (
        f"INSERT INTO {DATA}.network_day_g{generation} (day, zone, place, network, version, pages, "
        f"{', '.join(COLUMNS)}) SELECT p.day, p.zone, place, splitByChar(':', page)[1] AS network, any(d.version), "
        f"countIf(page != ''), {sums()} "
        f"{_page_days(generation, versions, '*')} GROUP BY p.day, p.zone, place, network"
    )


def people_unions(generation: int, versions: DayVersions) -> str:
    """Unite the sketches of accounts of whole local days: by place, region and country, by day and month.

    A union is a join: it has no version, and written late or again it changes nothing.
    """
    # Pages of a place first: the larger unions are then made of few sketches.
    places = (
        f"SELECT day, toString(p.place) AS place, ifNull({region_of_place()}, '') AS region, "
        "splitByChar(':', page)[1] AS network, uniqCombined64MergeState(p.people) AS of_place "
        f"FROM {DATA}.people_day_g{generation} AS p WHERE page != '' AND {among('day', day_numbers(versions))} "
        "GROUP BY day, p.place, network"
    )
    areas = (
        "SELECT day, level, multiIf(level = 'place', place, level = 'region', region, '') AS area, network, "
        f"uniqCombined64MergeState(of_place) AS of_area FROM ({places}) "
        "ARRAY JOIN ['place', 'region', 'country'] AS level GROUP BY day, level, area, network"
    )
    return (
        f"INSERT INTO {DATA}.people_unions_g{generation} (period, level, area, network, begin, people) "
        "SELECT tupleElement(span, 1), level, area, network, tupleElement(span, 2), of_area "
        f"FROM ({areas}) ARRAY JOIN [('day', day), ('month', toStartOfMonth(day))] AS span"
    )


def coverage_day(generation: int, versions: DayVersions, register_ms: int) -> str:
    """Count the registered and the heard pages of whole local days.

    ``register_ms``: when the register of pages was written last, read before this statement (ms UTC).
    """
    # Where a zone has no event of that day at all, its pages are registered all the same: under version 0, which loses
    # against whatever else was computed.
    registered = (
        "SELECT p.day AS day, p.zone AS zone, place, page, d.version AS version, true AS registered, false AS heard "
        f"FROM (SELECT place, page, valid_from, valid_to, {zone_of_place()} AS zone, "
        f"arrayJoin([{', '.join(f'toDate({number})' for number in day_numbers(versions))}]) AS day "
        "FROM gospulse.page_history WHERE valid_from <= day AND (valid_to IS NULL OR valid_to > day)) AS p "
        f"LEFT JOIN ({listed_days(versions)}) AS d ON p.zone = d.zone AND p.day = d.day"
    )
    heard = (
        "SELECT p.day, toString(p.zone), toString(place), page, d.version, false, true "
        f"{_page_days(generation, versions, 'day, zone, place, page, version')} AND page != ''"
    )
    by_page = (
        "SELECT day, zone, place, page, max(version) AS version, max(registered) AS registered, max(heard) AS heard "
        f"FROM ({registered} UNION ALL {heard}) GROUP BY day, zone, place, page"
    )
    return (
        f"INSERT INTO {DATA}.coverage_day_g{generation} "
        "(day, zone, place, version, computed, pages_registered, pages_heard, registered_heard) "
        f"SELECT day, zone, place, max(version) AS of, of + {register_ms}, countIf(registered), countIf(heard), "
        f"countIf(registered AND heard) FROM ({by_page}) GROUP BY day, zone, place"
    )


def _page_days(generation: int, versions: DayVersions, columns: str) -> str:
    """FROM and WHERE: rows ``p`` of ``page_day`` of these days, as they are or newer; ``d`` has their day's version."""
    numbers = ", ".join(map(str, day_numbers(versions)))
    return (
        f"FROM (SELECT {columns} FROM {DATA}.page_day_g{generation} FINAL WHERE day IN ({numbers})) AS p "
        f"INNER JOIN ({listed_days(versions)}) AS d ON p.day = d.day AND toString(p.zone) = d.zone "
        "WHERE p.version >= d.version"
    )
