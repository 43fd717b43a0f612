"""The generation that tests of the views fill and read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client

from deploy.clickhouse.client import clickhouse as open_clickhouse
from schemas.clickhouse.migrate import migrate
from streams.definition import current_definition, encode_definition
from tests.conftest import ClickHouseServer
from tests.schemas.builders.shown_log import RENDERING, Shown


@pytest.fixture(scope="module")
def migrated(clickhouse_server: ClickHouseServer) -> Iterator[Client]:
    """A server with our tables and views only, once for a module."""
    with open_clickhouse(clickhouse_server.connection) as opened:
        for database in ("gospulse", "gospulse_data"):
            opened.command(f"DROP DATABASE IF EXISTS {database} SYNC")
        migrate(opened, RENDERING, encode_definition(current_definition(1)))
        yield opened


@pytest.fixture
def log(migrated: Client) -> Shown:
    """An empty log whose generation the views show."""
    return Shown(migrated)
