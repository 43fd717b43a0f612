"""The server process: start the engine, listen, stop cleanly."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import tempfile
from pathlib import Path
from typing import Any

from aiohttp import web
from msgspec import Struct

from deploy.clickhouse_endpoint.app import make_application
from deploy.clickhouse_endpoint.confinement import confine
from deploy.clickhouse_endpoint.engine.cancellation import Queries
from deploy.clickhouse_endpoint.engine.configuration import AnalystLimits, EngineLimits, write_configuration
from deploy.clickhouse_endpoint.engine.engine import Engine, setting_names
from deploy.clickhouse_endpoint.engine.functions import FunctionLists, FunctionRules, read_lists
from deploy.clickhouse_endpoint.engine.guard import AnalystGuard, FormatClauses
from deploy.clickhouse_endpoint.engine.sessions import Sessions
from deploy.clickhouse_endpoint.execution import Services
from deploy.clickhouse_endpoint.wire.connections import Handler
from deploy.clickhouse_endpoint.wire.logins import Login, Passwords

_LOG = logging.getLogger("clickhouse-endpoint")
# How long inserts that are under way may take to end after SIGTERM, in seconds.
_GRACE = 5.0
_BACKLOG = 1024
_MOST_QUERIES = 100  # of the login that writes; those of analysts come besides


class EndpointOptions(Struct, frozen=True, kw_only=True):
    """Where it keeps its data and listens, and its bounds."""

    data: Path
    host: str
    port: int
    engine: EngineLimits = EngineLimits()
    analyst: AnalystLimits = AnalystLimits()


class PortInUseError(Exception):
    """Another process listens on the port."""


def serve(options: EndpointOptions, passwords: Passwords) -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        PortInUseError: the address is taken or not ours.
        DataDirectoryLockedError: another process works on the data directory.
        ClickHouseError: the engine does not start.
    """
    listening = _bind(options.host, options.port)
    with listening:
        data = options.data.resolve()
        scratch = data / "tmp"
        scratch.mkdir(parents=True, exist_ok=True)
        # The engine and Python put temporary files there from now on: the system's own folder is out of reach.
        os.environ["TMPDIR"] = str(scratch)
        tempfile.tempdir = None
        lists = read_lists()
        if (lack := confine([data])) is not None:
            _LOG.warning("%s: only the check of functions keeps files of this machine from SQL", lack)
        configuration = write_configuration(
            data / "configuration", scratch, options.engine, options.analyst, setting_names()
        )
        engine = Engine(data / "engine", configuration)
        try:
            asyncio.run(_serve(options, passwords, lists, engine, scratch, listening))
        finally:
            engine.close()
    _LOG.info("stopped")


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        # It listens later, when the engine is ready. Binding now reserves the port.
    except OSError as error:
        listening.close()
        raise PortInUseError(f"cannot listen on {host}:{port}: {os.strerror(error.errno or 0)}") from None
    return listening


async def _serve(
    options: EndpointOptions,
    passwords: Passwords,
    lists: FunctionLists,
    engine: Engine,
    scratch: Path,
    listening: socket.socket,
) -> None:
    root = engine.connect()
    functions = FunctionRules(root, lists)
    clauses = FormatClauses(root)
    root.close()
    queries = Queries(engine, {Login.GOSPULSE.value: _MOST_QUERIES, Login.ANALYST.value: options.analyst.queries})
    sessions = Sessions(engine)
    services = Services(engine, queries, sessions, AnalystGuard(options.analyst, functions), clauses, scratch)
    http: dict[str, Any] = {
        "access_log": None,
        "auto_decompress": False,
        "max_line_size": 1 << 20,
        "max_field_size": 1 << 16,
    }
    runner = web.AppRunner(
        make_application(services, passwords), handler_cancellation=True, shutdown_timeout=_GRACE, **http
    )
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await runner.setup()
    web_server = runner.server
    assert web_server is not None
    loop = asyncio.get_running_loop()
    accepting = await loop.create_server(
        lambda: Handler(web_server, loop=loop, **http), sock=listening, backlog=_BACKLOG
    )
    host, port = listening.getsockname()[:2]
    _LOG.info("ClickHouse %s listens on http://%s:%d", engine.version, f"[{host}]" if ":" in host else host, port)
    await stop.wait()
    accepting.close()
    queries.hang_up_on_readers()
    await runner.cleanup()
    if not await queries.close(_GRACE):
        # What was acknowledged is on the disk; only readers and unacknowledged inserts are cut off here.
        _LOG.warning("a query does not end: stopping without it")
        logging.shutdown()
        os._exit(0)
    sessions.close()
