"""How much one step of the refresher takes: as many of the latest hours or days as hold a bounded number of rows."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from clickhouse_connect.driver.client import Client

from streams.refresh.rollups import DATA, among

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
    weight = _counted(client, f"page_hour_g{generation}", hours, limit + 1)
    for hour, facts in _counted(client, f"fact_hours_g{generation}", hours, limit // FACT_WEIGHT + 1).items():
        weight[hour] = weight.get(hour, 0) + facts * FACT_WEIGHT
    return _fitting(units, weight, least, limit)


def place_hours(client: Client, generation: int, units: Collection[Collection[int]], least: int, limit: int) -> int:
    """As :func:`cells_and_facts`, by the rows of ``place_hour``."""
    if len(units) <= least:
        return len(units)
    hours = {hour for unit in units for hour in unit}
    return _fitting(units, _counted(client, f"place_hour_g{generation}", hours, limit + 1), least, limit)


def _fitting(units: Iterable[Collection[int]], weights: Mapping[int, int], least: int, limit: int) -> int:
    hours: set[int] = set()
    weight = taken = 0
    for unit in units:
        new = set(unit) - hours
        hours |= new
        weight += sum(weights.get(hour, 0) for hour in new)
        if taken >= least and weight > limit:
            break
        taken += 1
    return taken


def _counted(client: Client, table: str, hours: Collection[int], limit: int) -> dict[int, int]:
    """Rows by hour (seconds UTC), the latest first: counting ends where there are more than a step takes.

    Tables are ordered by hour, so that no more than ``limit`` rows are read.
    """
    rows = client.query(
        f"SELECT toUInt32(hour) AS moment, count() FROM (SELECT hour FROM {DATA}.{table} "
        f"WHERE {among('hour', sorted(hours))} ORDER BY hour DESC LIMIT {limit}) GROUP BY moment"
    ).result_rows
    return dict(rows)  # type: ignore[arg-type]
