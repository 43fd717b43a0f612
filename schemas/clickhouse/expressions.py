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

#: Rows of the share by region, zone and local day that stand at or above the head of their day.
SHARE_OF_REGIONS: Final = """(
    SELECT r.day AS day, r.region AS region, r.numerator AS numerator, r.denominator AS denominator, r.heard AS heard,
        r.municipalities_heard AS municipalities_heard
    FROM (SELECT * FROM gospulse_data.share_region_day_g{generation} FINAL) AS r
    LEFT JOIN
    (
        SELECT toDate(period, 'UTC') AS day, zone, max(version) AS head
        FROM gospulse_data.refreshed_g{generation}
        WHERE rollup = 'share_day'
        GROUP BY zone, period
    ) AS h ON r.day = h.day AND r.zone = h.zone
    WHERE r.version >= h.head
)"""
#: By month, region and place: sums of days (``n`` numerator, ``s`` social_other; of all days, of days whose
#: denominator is known for the place, and for its region), ranks and sources of the days, and the total of the whole
#: month that stands among such totals (``tn``, ``ts``). A period is a month where both ends lie within 14 hours of the
#: first days of two months that follow each other (UTC): months are cut in many zones.
SHARE_OF_MONTHS: Final = f"""(
    SELECT
        month,
        region,
        place,
        sum(n_all) AS n,
        sum(n_known) AS n_of_place,
        sum(n_known_of_region) AS n_of_region,
        sum(s_all) AS s,
        max(n_best) AS n_rank,
        max(s_best) AS s_rank,
        arrayStringConcat(arraySort(groupUniqArrayArray(n_sources)), ', ') AS n_source,
        arrayStringConcat(arraySort(groupUniqArrayArray(s_sources)), ', ') AS s_source,
        max(known) AS days_known,
        anyIf(tupleElement(total, 1), entrance = 'public_page') AS tn,
        anyIf(tupleElement(total, 2), entrance = 'public_page') AS tn_source,
        anyIf(tupleElement(total, 3), entrance = 'public_page') AS tn_rank,
        anyIf(tupleElement(total, 1), entrance = 'social_other') AS ts,
        anyIf(tupleElement(total, 2), entrance = 'social_other') AS ts_source,
        anyIf(tupleElement(total, 3), entrance = 'social_other') AS ts_rank,
        tn_rank > 0 AND (n_rank = 0 OR tn_rank <= n_rank) AS n_whole,
        ts_rank > 0 AND (s_rank = 0 OR ts_rank <= s_rank) AS s_whole
    FROM
    (
        SELECT
            toStartOfMonth(t.day) AS month,
            toString(t.region) AS region,
            toString(t.place) AS place,
            sum(t.numerator) AS n_all,
            sumIf(t.numerator, t.social_other_rank > 0 OR (t.region != '' AND g.municipalities > 0)) AS n_known,
            sumIf(t.numerator, t.social_other_rank > 0 OR (t.region != '' AND g.places > 0)) AS n_known_of_region,
            sum(t.social_other) AS s_all,
            minIf(t.numerator_rank, t.numerator_rank > 0) AS n_best,
            minIf(t.social_other_rank, t.social_other_rank > 0) AS s_best,
            groupUniqArrayIf(toString(t.numerator_source), t.numerator_rank > 0) AS n_sources,
            groupUniqArrayIf(toString(t.social_other_source), t.social_other_rank > 0) AS s_sources,
            max(t.social_other_rank > 0 OR (t.region != '' AND g.municipalities > 0)) AS known,
            '' AS entrance,
            (toUInt64(0), '', toUInt8(0)) AS total
        FROM (SELECT * FROM gospulse_data.share_day_g{{generation}} FINAL) AS t
        LEFT JOIN
        (
            SELECT toDate(period, 'UTC') AS day, zone, max(version) AS head
            FROM gospulse_data.refreshed_g{{generation}}
            WHERE rollup = 'share_day'
            GROUP BY zone, period
        ) AS h ON t.day = h.day AND t.zone = h.zone
        LEFT JOIN
        (
            SELECT day, region, sum(municipalities_heard) AS municipalities, sum(heard) AS places
            FROM {SHARE_OF_REGIONS}
            GROUP BY day, region
        ) AS g ON t.day = g.day AND t.region = g.region
        WHERE t.version >= h.head
        GROUP BY month, t.region, t.place
        UNION ALL
        SELECT
            day,
            ifNull({{region_of_place}}, '') AS region,
            place,
            0, 0, 0, 0, 0, 0, [], [], 0,
            entrance,
            argMin((appeals, source, rank), (rank, -toUnixTimestamp64Milli(observed_at), source))
        FROM
        (
            SELECT day, place, entrance, source, appeals, observed_at, {PRECEDENCE_OF_APPEALS} AS rank
            FROM
            (
                SELECT
                    toStartOfMonth(toDate(r.period_from + toIntervalDay(15), 'UTC')) AS day,
                    toString(r.place) AS place,
                    toString(r.entrance) AS entrance,
                    toString(r.source) AS source,
                    r.appeals AS appeals,
                    r.observed_at AS observed_at
                FROM (SELECT * FROM gospulse_data.totals_g{{generation}} FINAL WHERE day = toDate(0)) AS r
                LEFT JOIN
                (
                    SELECT period, max(version) AS head
                    FROM gospulse_data.refreshed_g{{generation}}
                    WHERE rollup = 'place_hour'
                    GROUP BY period
                ) AS h ON toStartOfHour(r.period_from) = h.period
                WHERE r.version >= h.head AND r.entrance IN ('public_page', 'social_other')
                    AND abs(dateDiff('hour', r.period_from, toDateTime(day, 'UTC'))) <= 14
                    AND abs(dateDiff('hour', r.period_to, toDateTime(day + toIntervalMonth(1), 'UTC'))) <= 14
            )
        )
        WHERE rank > 0
        GROUP BY day, place, entrance
    )
    GROUP BY month, region, place
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
