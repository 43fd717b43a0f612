"""The generation that tests of the views fill and read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from clickhouse_connect.driver.client import Client

from deploy.clickhouse.client import clickhouse as open_clickhouse
from tests.conftest import ClickHouseServer
from tests.schemas.builders.shown_log import Shown


@pytest.fixture(scope="module")
def migrated(clickhouse_server: ClickHouseServer) -> Iterator[Client]:
    """A server with our tables and views only, once for a module."""
    clickhouse_server.prepare()
    with open_clickhouse(clickhouse_server.connection) as opened:
        yield opened


@pytest.fixture
def log(migrated: Client) -> Shown:
    """An empty log whose generation the views show."""
    return Shown(migrated)
