"""Flat rows of appeals, in SQL: facts and lives side by side, in the order of time."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from clickhouse_connect.driver.client import Client

from schemas.clickhouse.flat_appeals import FLAT, flat
from streams.refresh.rollups import DATA, identities

_SETTINGS: Final[dict[str, Any]] = {
    "insert_deduplicate": 0,
    "max_partitions_per_insert_block": 0,
    "max_query_size": 16_000_000,
    "max_ast_elements": 1_000_000,
}


def write_appeal_rows(client: Client, generation: int, appeals: Collection[str], version: int) -> None:
    """Write the rows of some appeals as their facts and lives stand now.

    ``version``: the sum of the offsets that were known before any of these facts was read. Of two writers the one with
    the higher version has read at least what the other has. Every other hour that a copy of an appeal names gets a row
    that hides the appeal there: a writer that did not know of the standing copy has a lower version.
    """
    if not appeals:
        return
    table = f"{DATA}.appeal_rows_g{generation}"
    listed = identities(sorted(appeals))
    columns = ", ".join(FLAT)
    client.command(
        f"INSERT INTO {table} (version, gone, {columns}) SELECT {version}, 0, {columns} "
        f"FROM ({flat(f'{DATA}.appeals_g{generation}', f'{DATA}.lives_g{generation}', listed)})",
        settings=_SETTINGS,
    )
    client.command(
        f"INSERT INTO {table} (version, gone, appeal, received_at) "
        f"SELECT {version}, 1, appeal, toDateTime64(hour, 3, 'UTC') FROM (SELECT appeal, min(first) AS f, "
        f"groupUniqArrayArray(hours) AS hours FROM {DATA}.appeals_g{generation} WHERE appeal IN {listed} "
        "GROUP BY appeal HAVING length(hours) > 1) ARRAY JOIN hours AS hour "
        "WHERE hour != toUnixTimestamp(toStartOfHour(tupleElement(f, 'at')))",
        settings=_SETTINGS,
    )
