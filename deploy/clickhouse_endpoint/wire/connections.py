"""Connections below HTTP: tell a native-protocol client that this port speaks HTTP; close those that do not move."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

#: Seconds until the headers of a request are there: from the opening of the connection, later from their first byte.
PATIENCE_S: Final = 30.0
#: A client that does not take its answer is cut off: less than these bytes in these seconds. A server has the same
#: limit (`http_send_timeout`).
STALL_S: Final = 30.0
_LEAST_TAKEN: Final = 1 << 15
_ADVICE: Final = "This port speaks HTTP, not ClickHouse's native protocol. Choose the protocol HTTP for it"


class Handler(RequestHandler):
    """aiohttp's handler of a connection; it looks at the first bytes and limits the time for headers and answers."""

    def __init__(
        self, server: web.Server, *, patience_s: float = PATIENCE_S, stall_s: float = STALL_S, **options: Any
    ) -> None:
        super().__init__(server, **options)
        self._patience_s = patience_s
        self._stall_s = stall_s
        self._deadline: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._answering = False
        self._heard = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Limit the time until the first request."""
        super().connection_made(transport)
        self._limit_headers(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection is closed."""
        self.request_arrived()
        self._end_stall()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """The client does not take its answer as fast as it comes."""
        super().pause_writing()
        self._await_client()

    def resume_writing(self) -> None:
        """It has taken most of it."""
        self._end_stall()
        super().resume_writing()

    def request_arrived(self) -> None:
        """The headers of a request are complete."""
        self._answering = True
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def request_answered(self) -> None:
        """The request has its answer. The connection may be idle now; bytes that come belong to a next request."""
        self._answering = False

    def data_received(self, data: bytes) -> None:
        """Look for packet 0 (Hello), with which the native protocol opens: no HTTP request begins with that byte.

        Only the first bytes of a connection can be that packet: a piece of a body may begin with it, too.
        """
        first, self._heard = not self._heard, True
        if first and data.startswith(b"\0") and self.transport is not None:
            self.transport.write(_native_exception(_ADVICE))
            self.transport.close()
            return
        if self._deadline is None and not self._answering and self.transport is not None:
            self._limit_headers(self.transport)
        super().data_received(data)

    def _await_client(self) -> None:
        # An answer that nobody reads holds its place among the running queries, or its memory.
        if (transport := self.transport) is None:
            return
        waiting = transport.get_write_buffer_size()

        def check() -> None:
            if waiting - transport.get_write_buffer_size() < _LEAST_TAKEN:
                transport.abort()
            else:
                self._await_client()

        self._stall = asyncio.get_running_loop().call_later(self._stall_s, check)

    def _end_stall(self) -> None:
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def _limit_headers(self, transport: asyncio.BaseTransport) -> None:
        self._deadline = asyncio.get_running_loop().call_later(self._patience_s, transport.close)


@web.middleware
async def note_arrival(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """End the time limit of a request's headers."""
    connection = request.protocol
    if not isinstance(connection, Handler):
        return await handler(request)
    connection.request_arrived()
    try:
        return await handler(request)
    finally:
        connection.request_answered()


def _native_exception(text: str) -> bytes:
    # Packet 2 (Exception): code, name, message, stack trace, nested or not (Core/Protocol.h, writeException).
    parts = [b"\x02", (210).to_bytes(4, "little")]
    for part in ("DB::Exception", f"DB::Exception: {text}", ""):
        data = part.encode()
        assert len(data) < 128  # one byte of length
        parts += [bytes([len(data)]), data]
    return b"".join([*parts, b"\0"])
