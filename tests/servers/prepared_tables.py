"""Tables of generation 1 as a migration leaves them, given back to their first state instead of made anew."""

from __future__ import annotations

from typing import Final

from clickhouse_connect.driver.client import Client

from schemas.clickhouse.generations import FIRST
from schemas.clickhouse.migrate import migrate
from schemas.clickhouse.sql_files import Rendering
from streams.definition import current_definition, encode_definition

_OURS: Final = ("gospulse", "gospulse_data")
#: Copies of the rows that a migration writes: registers, generations, what was applied.
_KEPT: Final = "kept_by_tests"


class PreparedTables:
    """What ``gospulse migrate`` makes on an empty server, on one server of the tests."""

    def __init__(self) -> None:
        self._structure: object = None

    def give(self, client: Client) -> None:
        """Leaves tables and views as right after a migration, whatever an earlier test made of them."""
        if self._structure is None or self._structure != _structure(client):
            self._migrate(client)
        else:
            _empty(client)
            for table in _filled(client, _KEPT):
                client.command(f"INSERT INTO gospulse_data.{table} SELECT * FROM {_KEPT}.{table}")

    def _migrate(self, client: Client) -> None:
        drop(client)
        migrate(client, Rendering(), encode_definition(current_definition(FIRST)))
        client.command(f"DROP DATABASE IF EXISTS {_KEPT} SYNC")
        client.command(f"CREATE DATABASE {_KEPT}")
        for table in _filled(client, "gospulse_data"):
            client.command(f"CREATE TABLE {_KEPT}.{table} AS gospulse_data.{table}")
            client.command(f"INSERT INTO {_KEPT}.{table} SELECT * FROM gospulse_data.{table}")
        self._structure = _structure(client)


def drop(client: Client) -> None:
    """Leaves the server without any table and view of ours."""
    for database in _OURS:
        client.command(f"DROP DATABASE IF EXISTS {database} SYNC")


def _structure(client: Client) -> object:
    return client.query(
        f"SELECT database, name, create_table_query FROM system.tables WHERE database IN {_OURS} ORDER BY ALL"
    ).result_rows


def _filled(client: Client, database: str) -> list[str]:
    rows = client.query(
        f"SELECT name FROM system.tables WHERE database = '{database}' AND total_rows > 0 ORDER BY name"
    ).result_rows
    return [str(name) for (name,) in rows]


def _empty(client: Client) -> None:
    for table in _filled(client, "gospulse_data"):
        client.command(f"TRUNCATE TABLE gospulse_data.{table} SYNC")
