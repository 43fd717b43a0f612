"""Whatever a test leaves behind, the next one finds tables, views and rows as a migration makes them."""

from __future__ import annotations

from clickhouse_connect.driver.client import Client

from deploy.clickhouse.client import clickhouse as open_clickhouse
from schemas.clickhouse.generations import record_state
from schemas.clickhouse.migrate import create_generation, pending, show_generation
from schemas.clickhouse.sql_files import Rendering
from tests.conftest import ClickHouseServer
from tests.servers.prepared_tables import drop

_REGISTERS = "SELECT code, name FROM gospulse_data.topics ORDER BY ALL"


def _found(client: Client) -> tuple[object, ...]:
    tables = "SELECT create_table_query FROM system.tables WHERE startsWith(database, 'gospulse') ORDER BY ALL"
    written = "SELECT name FROM system.tables WHERE database = 'gospulse_data' AND total_rows > 0 ORDER BY 1"
    return tuple(client.query(sql).result_rows for sql in (tables, written, _REGISTERS))


def test_what_a_test_changes_is_put_back(clickhouse_server: ClickHouseServer) -> None:
    with open_clickhouse(clickhouse_server.connection) as client:
        clickhouse_server.prepare()
        first = _found(client)
        client.command("TRUNCATE TABLE gospulse_data.topics")
        client.command("INSERT INTO gospulse_data.rejected_g1 (log) VALUES (1)")
        clickhouse_server.prepare()
        assert _found(client) == first
        create_generation(client, 2, "{}", Rendering())
        record_state(client, 2, "active")
        show_generation(client, 2, Rendering())
        client.command("ALTER TABLE gospulse_data.logs ADD COLUMN extra String")
        client.command("DROP TABLE gospulse_data.touched_g1")
        client.command("CREATE VIEW gospulse.own AS SELECT 1")
        clickhouse_server.prepare()
        assert _found(client) == first
        drop(client)
        clickhouse_server.prepare()
        assert _found(client) == first
        assert pending(client, Rendering()) == ()
