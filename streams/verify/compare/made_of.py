"""Compares tables with those that they are made of: sums of roll-ups, unions of sketches, totals, latest levels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from schemas.clickhouse.expressions import region_of_place
from schemas.clickhouse.rollup_columns import COLUMNS
from streams.verify.findings import Findings
from streams.verify.stored.tables import ON_DISK, StoredRows

#: Tables that stand beside those of hours, and those that stand beside days by page.
OF_HOURS: Final = ("region_hour", "place_5min", "totals")
OF_PAGE_DAYS: Final = ("network_day", "page_spans", "people_unions")
OF_SHARES: Final = ("share_region_day",)
OF_READINGS: Final = ("page_levels",)
OF_FLAT_ROWS: Final = ("answer_month",)


def compare_made_of(findings: Findings, stored: StoredRows, tables: tuple[str, ...], since: str) -> None:
    """Compare some of the tables above; periods before ``since`` (as ClickHouse writes times) are passed over."""
    for table, expected, found in _sides(stored):
        if table not in tables:
            continue
        rows = (
            "SELECT period, key, groupArrayIf(said, side = 'e') AS e, groupArrayIf(said, side = 'f') AS f "
            f"FROM (SELECT 'e' AS side, toString(period) AS period, key, said FROM ({expected}) UNION ALL "
            f"SELECT 'f', toString(period), key, said FROM ({found})) WHERE period >= '{since}' GROUP BY period, key"
        )
        ((same, wrong),) = stored.values(
            "SELECT countIf(e = f), groupArrayIf(1000)([concat(period, ' ', key), arrayStringConcat(e, ' '), "
            f"arrayStringConcat(f, ' ')], e != f) FROM ({rows})",
            ON_DISK,
        )
        findings.count(findings.compared, table, same)
        for where, wanted, stood in sorted(wrong):
            findings.differ(table, where.strip(), wanted or None, stood or None)


def _sides(stored: StoredRows) -> Iterator[tuple[str, str, str]]:
    """Table, what it is made of, what it holds: each with columns period, key, said."""
    region = f"ifNull({region_of_place()}, '')"
    sums = f"toString(tuple({', '.join(f'sum({column})' for column in COLUMNS)})) AS said"
    same = f"toString(tuple({', '.join(COLUMNS)})) AS said"
    yield (
        "region_hour",
        f"SELECT hour AS period, {region} AS key, {sums} FROM ({shown(stored, 'place_hour', 'place_hour', 'hour')}) "
        "GROUP BY period, key",
        f"SELECT hour AS period, toString(region) AS key, {same} "
        f"FROM ({shown(stored, 'region_hour', 'place_hour', 'hour')})",
    )
    facts = f"SELECT min(first) AS f FROM {stored.table('appeals')} GROUP BY appeal"
    yield (
        "place_5min",
        f"SELECT toStartOfFiveMinutes(f.at) AS period, f.place AS key, toString(count()) AS said FROM ({facts}) "
        "GROUP BY period, key",
        f"SELECT time AS period, toString(place) AS key, toString(appeals) AS said "
        f"FROM ({shown(stored, 'place_5min', 'place_hour', 'toStartOfHour(r.time)')})",
    )
    moscow = "toStartOfMonth(toDate(received_at, 'Europe/Moscow'))"
    answer_s = "(toUnixTimestamp64Milli(first_answer_at) - toUnixTimestamp64Milli(received_at)) / 1000"
    closed_s = "(toUnixTimestamp64Milli(closed_at) - toUnixTimestamp64Milli(received_at)) / 1000"

    def hours(condition: str, number: str) -> str:
        return f"toString(arraySort(groupArrayIf(toUInt64({number}), {condition})))"

    def unfolded(column: str) -> str:
        each = f"arrayMap((h, n) -> arrayWithConstant(n, toUInt64(h)), mapKeys({column}), mapValues({column}))"
        return f"toString(arraySort(arrayFlatten({each})))"

    waits = f"arraySort(groupArray(if({{}}, inf, greatest(0, {answer_s}))))"
    # Of the states alone, as a reader would count them.
    unanswered = "first_answer_at = toDateTime64(0, 3, 'UTC')"
    shut = f"{unanswered} AND state != 'removed' AND closed_at > toDateTime64(0, 3, 'UTC')"
    open_ = f"{unanswered} AND NOT ({shut})"
    yield (
        "answer_month",
        f"SELECT {moscow} AS period, assumeNotNull(region) AS key, concat(toString(tuple(count(), "
        f"countIf(NOT ({unanswered})), countIf({open_}))), "
        f"{hours(f'NOT ({unanswered})', f'ceil(greatest(0, {answer_s}) / 3600)')}, "
        f"{hours(shut, f'floor(greatest(0, {closed_s}) / 3600)')}, "
        f"{hours(open_, 'floor(toUnixTimestamp(received_at) / 3600)')}, "
        f"toString(({waits.format(unanswered)} AS sorted)[intDiv(count(), 2) + 1]), "
        "toString(sorted[toUInt64(floor(count() * 0.9)) + 1])) AS said "
        f"FROM {stored.table('appeal_rows')} FINAL WHERE region IS NOT NULL AND state != 'withdrawn' "
        f"AND NOT (state = 'removed' AND NOT ({unanswered})) GROUP BY period, key",
        "SELECT month AS period, toString(region) AS key, concat(toString(tuple(appeals, answered, waiting)), "
        f"{unfolded('answer_hours')}, {unfolded('closed_hours')}, {unfolded('waiting_hours')}, "
        "toString(median), toString(p90)) AS said FROM "
        f"({shown(stored, 'answer_month', 'answer_month', 'month')})",
    )
    others = "social_other_source != ''"
    yield (
        "share_region_day",
        f"SELECT day AS period, concat(zone, ' ', {region}) AS key, toString(tuple(sum(numerator), "
        f"sum(numerator) + sum(social_other), countIf({others}), countIf({others} AND place != {region}))) AS said "
        f"FROM ({shown(stored, 'share_day', 'share_day', 'day')}) GROUP BY period, key",
        "SELECT day AS period, concat(toString(zone), ' ', toString(region)) AS key, "
        "toString(tuple(numerator, denominator, heard, municipalities_heard)) AS said "
        f"FROM ({shown(stored, 'share_region_day', 'share_day', 'day')})",
    )
    by_network = "concat(toString(place), ' ', splitByChar(':', page)[1]) AS key"
    yield (
        "network_day",
        f"SELECT day AS period, {by_network}, {sums} FROM ({shown(stored, 'page_day', 'page_day', 'day')}) "
        "GROUP BY period, key",
        f"SELECT day AS period, concat(toString(place), ' ', toString(network)) AS key, {same} "
        f"FROM ({shown(stored, 'network_day', 'page_day', 'day')})",
    )
    # A page stays heard on a day, also where its events turned out to belong elsewhere: rows below the heads count.
    yield (
        "page_spans",
        "SELECT '' AS period, page AS key, toString((min(day), max(day))) AS said "
        f"FROM {stored.table('page_day')} WHERE page != '' GROUP BY page",
        "SELECT '' AS period, page AS key, toString((min(first_day), max(last).1)) AS said "
        f"FROM {stored.table('page_spans')} GROUP BY page",
    )
    yield (
        "totals",
        _standing_totals(stored),
        (
            "SELECT period_from AS period, concat(toString(period_to), ' ', toString(place), ' ', toString(entrance), "
            "' ', toString(source)) AS key, toString(appeals) AS said FROM "
            f"({shown(stored, 'totals', 'place_hour', 'toStartOfHour(r.period_from)')})"
        ),
    )
    kinds = "[('day', 'place'), ('day', 'region'), ('day', 'country'), ('month', 'place'), ('month', 'region'), "
    yield (
        "people_unions",
        "SELECT if(kind.1 = 'day', day, toStartOfMonth(day)) AS period, concat(kind.1, ' ', kind.2, ' ', "
        f"multiIf(kind.2 = 'place', toString(place), kind.2 = 'region', {region}, ''), ' ', "
        "splitByChar(':', page)[1]) AS key, toString(uniqCombined64Merge(people)) AS said "
        f"FROM {stored.table('people_day')} ARRAY JOIN {kinds}('month', 'country')] AS kind "
        "WHERE page != '' GROUP BY period, key",
        "SELECT begin AS period, concat(p.period, ' ', level, ' ', area, ' ', network) AS key, "
        f"toString(uniqCombined64Merge(people)) AS said FROM {stored.table('people_unions')} AS p "
        "GROUP BY p.begin, p.period, p.level, p.area, p.network",
    )
    yield (
        "page_levels",
        "SELECT max(period_to) AS period, concat(metric, ' ', page, ' ', source) AS key, "
        "toString(argMax(f.value, (period_to, f.known_at, f.log, f.part, f.off))) AS said FROM "
        "(SELECT metric, object AS page, period_to, source, max(latest) AS f "
        f"FROM {stored.table('readings')} GROUP BY metric, object, period_from, period_to, source) "
        "WHERE f.page = page GROUP BY metric, page, source",
        "SELECT f.period_to AS period, concat(metric, ' ', page, ' ', source) AS key, toString(f.value) AS said "
        f"FROM (SELECT metric, page, source, max(latest) AS f FROM {stored.table('page_levels')} "
        "GROUP BY metric, page, source)",
    )


def _standing_totals(stored: StoredRows) -> str:
    """Totals from the readings: a complete file takes away what it lacks, a total without a topic holds all topics."""
    readings = (
        "SELECT object, period_from, period_to, source, max(latest) AS f "
        f"FROM {stored.table('readings')} WHERE metric = 'appeals' GROUP BY object, period_from, period_to, source"
    )
    newest = (
        f"SELECT source, period_from, period_to, max(f.complete_at) AS file_at FROM ({readings}) "
        "GROUP BY source, period_from, period_to"
    )
    standing = (
        f"SELECT r.period_from AS begin, r.period_to AS end, r.source AS feed, r.f AS f FROM ({readings}) AS r "
        f"INNER JOIN ({newest}) AS n ON r.source = n.source AND r.period_from = n.period_from "
        "AND r.period_to = n.period_to WHERE r.f.complete_at IS NULL OR r.f.complete_at = n.file_at"
    )
    channels = (
        "SELECT begin, end, feed, f.place AS place, f.entrance AS entrance, "
        "if(max(f.topic IS NULL), sumIf(f.value, f.topic IS NULL), sum(f.value)) AS number "
        f"FROM ({standing}) GROUP BY begin, end, feed, f.channel, place, entrance"
    )
    return (
        "SELECT begin AS period, concat(toString(end), ' ', place, ' ', assumeNotNull(entrance), ' ', feed) AS key, "
        f"toString(sum(number)) AS said FROM ({channels}) GROUP BY begin, end, place, entrance, feed"
    )


def shown(stored: StoredRows, table: str, rollup: str, period: str) -> str:
    """Rows of a table at or above the heads of a roll-up, as readers see them."""
    moment = f"toDateTime(r.{period}, 'UTC')" if period in ("hour", "day", "month") else period
    zone = " AND h.zone = toString(r.zone)" if period == "day" else ""
    heads = (
        f"SELECT toString(zone) AS zone, period, max(version) AS head FROM {stored.table('refreshed')}"
        f" WHERE rollup = '{rollup}' GROUP BY zone, period"
    )
    return (
        f"SELECT r.* FROM (SELECT * FROM {stored.table(table)} FINAL) AS r LEFT JOIN ({heads}) AS h "
        f"ON h.period = {moment}{zone} WHERE r.version >= h.head"
    )
