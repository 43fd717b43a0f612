"""Opening a client of clickhouse-connect, with one sentence for each failure."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from deploy.errors import UserError
from schemas.connections import ClickHouseConnection

#: AUTHENTICATION_FAILED, WRONG_PASSWORD, UNKNOWN_USER, REQUIRED_PASSWORD (ClickHouse's ErrorCodes.cpp).
_WRONG_LOGIN = (516, 193, 192, 194)


@contextmanager
def clickhouse(connection: ClickHouseConnection, timeout_s: float = 30.0) -> Iterator[Client]:
    """A client that is closed at the end. Raises UserError when the server does not answer or answers an error."""
    # Its own log would repeat the exception.
    logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL)
    place = f"{connection.host}:{connection.port}"
    try:
        client = clickhouse_connect.get_client(
            **connection.client_options(), connect_timeout=5, send_receive_timeout=timeout_s
        )
    except (ClickHouseError, OSError) as error:
        if getattr(error, "code", None) in _WRONG_LOGIN or "AUTHENTICATION" in str(error):
            raise UserError(
                f"ClickHouse at {place} rejects the login {connection.username}: check its password"
            ) from error
        if getattr(error, "code", None) is not None:
            said = " ".join(str(error).split())[:300]
            raise UserError(f"ClickHouse at {place} answers with an error: {said}") from error
        advice = "start it with `gospulse up`, or set GOSPULSE_CLICKHOUSE to where it runs"
        raise UserError(f"ClickHouse at {place} does not answer: {advice}") from error
    try:
        yield client
    except ClickHouseError as error:
        raise UserError(f"ClickHouse at {place}: {' '.join(str(error).split())[:300]}") from error
    except OSError as error:
        raise UserError(f"the connection to ClickHouse at {place} was lost: {error}") from error
    finally:
        client.close()
