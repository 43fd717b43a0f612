"""Requests to the endpoint without any ClickHouse client, as curl makes them."""

from __future__ import annotations

import base64
import http.client
import socket
from collections.abc import Mapping
from urllib.parse import urlencode

from msgspec import Struct

from schemas.connections import ClickHouseConnection


class Answer(Struct):
    """Status, headers (names in lower case) and body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def code(self) -> int:
        """ClickHouse's error code; 0 when there is none."""
        return int(self.headers.get("x-clickhouse-exception-code", "0"))


def authorization(connection: ClickHouseConnection) -> dict[str, str]:
    """HTTP Basic."""
    pair = f"{connection.username}:{connection.password.reveal()}".encode()
    return {"Authorization": "Basic " + base64.b64encode(pair).decode()}


def ask(
    connection: ClickHouseConnection,
    sql: str | bytes = b"",
    *,
    method: str = "POST",
    path: str = "/",
    headers: Mapping[str, str] | None = None,
    login: bool = True,
    **parameters: str | int,
) -> Answer:
    """One request; the URL's parameters are keyword arguments."""
    body = sql.encode() if isinstance(sql, str) else sql
    client = http.client.HTTPConnection(connection.host, connection.port, timeout=120)
    try:
        all_headers = (authorization(connection) if login else {}) | dict(headers or {})
        client.request(method, f"{path}?{urlencode(parameters)}" if parameters else path, body or None, all_headers)
        response = client.getresponse()
        return Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
    finally:
        client.close()


def begin(connection: ClickHouseConnection, sql: str, **parameters: str | int) -> socket.socket:
    """Send a request and do not wait for its answer; closing the socket is a client that goes away."""
    body = sql.encode()
    lines = [f"POST /?{urlencode(parameters)} HTTP/1.1", "Host: endpoint", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in authorization(connection).items()]
    client = socket.create_connection((connection.host, connection.port), timeout=120)
    client.sendall("\r\n".join([*lines, "", ""]).encode() + body)
    return client
