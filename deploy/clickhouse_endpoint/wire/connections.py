"""Connections before HTTP: tell a native-protocol client that this port speaks HTTP; close one that sends nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

#: Seconds until the first request of a connection is there, with its headers.
PATIENCE_S: Final = 30.0
_ADVICE: Final = "This port speaks HTTP, not ClickHouse's native protocol. Choose the protocol HTTP for it"


class Handler(RequestHandler):
    """aiohttp's handler of a connection; it looks at the first bytes."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Limit the time until the first request."""
        super().connection_made(transport)
        self._deadline = asyncio.get_running_loop().call_later(PATIENCE_S, transport.close)

    def connection_lost(self, exc: BaseException | None) -> None:
        """The connection is closed."""
        self.request_arrived()
        super().connection_lost(exc)

    def request_arrived(self) -> None:
        """The headers of a request are complete."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def data_received(self, data: bytes) -> None:
        """Look for packet 0 (Hello), with which the native protocol opens: no HTTP request begins with that byte."""
        if self._deadline is not None and data.startswith(b"\0") and self.transport is not None:
            self.transport.write(_native_exception(_ADVICE))
            self.transport.close()
        else:
            super().data_received(data)


@web.middleware
async def note_arrival(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """End the limit of the connection's first request."""
    if isinstance(request.protocol, Handler):
        request.protocol.request_arrived()
    return await handler(request)


def _native_exception(text: str) -> bytes:
    # Packet 2 (Exception): code, name, message, stack trace, nested or not (Core/Protocol.h, writeException).
    parts = [b"\x02", (210).to_bytes(4, "little")]
    for part in ("DB::Exception", f"DB::Exception: {text}", ""):
        data = part.encode()
        assert len(data) < 128  # one byte of length
        parts += [bytes([len(data)]), data]
    return b"".join([*parts, b"\0"])
