"""How much one step of the refresher takes: as many of the latest hours or days as hold a bounded number of rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from clickhouse_connect.driver.client import Client

from streams.refresh.rollups import DATA, among, days_of_facts
from streams.zones import moscow_day

#: What the rows of a step may weigh, in cells. A cell takes some 700 bytes of the engine while hours or days by page
#: are recomputed, so these take 1 GB: a quarter of an engine of 4 GB, what an aggregation fills before it goes on on
#: disk. 48 full hours of a country's 175,000 pages are 8.4 million cells and more: there the least numbers decide.
ROWS_A_STEP: Final = 1_500_000
#: A fact takes less memory than a cell, but if it is news its conversation is read and replayed, the identities of a
#: whole step pass through the worker's memory, and newer marks wait for all that.
FACT_WEIGHT: Final = 16
#: What a step takes at least, however much it holds. Hours that are touched all the time are the latest: were fewer
#: taken under full load, older ones would wait for ever. Zones share hours, so days in many of them are read at once.
LEAST_HOURS: Final = 48
LEAST_PLACE_DAYS: Final = 62
LEAST_PAGE_DAYS: Final = 7
#: Hours that a statement names at most: it stays below a megabyte.
MOST_HOURS: Final = 4_000


def cells_and_facts(client: Client, generation: int, units: Collection[Collection[int]], least: int, limit: int) -> int:
    """How many of the first ``units`` have cells and facts that weigh at most ``limit``; at least ``least``.

    A unit is its hours (seconds UTC); the units come in the order of their latest hours, the latest first.
    """
    if len(units) <= least:
        return len(units)
    hours = {hour for unit in units for hour in unit}
    days = days_of_facts(hours)
    most_facts = limit // FACT_WEIGHT + 1
    found = client.query(
        " UNION ALL ".join(
            (
                _count(f"page_hour_g{generation}", "hour", hours, limit + 1),
                *(
                    _count(f"{table}_g{generation}", "day", days, most_facts)
                    for table in ("appeals", "answers", "appeal_changes")
                ),
            )
        )
    ).result_rows
    cells = {hour: rows for column, hour, rows in found if column == "hour"}
    facts: dict[int, int] = {}
    for column, day, rows in found:
        if column == "day":
            facts[day] = facts.get(day, 0) + rows * FACT_WEIGHT
    return _fitting(units, cells, facts, least, limit)


def place_hours(client: Client, generation: int, units: Collection[Collection[int]], least: int, limit: int) -> int:
    """As :func:`cells_and_facts`, by the rows of ``place_hour``."""
    if len(units) <= least:
        return len(units)
    question = _count(f"place_hour_g{generation}", "hour", {hour for unit in units for hour in unit}, limit + 1)
    return _fitting(units, {hour: rows for _, hour, rows in client.query(question).result_rows}, {}, least, limit)


def _fitting(
    units: Iterable[Collection[int]], rows: Mapping[int, int], facts: Mapping[int, int], least: int, limit: int
) -> int:
    hours: set[int] = set()
    days: set[int] = set()
    weight = taken = 0
    for unit in units:
        for hour in unit:
            if hour not in hours:
                hours.add(hour)
                weight += rows.get(hour, 0)
            # Whoever reads one hour reads the facts of its whole day.
            day = moscow_day(hour * 1000)
            if day not in days:
                days.add(day)
                weight += facts.get(day, 0)
        if taken >= least and weight > limit:
            break
        taken += 1
    return taken


def _count(table: str, column: str, values: Collection[int], limit: int) -> str:
    """Rows by hour or day, the latest first: counting ends where there are more than a step takes.

    Tables are ordered by this column, so that no more than ``limit`` of its values are read.
    """
    return (
        f"SELECT '{column}', toUInt32({column}) AS moment, count() FROM (SELECT {column} FROM {DATA}.{table} "
        f"WHERE {among(column, sorted(values))} ORDER BY {column} DESC LIMIT {limit}) GROUP BY moment"
    )
