"""The HTTP server below the service: aiohttp's low-level server with bounds on connections, headers and time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web
from aiohttp.abc import AbstractAccessLogger

from ingest.webhook.bounds import IDLE_TIMEOUT_S, MAX_BODY_BYTES, MAX_FIELD_BYTES, MAX_FIELDS, READ_TIMEOUT_S, Bounds
from ingest.webhook.metrics import Metrics

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]

_FULL: Final = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 10\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
#: aiohttp quotes broken requests in its log; they may be personal.
_SILENT: Final = logging.getLogger("gospulse.webhook.http")
_SILENT.setLevel(logging.CRITICAL + 1)


class BoundedServer(web.Server):
    """Answers requests with ``handler``. Connections beyond the bound get status 503 and are closed."""

    def __init__(self, handler: Handler, bounds: Bounds, metrics: Metrics) -> None:
        super().__init__(
            self._heard,
            request_factory=self._bounded_request,
            logger=_SILENT,
            access_log=_SILENT,
            access_log_class=_counting(metrics),
            keepalive_timeout=IDLE_TIMEOUT_S,
            max_line_size=MAX_FIELD_BYTES,
            max_field_size=MAX_FIELD_BYTES,
            max_headers=MAX_FIELDS,
            # A small compressed body may be a large one.
            auto_decompress=False,
        )
        self._answer = handler
        self._bound = bounds.connections
        self._metrics = metrics
        self._silent: dict[Any, asyncio.TimerHandle] = {}

    def __call__(self) -> Any:
        """The protocol of a new connection."""
        if len(self._connections) >= self._bound:
            self._metrics.add("connections_rejected_total", 1)
            return _Full()
        return super().__call__()

    def connection_made(self, handler: Any, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        self._silent[handler] = self._loop.call_later(READ_TIMEOUT_S, self._close_silent, handler, transport)

    def connection_lost(self, handler: Any, exc: BaseException | None = None) -> None:
        super().connection_lost(handler, exc)
        self._speaks(handler)

    def _heard(self, request: web.BaseRequest) -> Awaitable[web.StreamResponse]:
        if request.protocol in self._silent:
            self._speaks(request.protocol)
        return self._answer(request)

    def _speaks(self, handler: Any) -> None:
        timer = self._silent.pop(handler, None)
        if timer is not None:
            timer.cancel()

    def _close_silent(self, handler: Any, transport: asyncio.Transport) -> None:
        del self._silent[handler]
        self._metrics.add("connections_silent_total", 1)
        transport.abort()

    def _bounded_request(self, message: Any, payload: Any, protocol: Any, writer: Any, task: Any) -> web.BaseRequest:
        return web.BaseRequest(message, payload, protocol, writer, task, self._loop, client_max_size=MAX_BODY_BYTES)


class _Full(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(_FULL)
        transport.close()


def _counting(metrics: Metrics) -> type[AbstractAccessLogger]:
    """An access log that writes nothing and counts: it hears of broken requests, too, which no handler sees."""

    class Counting(AbstractAccessLogger):
        def log(self, _request: web.BaseRequest, response: web.StreamResponse, _time: float) -> None:
            metrics.add("responses_total", 1, str(response.status))

        @property
        def enabled(self) -> bool:
            return True

    return Counting
