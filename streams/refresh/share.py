"""The share through public pages, in SQL: of the sources of each figure the one that stands, by place and by region."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from schemas.clickhouse.expressions import PRECEDENCE_OF_APPEALS, region_of_place, zone_of_place
from streams.refresh.rollups import DATA, DayVersions, among, day_numbers, listed_days

#: When the register of precedence was written last (ms UTC); 0 where it is empty.
PRECEDENCE_WRITTEN: Final = f"SELECT toUnixTimestamp64Milli(max(toDateTime64(written_at, 3))) FROM {DATA}.precedence"
_ENTRANCES: Final = "('public_page', 'social_other')"


def share_day(generation: int, versions: DayVersions) -> str:
    """Compute both figures of whole local days from ``place_day`` and ``totals``, for the sources that stand.

    Rows of both below their heads belong to older computations and are left out.
    """
    days = ", ".join(map(str, day_numbers(versions)))
    facts = (
        "SELECT p.day AS day, toString(p.zone) AS zone, toString(p.place) AS place, "
        "tupleElement(entry, 1) AS entrance, 'facts' AS source, tupleElement(entry, 2) AS value, "
        "toDateTime64(0, 3, 'UTC') AS observed FROM "
        "(SELECT day, zone, place, version, appeals_public_page, appeals_social_other "
        f"FROM {DATA}.place_day_g{generation} FINAL WHERE day IN ({days})) AS p LEFT JOIN "
        f"(SELECT toDate(period, 'UTC') AS day, zone, max(version) AS head FROM {DATA}.refreshed_g{generation} "
        "WHERE rollup = 'place_day' GROUP BY zone, period) AS h ON p.day = h.day AND p.zone = h.zone "
        "ARRAY JOIN [('public_page', appeals_public_page), ('social_other', appeals_social_other)] AS entry "
        "WHERE p.version >= h.head AND value > 0"
    )
    totals = (
        f"SELECT r.day, {zone_of_place()}, place, toString(r.entrance), toString(r.source), r.appeals, r.observed_at "
        f"FROM (SELECT day, period_from, toString(place) AS place, entrance, source, version, appeals, observed_at "
        f"FROM {DATA}.totals_g{generation} FINAL WHERE day IN ({days}) AND entrance IN {_ENTRANCES}) AS r LEFT JOIN "
        f"(SELECT period, max(version) AS head FROM {DATA}.refreshed_g{generation} "
        "WHERE rollup = 'place_hour' GROUP BY period) AS h ON toStartOfHour(r.period_from) = h.period "
        "WHERE r.version >= h.head"
    )
    standing = (
        "SELECT day, zone, place, entrance, argMin((value, source, observed, rank), "
        "(rank, -toUnixTimestamp64Milli(observed), source)) AS s, count() AS reported FROM "
        f"(SELECT *, {PRECEDENCE_OF_APPEALS} AS rank FROM ({facts} UNION ALL {totals})) WHERE rank > 0 "
        "GROUP BY day, zone, place, entrance"
    )
    of = "tupleElement(anyIf(s, entrance = '{}'), {})".format
    return (
        f"INSERT INTO {DATA}.share_day_g{generation} (day, zone, region, place, version, numerator, numerator_source, "
        "numerator_rank, social_other, social_other_source, social_other_rank, sources, observed_at) "
        f"SELECT t.day, t.zone, ifNull({region_of_place()}, '') AS region, place, any(d.version), "
        f"{of('public_page', 1)}, {of('public_page', 2)}, {of('public_page', 4)}, "
        f"{of('social_other', 1)}, {of('social_other', 2)}, {of('social_other', 4)}, max(reported), "
        f"greatest({of('public_page', 3)}, {of('social_other', 3)}) "
        f"FROM ({standing}) AS t INNER JOIN ({listed_days(versions)}) AS d ON t.day = d.day AND t.zone = d.zone "
        "GROUP BY t.day, t.zone, place"
    )


def share_region_day(generation: int, versions: DayVersions) -> str:
    """Sum whole local days by region from ``share_day``, which holds them."""
    days = ", ".join(map(str, day_numbers(versions)))
    return (
        f"INSERT INTO {DATA}.share_region_day_g{generation} (day, zone, region, version, numerator, denominator, "
        "heard, municipalities_heard) SELECT s.day, s.zone, s.region, any(d.version), sum(numerator), "
        "sum(numerator + social_other), countIf(social_other_rank > 0), "
        "countIf(social_other_rank > 0 AND toString(s.place) != toString(s.region)) FROM "
        "(SELECT day, zone, region, place, version, numerator, social_other, social_other_rank "
        f"FROM {DATA}.share_day_g{generation} FINAL WHERE day IN ({days})) AS s INNER JOIN "
        f"({listed_days(versions)}) AS d ON s.day = d.day AND toString(s.zone) = d.zone WHERE s.version >= d.version "
        "GROUP BY s.day, s.zone, s.region"
    )


def days_of_totals(generation: int, hours: Iterable[int]) -> str:
    """The zones and local days (since 1970) of totals whose periods begin in some hours (seconds UTC)."""
    listed = sorted(hours)
    return f"SELECT DISTINCT {zone_of_place()}, number FROM ({_of_days(generation)}) WHERE {among('hour', listed)}"


def hours_of_totals(generation: int, where: str) -> str:
    """Zone, local day (since 1970) and hour (seconds UTC) in which totals of that day begin, ever written.

    ``where``: a condition on ``number``, the day.
    """
    return f"SELECT DISTINCT {zone_of_place()}, number, hour FROM ({_of_days(generation)}) WHERE {where}"


def _of_days(generation: int) -> str:
    """Of the totals of days, each once: place, number of the day (since 1970), hour of the beginning (seconds UTC)."""
    return (
        "SELECT DISTINCT toString(place) AS place, toUInt32(day) AS number, "
        f"toUnixTimestamp(toStartOfHour(period_from)) AS hour FROM {DATA}.totals_g{generation} "
        f"WHERE day > toDate(0) AND entrance IN {_ENTRANCES}"
    )
