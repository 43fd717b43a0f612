"""Whether an acknowledged insert survives a power failure: what the tables of a generation promise."""

from __future__ import annotations

from typing import Final

from schemas.clickhouse.generations import Client
from schemas.clickhouse.sql_files import DATA, FSYNC, literal

#: Tables that a message names at most.
_NAMED: Final = 3


def unsynced(client: Client, generation: int) -> str | None:
    """Why a power failure may lose acknowledged rows of a generation, as one sentence; None where it may not.

    A setting counts where the table has it, or the server for all tables. Raises clickhouse-connect's errors.
    """
    listed = ", ".join(map(literal, FSYNC))
    server = client.query(f"SELECT name FROM system.merge_tree_settings WHERE name IN ({listed}) AND value = '1'")
    of_server = {str(name) for (name,) in server.result_rows}
    names = [name for name, engine in _engines(client, generation) if not _is_synced(engine, of_server)]
    if not names:
        return None
    shown = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
    settings = ", ".join(f"{name} = 1" for name in FSYNC)
    return (
        f"{len(names)} tables ({shown}) do not sync an insert to the disk before they acknowledge it, so that a power "
        f"failure loses committed rows. Run `ALTER TABLE {DATA}.<table> MODIFY SETTING {settings}` for each, or set "
        "GOSPULSE_FSYNC=false where that does not matter."
    )


def on_one_replica(client: Client, generation: int, insert_quorum: int) -> str | None:
    """Why the loss of a replica may lose acknowledged rows, as one sentence; None where it may not.

    ``insert_quorum`` is the number of replicas that must acknowledge an insert; 0 demands none.
    """
    replicated = any(engine.startswith("Replicated") for _, engine in _engines(client, generation))
    if not replicated or insert_quorum >= 2:
        return None
    return (
        "The tables are replicated, but an insert counts as written when one replica has it: with that replica "
        "committed rows are lost. Set insert_quorum to at least 2."
    )


def _engines(client: Client, generation: int) -> list[tuple[str, str]]:
    """Name and engine, with its settings, of each table of a generation."""
    rows = client.query(
        f"SELECT name, engine_full FROM system.tables WHERE database = {literal(DATA)} "
        f"AND endsWith(name, {literal(f'_g{generation}')}) AND engine LIKE '%MergeTree' ORDER BY name"
    ).result_rows
    return [(str(name), str(engine)) for name, engine in rows]


def _is_synced(engine: str, of_server: set[str]) -> bool:
    return all(f"{name} = 0" not in engine and (f"{name} = 1" in engine or name in of_server) for name in FSYNC)
