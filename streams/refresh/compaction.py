"""Compaction: a month of a table for reading becomes one part, so that FINAL has nothing to merge."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from clickhouse_connect.driver.client import Client

from schemas.clickhouse.sql_files import DATA

#: Tables that views read with FINAL.
TABLES: Final = (
    "appeal_rows",
    "place_hour",
    "place_5min",
    "region_hour",
    "place_day",
    "page_day",
    "network_day",
    "coverage_day",
    "totals",
    "share_day",
    "share_region_day",
    "answer_month",
)


def compact(client: Client, generation: int, note: Callable[[str], None] = lambda _line: None) -> int:
    """Merge what a rebuild has just written; ``note`` is told each step. Returns how many partitions were merged.

    The engine would do the same by itself after ten minutes without an insert. Safe to repeat and to interrupt.
    """
    names = ", ".join(f"'{table}_g{generation}'" for table in TABLES)
    partitions = client.query(
        f"SELECT table, partition_id FROM system.parts WHERE active AND database = '{DATA}' AND table IN ({names}) "
        "GROUP BY table, partition_id HAVING count() > 1 ORDER BY table, partition_id DESC"
    ).result_rows
    for table, partition in partitions:
        note(f"merging {table}, partition {partition}")
        client.command(f"OPTIMIZE TABLE {DATA}.{table} PARTITION ID '{partition}' FINAL")
    return len(partitions)
