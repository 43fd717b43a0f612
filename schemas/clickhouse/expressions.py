"""Expressions of SQL that several views and the refresher share: regions, zones and days of places, precedence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.clickhouse.literals import literal
from schemas.reference.places import COUNTRY_ZONE
from schemas.reference.reference_data import namespaces, regions, zone_exceptions

#: The condition on a row of the reference data that it is in force today (Moscow): not one that begins in the future.
IN_FORCE: Final = "valid_from <= toDate(now('Europe/Moscow')) AND ifNull(valid_to > toDate(now('Europe/Moscow')), true)"
_RULES_OF_APPEALS: Final = """(
    SELECT groupArray((
        ifNull(p.entrance, ''), p.place_prefix, p.source, p.valid_from, ifNull(p.valid_to, toDate('2149-06-06')), p.rank
    ))
    FROM gospulse.precedence AS p
    WHERE p.metric = 'appeals'
)"""
_RULES_OF_LEVELS: Final = """(
    SELECT groupArray((
        p.metric, p.place_prefix, p.source, p.valid_from, ifNull(p.valid_to, toDate('2149-06-06')), p.rank
    ))
    FROM gospulse.precedence AS p
    WHERE p.metric != 'appeals'
)"""
#: An expression over ``entrance``, ``place``, ``day`` and ``source``: the rank of a source of counted appeals, 1 first;
#: 0 where it does not stand. The rules of one entrance go before those of all, then those of the longest prefix. Where
#: no rule applies, facts go before totals.
PRECEDENCE_OF_APPEALS: Final = f"""multiIf(
    empty({_RULES_OF_APPEALS}), if(source = 'facts', 1, 2),
    empty(arrayFilter(
        rule -> rule.1 IN ('', entrance) AND startsWith(place, rule.2) AND day >= rule.4 AND day < rule.5,
        {_RULES_OF_APPEALS}
    ) AS rules), if(source = 'facts', 1, 2),
    arrayFirst(
        rule -> rule.3 = source AND length(rule.2) + if(rule.1 = '', 0, 100)
            = arrayMax(arrayMap(other -> length(other.2) + if(other.1 = '', 0, 100), rules)),
        rules
    ).6
)"""
#: The same for levels of pages and posts, over ``metric``, ``place``, ``period_from`` and ``source``; 1 where no rule
#: applies: then the latest observation stands, whatever its source.
PRECEDENCE_OF_LEVELS: Final = f"""multiIf(
    empty({_RULES_OF_LEVELS}), 1,
    empty(arrayFilter(
        rule -> rule.1 = metric AND startsWith(place, rule.2)
            AND toDate(period_from) >= rule.4 AND toDate(period_from) < rule.5,
        {_RULES_OF_LEVELS}
    ) AS rules), 1,
    arrayFirst(
        rule -> rule.3 = source AND length(rule.2) = arrayMax(arrayMap(other -> length(other.2), rules)),
        rules
    ).6
)"""

#: Every figure that a source reported for the share: day, place, entrance, source, value, observed and rank.
REPORTED_FOR_SHARE: Final = f"""SELECT day, place, entrance, source, value, observed, {PRECEDENCE_OF_APPEALS} AS rank
FROM
(
    SELECT
        day,
        place,
        tupleElement(entry, 1) AS entrance,
        'facts' AS source,
        tupleElement(entry, 2) AS value,
        toDateTime64(0, 3, 'UTC') AS observed
    FROM gospulse.place_day
    ARRAY JOIN [('public_page', appeals_public_page), ('social_other', appeals_social_other)] AS entry
    WHERE value > 0
    UNION ALL
    SELECT r.day AS day, toString(r.place), toString(r.entrance), toString(r.source), r.appeals, r.observed_at
    FROM (SELECT * FROM gospulse_data.totals_g{{generation}} FINAL) AS r
    LEFT JOIN
    (
        SELECT period, max(version) AS head
        FROM gospulse_data.refreshed_g{{generation}}
        WHERE rollup = 'place_hour'
        GROUP BY period
    ) AS h ON toStartOfHour(r.period_from) = h.period
    WHERE r.version >= h.head AND r.day > toDate(0) AND r.entrance IN ('public_page', 'social_other')
)"""


def region_of_place() -> str:
    """An expression over a column ``place``: the code of its region, NULL for places from elsewhere and unknown ones.

    The same rule as :func:`schemas.reference.places.region_of`: the longest prefix decides.
    """
    return _by_prefix({region.prefix: region.code for region in regions()}, "CAST(NULL, 'Nullable(String)')")


def zone_of_place() -> str:
    """An expression over a column ``place``: its time zone, as :func:`schemas.reference.places.zone_of` gives it."""
    of_regions = _by_prefix({region.prefix: region.zone for region in regions()}, literal(COUNTRY_ZONE))
    of_exceptions = _mapped("place", {each.code: each.zone for each in zone_exceptions()}, of_regions)
    elsewhere = {each.namespace: each.zone for each in namespaces()}
    of_namespaces = _mapped("splitByChar(':', place)[1]", elsewhere, literal(COUNTRY_ZONE))
    return f"if(position(place, ':') > 0, {of_namespaces}, {of_exceptions})"


def day_of_period() -> str:
    """An expression over ``place``, ``period_from`` and ``period_to``: the local day of a period of one day or less.

    It is the date of the period's middle in the zone of the place, also where the source cuts days in another zone.
    NULL for longer periods: a day has at most 25 hours.
    """
    in_use = {each.zone for each in regions()} | {each.zone for each in zone_exceptions()}
    zones = sorted((in_use | {each.zone for each in namespaces()}) - {COUNTRY_ZONE})
    middle = "period_from + toIntervalSecond(intDiv(dateDiff('second', period_from, period_to), 2))"
    branches = ", ".join(f"zone_of_period = {literal(zone)}, toDate({middle}, {literal(zone)})" for zone in zones)
    return (
        f"if(dateDiff('second', period_from, period_to) > 90000, NULL, multiIf(({zone_of_place()} AS zone_of_period) "
        f"= {literal(COUNTRY_ZONE)}, toDate({middle}, {literal(COUNTRY_ZONE)}), {branches}, NULL))"
    )


def _by_prefix(values: Mapping[str, str], otherwise: str) -> str:
    """An expression that maps the longest known prefix of ``place`` to a text."""
    expression = otherwise
    for size in sorted({len(prefix) for prefix in values}):
        known = {prefix: value for prefix, value in values.items() if len(prefix) == size}
        expression = _mapped(f"left(place, {size})", known, expression)
    return expression


def _mapped(expression: str, values: Mapping[str, str], otherwise: str) -> str:
    keys, texts = (", ".join(map(literal, column)) for column in (values, values.values()))
    return f"transform({expression}, [{keys}], [{texts}], {otherwise})"
