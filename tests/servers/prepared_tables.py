"""Tables of generation 1 as a migration leaves them, given back to their first state instead of made anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from clickhouse_connect.driver.client import Client

from schemas.clickhouse.generations import FIRST
from schemas.clickhouse.migrate import migrate
from schemas.clickhouse.sql_files import DATA, VIEWS, Rendering, sql_files
from streams.definition import current_definition, encode_definition

_OURS: Final = (DATA, VIEWS)
#: Copies of the rows that a migration writes: registers, generations, what was applied.
_KEPT: Final = "kept_by_tests"

#: Database and name of a table or view.
_Name = tuple[str, str]


class PreparedTables:
    """What ``gospulse migrate`` makes on an empty server, on one server of the tests."""

    def __init__(self) -> None:
        #: The statement that makes each table and view, in the order in which they can be made.
        self._statements: Mapping[_Name, str] = {}
        self._identities: object = None
        self._parts: Mapping[str, object] = {}

    def give(self, client: Client) -> None:
        """Leaves tables and views as right after a migration, whatever an earlier test made of them."""
        if not self._statements:
            self._migrate(client)
        elif self._identities is None or self._identities != _identities(client):
            self._mend(client)
        now = _parts(client)
        changed = [name for name in sorted({*now, *self._parts}) if now.get(name) != self._parts.get(name)]
        for table in changed:
            client.command(f"TRUNCATE TABLE {DATA}.{table} SYNC")
            if table in self._parts:
                client.command(f"INSERT INTO {DATA}.{table} SELECT * FROM {_KEPT}.{table}")
        if changed:
            self._parts = _parts(client)

    def _migrate(self, client: Client) -> None:
        drop(client)
        migrate(client, Rendering(), encode_definition(current_definition(FIRST)))
        self._parts = _parts(client)
        client.command(f"DROP DATABASE IF EXISTS {_KEPT} SYNC")
        client.command(f"CREATE DATABASE {_KEPT}")
        for table in self._parts:
            client.command(f"CREATE TABLE {_KEPT}.{table} AS {DATA}.{table}")
            client.command(f"INSERT INTO {_KEPT}.{table} SELECT * FROM {DATA}.{table}")
        self._statements = _statements(client)

    def _mend(self, client: Client) -> None:
        """Makes again what has another statement now or is gone, and drops what a migration does not make."""
        for database in _OURS:
            client.command(f"CREATE DATABASE IF NOT EXISTS {database}")
        now = _statements(client)
        for (database, name), statement in now.items():
            wanted = self._statements.get((database, name))
            if wanted is None or (database == DATA and wanted != statement):
                client.command(f"DROP TABLE {database}.{name} SYNC")
        for key, statement in self._statements.items():
            if now.get(key) != statement:
                client.command(statement.replace("CREATE VIEW ", "CREATE OR REPLACE VIEW ", 1))
        self._identities = _identities(client)


def drop(client: Client) -> None:
    """Leaves the server without any table and view of ours."""
    for database in _OURS:
        client.command(f"DROP DATABASE IF EXISTS {database} SYNC")


def _statements(client: Client) -> dict[_Name, str]:
    views = [file.name[5:].removesuffix(".sql") for file in sql_files("views")]
    rows = client.query(
        f"SELECT database, name, create_table_query FROM system.tables WHERE database IN {_OURS} "
        f"ORDER BY database = '{VIEWS}', engine = 'MaterializedView', indexOf({views}, name), name"
    ).result_rows
    return {(database, name): statement for database, name, statement in rows}


def _identities(client: Client) -> object:
    """What differs after a change of any table; None where a change could bear the time of the former one."""
    rows = client.query(
        "SELECT database, name, uuid, metadata_modification_time, metadata_modification_time < now() - 1 "
        f"FROM system.tables WHERE database IN {_OURS} ORDER BY ALL"
    ).result_rows
    return rows if all(settled for *_, settled in rows) else None


def _parts(client: Client) -> dict[str, object]:
    """The parts of each table that has rows."""
    rows = client.query(
        "SELECT table, arraySort(groupArray(path)) FROM system.parts "
        f"WHERE database = '{DATA}' AND active AND rows > 0 GROUP BY table"
    ).result_rows
    return {str(table): parts for table, parts in rows}
