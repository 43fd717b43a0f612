"""Retention: the TTL of each table as it is set, brought to tables that already exist."""

from __future__ import annotations

import re
from typing import Final

from schemas.clickhouse.generations import Client, generations
from schemas.clickhouse.sql_files import DATA, Rendering, literal, ttls

_TTL: Final = re.compile(r" TTL (?P<expression>.+?)(?: SETTINGS |$)")


def retention_statements(client: Client, rendering: Rendering) -> tuple[str, ...]:
    """The statements that give each table of every living generation the TTL of the settings; none where they agree."""
    rows = client.query(f"SELECT name, engine_full FROM system.tables WHERE database = {literal(DATA)}").result_rows
    engines = {str(row[0]): str(row[1]) for row in rows}
    on_cluster = " ON CLUSTER '{cluster}'" if rendering.replicated else ""
    found: list[str] = []
    for generation in generations(client):
        if generation.state == "retired":
            continue
        for name, wanted in ttls(rendering).items():
            table = f"{name}_g{generation.number}"
            present = _TTL.search(engines.get(table, ""))
            expression = present["expression"] if present else ""
            if table in engines and expression != wanted:
                change = f"MODIFY TTL {wanted}" if wanted else "REMOVE TTL"
                found.append(f"ALTER TABLE {DATA}.{table}{on_cluster} {change}")
    return tuple(found)
