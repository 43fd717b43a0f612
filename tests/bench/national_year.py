"""A synthetic national year, filled into the tables of generation 1 directly in SQL: what views are measured on.

8 million appeals, 175,000 pages, 2,300 places, of which one in three pages has events on a day. Rows are written in the
portions of the refresher's steps, the latest first, as after a rebuild. Cells of ``page_hour`` are filled for two days:
at 20 million events a day a partition of eight fills a chunk in about 19 minutes, so a page has up to four cells an
hour. A fraction of the country (its appeals, pages and places divided) is for work on the views.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Final

from clickhouse_connect.driver.client import Client
from msgspec import Struct

from schemas.clickhouse.expressions import region_of_place
from schemas.clickhouse.rollup_columns import COLUMNS, COUNTERS
from streams.refresh.answer_months import AnswerMonths

DAYS: Final = 365
#: Appeals that a step of the refresher takes at most, about.
STEP: Final = 200_000
#: Of the rows so many in a hundred are written a second time, when an answer comes.
REWRITTEN: Final = 10


class Size(Struct, frozen=True):
    """How large the country is; the numbers are those of Russia."""

    appeals: int = 8_000_000
    pages: int = 175_000
    places: int = 2_300

    def divided(self, by: int) -> Size:
        """One ``by``-th of it."""
        return Size(self.appeals // by, self.pages // by, self.places // by)


_LAST: Final = "toStartOfHour(now('UTC'))"
_REGIONS: Final = "(SELECT groupArray(prefix) FROM gospulse.regions WHERE length(prefix) = 2)"
#: A municipality by its number, spread over the regions of two digits.
_PLACE: Final = (
    f"concat(arrayElement({_REGIONS}, 1 + {{0}} % length({_REGIONS})), leftPad(toString(1000 + {{0}}), 6, '0'))"
)
#: A page by its number, the networks in turn.
_PAGE: Final = "concat(['vk', 'ok', 'tg', 'max'][1 + {0} % 4], ':', toString({0}))"
_TOPICS: Final = "(SELECT groupArray(topic) FROM gospulse.topics WHERE parent IS NOT NULL)"
_COUNTS: Final = {"appeals": 3, "appeals_public_page": 2, "appeals_social_other": 2, "answers_final": 2}


def fill(client: Client, size: Size, note: Callable[[str], None]) -> None:
    """Fill every table that the views read; ``note`` is told each step. The tables are those of a fresh migration."""
    for what, statement in _statements(size):
        begin = time.perf_counter()
        client.command(statement, settings={"max_partitions_per_insert_block": 0, "max_query_size": 10_000_000})
        note(f"{what}: {time.perf_counter() - begin:.1f} s")


def compute_answers(client: Client, note: Callable[[str], None]) -> None:
    """Compute the months of answers as the refresher does; nothing where they are there."""

    def write(statement: str) -> None:
        client.command(statement)

    months = AnswerMonths(1, lambda question: client.query(question).result_rows, write)
    months.scan()
    begin = time.perf_counter()
    while months.step():
        note(f"answers of a month: {time.perf_counter() - begin:.1f} s in all")


def stop_merges(client: Client) -> None:
    """From here on nothing is merged: the tables stay as right after a rebuild."""
    client.command("SYSTEM STOP MERGES")


def settle(client: Client, note: Callable[[str], None]) -> None:
    """Merge what a night of background merges would."""
    client.command("SYSTEM START MERGES")
    rows = client.query(
        "SELECT DISTINCT table, partition FROM system.parts WHERE active AND database = 'gospulse_data' "
        "GROUP BY table, partition HAVING count() > 1"
    ).result_rows
    for table, partition in rows:
        note(f"merging {table} {partition}")
        client.command(f"OPTIMIZE TABLE gospulse_data.{table} PARTITION {partition} FINAL")


def _statements(size: Size) -> Iterator[tuple[str, str]]:
    yield (
        "places",
        (
            "INSERT INTO gospulse_data.places (place, valid_from, name, region, zone, population) SELECT "
            f"{_PLACE.format('number')}, '1970-01-01', toString(number), concat(left({_PLACE.format('number')}, 2), "
            f"'000000'), 'Europe/Moscow', 50000 FROM numbers({size.places})"
        ),
    )
    yield "place zones", ("INSERT INTO gospulse_data.place_zones_g1 SELECT place, zone FROM gospulse.places")
    yield (
        "pages",
        (
            f"INSERT INTO gospulse_data.pages (page, valid_from, name, place) SELECT {_PAGE.format('number')}, "
            f"'1970-01-01', toString(number), {_PLACE.format(f'(number % {size.places})')} FROM numbers({size.pages})"
        ),
    )
    yield from _heads()
    yield from _appeals(size)
    yield from _by_page(size)
    yield from _by_hour(size)
    yield from _share()
    yield from _people()
    yield from _readings()


def _heads() -> Iterator[tuple[str, str]]:
    hours = f"SELECT {_LAST} - toIntervalHour(number) AS hour FROM numbers({24 * DAYS + 24})"
    yield (
        "marks",
        (
            "INSERT INTO gospulse_data.touched_g1 SELECT hour, 1, part, 10 FROM "
            f"({hours}) AS h CROSS JOIN (SELECT number AS part FROM numbers(8)) AS p"
        ),
    )
    # The hour that runs is always marked again before it is computed.
    yield "a late hour", f"INSERT INTO gospulse_data.touched_g1 VALUES ({_LAST}, 1, 0, 11)"
    yield (
        "heads of hours",
        (f"INSERT INTO gospulse_data.refreshed_g1 SELECT 'place_hour', 'UTC', hour, 80, now64(3) FROM ({hours})"),
    )
    yield (
        "heads of days",
        (
            "INSERT INTO gospulse_data.refreshed_g1 SELECT "
            "arrayJoin(['place_day', 'page_day', 'coverage_day', 'share_day']), zone, "
            f"toDateTime(toDate({_LAST}) - number, 'UTC'), 1, now64(3) FROM numbers({DAYS + 1}) AS n "
            "CROSS JOIN (SELECT DISTINCT zone FROM gospulse_data.place_zones_g1) AS z"
        ),
    )


def _appeals(size: Size) -> Iterator[tuple[str, str]]:
    gap = DAYS * 86_400_000 // size.appeals

    def rows(begin: int, number: int, version: int, only: str) -> str:
        place = _PLACE.format(f"(sipHash64(n, 1) % {size.places})")
        answered = "sipHash64(n, 6) % 10 < 8"
        return (
            "INSERT INTO gospulse_data.appeal_rows_g1 (version, received_at, appeal, first_seen_at, region, place, "
            "page, network, channel, entrance, topic, state, first_answer_at, source, responder, outcome, ended_at, "
            "replied) SELECT "
            f"{version}, at, lower(hex(sipHash128(n))), at, {region_of_place()}, place, page, "
            "nullIf(splitByChar(':', page)[1], ''), 'vk', "
            "['public_page', 'social_other', 'phone', 'portal'][1 + sipHash64(n, 3) "
            "% 4],"
            f"{_TOPICS}[1 + sipHash64(n, 4) % length({_TOPICS})], if({answered}, 'answered', 'received'), "
            f"if({answered}, at + toIntervalSecond(sipHash64(n, 7) % 200000), toDateTime64(0, 3, 'UTC')) AS answer, "
            f"'vk-callback', concat('page ', toString(n % 300)), if({answered}, 'answered', 'waiting'), answer, "
            f"{answered} "
            f"FROM (SELECT number AS n, {place} AS place, "
            f"if(n % 10 < 7, {_PAGE.format(f'(sipHash64(n, 2) % {size.pages})')}, '') AS page, "
            f"toDateTime64({_LAST}, 3, 'UTC') - toIntervalMillisecond(n * {gap}) AS at "
            f"FROM numbers({begin}, {number}) WHERE {only})"
        )

    for begin in range(0, size.appeals, STEP):
        yield f"appeals from {begin:,}", rows(begin, min(STEP, size.appeals - begin), 1, "1")
    for begin in range(0, size.appeals, 8 * STEP):
        number = min(8 * STEP, size.appeals - begin)
        yield f"answers from {begin:,}", rows(begin, number, 2, f"sipHash64(n, 8) % 100 < {REWRITTEN}")
    yield (
        "facts by hour of two days",
        (
            "INSERT INTO gospulse_data.fact_hours_g1 (hour, fact, key, first) SELECT toStartOfHour(received_at), "
            "'appeals', "
            "appeal, (1, 0, 1, toString(place), page, 'appeal_received', toString(entrance)) FROM "
            f"gospulse_data.appeal_rows_g1 WHERE received_at > {_LAST} - toIntervalDay(2)"
        ),
    )


def _counts(column: str) -> str:
    # One hash a row, other bits of it for each column.
    bits = f"bitShiftRight(sipHash64(number), {COLUMNS.index(column) * 2})"
    if column in _COUNTS:
        return f"toUInt64({bits} % {_COUNTS[column]})"
    return f"toUInt64({bits} % 9)" if column in COUNTERS else "toUInt64(0)"


def _by_page(size: Size) -> Iterator[tuple[str, str]]:
    counts = ", ".join(f"{_counts(column)} AS {column}" for column in COLUMNS)
    for first in range(0, DAYS, 7):
        # Of 175,000 pages a third has events on a day.
        yield (
            f"days by page from {first} days ago",
            (
                f"INSERT INTO gospulse_data.page_day_g1 (day, zone, place, page, version, {', '.join(COLUMNS)}, "
                f"region) "
                f"SELECT toDate({_LAST}) - {first} - intDiv(number, {size.pages // 3}), 'Europe/Moscow', "
                f"{_PLACE.format(f'((number * 3 % {size.pages}) % {size.places})')} AS place, "
                f"{_PAGE.format(f'(number * 3 % {size.pages})')}, 1, "
                f"{counts}, "
                f"ifNull({region_of_place()}, '') FROM numbers({7 * (size.pages // 3)})"
            ),
        )
    sums = ", ".join(f"sum({column})" for column in COLUMNS)
    yield (
        "days by network",
        (
            f"INSERT INTO gospulse_data.network_day_g1 (day, zone, place, network, version, pages, "
            f"{', '.join(COLUMNS)}) "
            f"SELECT day, zone, place, splitByChar(':', page)[1] AS network, 1, count(), {sums} "
            "FROM gospulse_data.page_day_g1 GROUP BY day, zone, place, network"
        ),
    )
    yield (
        "days by place",
        (
            f"INSERT INTO gospulse_data.place_day_g1 (day, zone, place, version, {', '.join(COLUMNS)}) "
            f"SELECT day, zone, place, 1, {sums} FROM gospulse_data.network_day_g1 GROUP BY day, zone, place"
        ),
    )
    yield (
        "coverage by day",
        (
            "INSERT INTO gospulse_data.coverage_day_g1 SELECT day, zone, place, 1, 2, sum(pages) + 40, sum(pages), "
            "sum(pages) FROM gospulse_data.network_day_g1 GROUP BY day, zone, place"
        ),
    )


def _by_hour(size: Size) -> Iterator[tuple[str, str]]:
    counts = ", ".join(f"{_counts(column)} AS {column}" for column in COLUMNS)
    for first in range(0, 24 * 70, 24 * 7):
        yield (
            f"hours by place from {first} hours ago",
            (
                f"INSERT INTO gospulse_data.place_hour_g1 (hour, place, version, {', '.join(COLUMNS)}) "
                f"SELECT {_LAST} - toIntervalHour({first} + intDiv(number, {size.places})), "
                f"{_PLACE.format(f'(number % {size.places})')}, "
                f"80, {counts} FROM numbers({24 * 7 * size.places})"
            ),
        )
    yield (
        "hours by region",
        (
            f"INSERT INTO gospulse_data.region_hour_g1 (hour, region, version, {', '.join(COLUMNS)}) "
            f"SELECT hour, ifNull({region_of_place()}, '') AS region, 80, {', '.join(f'sum({c})' for c in COLUMNS)} "
            "FROM gospulse_data.place_hour_g1 GROUP BY hour, region"
        ),
    )
    cells = ", ".join(f"toUInt64(sipHash64(number, '{kind}') % 3) AS {kind}" for kind in COUNTERS)
    yield (
        "cells of two days",
        (
            f"INSERT INTO gospulse_data.page_hour_g1 (hour, page, place, log, part, chunk, {', '.join(COUNTERS)}) "
            f"SELECT {_LAST} - toIntervalHour(number % 48), "
            f"{_PAGE.format(f'(sipHash64(number, 1) % {size.pages} AS n)')}, "
            f"{_PLACE.format(f'(n % {size.places})')}, 1, n % 8, number % 4, {cells} "
            f"FROM numbers({48 * size.pages * 8 // 35})"
        ),
    )


def _share() -> Iterator[tuple[str, str]]:
    yield (
        "share by place",
        (
            "INSERT INTO gospulse_data.share_day_g1 (day, zone, region, place, version, numerator, numerator_source, "
            "numerator_rank, social_other, social_other_source, social_other_rank, sources) "
            f"SELECT day, zone, ifNull({region_of_place()}, ''), place, 1, appeals_public_page, 'facts', 1, "
            "appeals_social_other, 'facts', 1, 2 FROM gospulse_data.place_day_g1"
        ),
    )
    yield (
        "share by region",
        (
            "INSERT INTO gospulse_data.share_region_day_g1 (day, zone, region, version, numerator, denominator, heard, "
            "municipalities_heard) SELECT day, zone, region, 1, sum(numerator), sum(numerator + social_other), "
            "count(), count() FROM gospulse_data.share_day_g1 GROUP BY day, zone, region"
        ),
    )
    yield (
        "five minutes by place",
        (
            "INSERT INTO gospulse_data.place_5min_g1 SELECT toStartOfFiveMinutes(received_at) AS time, place, 80, "
            "count() FROM gospulse_data.appeal_rows_g1 GROUP BY time, place"
        ),
    )


def _people() -> Iterator[tuple[str, str]]:
    yield (
        "accounts by page, 30 days",
        (
            "INSERT INTO gospulse_data.people_day_g1 SELECT day, place, page, "
            "arrayReduce('uniqCombined64State', arrayMap(i -> sipHash64(page, i), range(10))) FROM "
            "gospulse_data.page_day_g1 "
            f"WHERE day > toDate({_LAST}) - 30"
        ),
    )
    yield (
        "accounts by place and month",
        (
            "INSERT INTO gospulse_data.people_unions_g1 SELECT 'month', 'place', place, network, toStartOfMonth(day) "
            "AS m, "
            "uniqCombined64State(sipHash64(place, network, day)) FROM gospulse_data.network_day_g1 "
            "GROUP BY place, network, m"
        ),
    )
    for level, area in (("region", f"ifNull({region_of_place()}, '')"), ("country", "''")):
        yield (
            f"accounts by {level} and month",
            (
                f"INSERT INTO gospulse_data.people_unions_g1 SELECT 'month', '{level}', {area} AS area, network, "
                "toStartOfMonth(day) AS m, uniqCombined64State(sipHash64(place, day, number)) FROM "
                "(SELECT DISTINCT day, place, network FROM gospulse_data.network_day_g1) "
                "ARRAY JOIN range(20) AS number GROUP BY area, network, m"
            ),
        )


def _readings() -> Iterator[tuple[str, str]]:
    yield (
        "totals by place",
        (
            "INSERT INTO gospulse_data.totals_g1 SELECT toDateTime64(day, 3, 'Europe/Moscow'), "
            "toDateTime64(day + 1, 3, 'Europe/Moscow'), day, place, 'social_other', 'monitoring', 80, 7, now64(3) "
            "FROM gospulse_data.place_day_g1"
        ),
    )
    yield (
        "subscribers of pages, 7 days",
        (
            "INSERT INTO gospulse_data.readings_g1 SELECT 'subscribers', page, toDateTime64(day, 3, 'UTC') AS begin, "
            "toDateTime64(day + 1, 3, 'UTC'), 'vk-stats', (begin, 2, 0, 1, begin, NULL, sipHash64(page) % 5000, "
            "begin, '', "
            f"page, place, NULL, NULL, NULL, NULL) FROM gospulse_data.page_day_g1 WHERE day > toDate({_LAST}) - 7"
        ),
    )
