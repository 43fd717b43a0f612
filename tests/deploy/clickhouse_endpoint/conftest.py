"""A database of the endpoint's tests on the session's engine."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import clickhouse_connect
import pytest
from clickhouse_connect.driver.client import Client

from schemas.connections import ClickHouseConnection
from tests.conftest import ClickHouseServer
from tests.deploy.clickhouse_endpoint.builders.plain_http import Answer, ask

DATABASE = "endpoint_tests"


@pytest.fixture
def writer(clickhouse_server: ClickHouseServer) -> ClickHouseConnection:
    """The login that writes; the database `endpoint_tests` is empty."""
    connection = clickhouse_server.connection
    for sql in (f"DROP DATABASE IF EXISTS {DATABASE}", f"CREATE DATABASE {DATABASE}"):
        assert ask(connection, sql).status == 200
    return connection


@pytest.fixture
def query(writer: ClickHouseConnection) -> Callable[..., Answer]:
    """Asks as the login that writes, in the database of the tests."""

    def asked(sql: str | bytes = b"", **options: str | int) -> Answer:
        options.setdefault("database", DATABASE)
        return ask(writer, sql, **options)  # type: ignore[arg-type]

    return asked


@pytest.fixture
def client(writer: ClickHouseConnection) -> Iterator[Client]:
    """clickhouse-connect with a session, in the database of the tests."""
    with connect(writer) as opened:
        yield opened


def connect(connection: ClickHouseConnection, **options: object) -> Client:
    """clickhouse-connect on a connection of ours."""
    return clickhouse_connect.get_client(
        host=connection.host,
        port=connection.port,
        username=connection.username,
        password=connection.password.reveal(),
        **({"database": DATABASE} | options),  # type: ignore[arg-type]
    )
