"""The web application: its paths, and errors as answers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from aiohttp import web

from deploy.clickhouse_endpoint.errors import AUTHENTICATION_FAILED, NETWORK_ERROR, ClickHouseError
from deploy.clickhouse_endpoint.execution import Execution, Services
from deploy.clickhouse_endpoint.wire.connections import note_arrival
from deploy.clickhouse_endpoint.wire.logins import Passwords, has_credentials
from deploy.clickhouse_endpoint.wire.requests import external_names, read_wish

_LOG = logging.getLogger("clickhouse-endpoint")
_SWEEP_SECONDS = 5.0


def make_application(services: Services, passwords: Passwords) -> web.Application:
    """The application; run it without its own decompression and with handler cancellation (see ``server``)."""
    application = web.Application(middlewares=[note_arrival])

    async def query(request: web.Request) -> web.StreamResponse:
        if request.method in ("GET", "HEAD") and not request.query_string and not request.can_read_body:
            return web.Response(text="Ok.\n")
        return await _answered(request, services.engine.version, lambda: _query(services, passwords, request))

    application.router.add_route("*", "/", query)
    for path in ("/ping", "/replicas_status"):
        application.router.add_get(path, _ping)
    application.cleanup_ctx.append(lambda _: _sweeping(services))
    return application


async def _ping(_request: web.Request) -> web.Response:
    return web.Response(text="Ok.\n")


async def _query(services: Services, passwords: Passwords, request: web.Request) -> web.StreamResponse:
    login = passwords.login(request.headers, request.query)
    # Elsewhere a name like `allow_suspicious_low_cardinality_types` is a setting.
    described = external_names(request.query) if request.content_type == "multipart/form-data" else frozenset()
    wish = read_wish(login, request.method, request.query, request.headers, described)
    execution = Execution(services, request, wish)
    try:
        return await execution.run()
    finally:
        await execution.end()


async def _answered(
    request: web.Request, version: str, work: Callable[[], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await work()
    except ClickHouseError as error:
        return _error(request, error, version)
    except (ConnectionResetError, web.RequestPayloadError):
        # The client has gone, so this answer is not read.
        return _error(request, ClickHouseError(NETWORK_ERROR, "The client closed the connection"), version)
    except Exception as error:
        _LOG.exception("unexpected %s", type(error).__name__)
        return _error(
            request,
            ClickHouseError(1002, f"Unexpected {type(error).__name__} in the endpoint", "UNKNOWN_EXCEPTION"),
            version,
        )


def _error(request: web.Request, error: ClickHouseError, version: str) -> web.Response:
    status, headers = error.status, {"X-ClickHouse-Exception-Code": str(error.code), "X-ClickHouse-Timezone": "UTC"}
    if error.code == AUTHENTICATION_FAILED and not has_credentials(request.headers, request.query):
        status = 401
        headers["WWW-Authenticate"] = 'Basic realm="ClickHouse server HTTP API"'
    return web.Response(status=status, text=error.text(version), headers=headers)


async def _sweeping(services: Services) -> AsyncIterator[None]:
    async def sweep() -> None:
        while True:
            await asyncio.sleep(_SWEEP_SECONDS)
            services.sessions.sweep()

    task = asyncio.get_running_loop().create_task(sweep())
    yield
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
