"""The process of a worker: waits for ClickHouse, checks the generation, runs until it is stopped."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import socket
import time
from types import FrameType
from typing import Final

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from deploy import addresses
from deploy.errors import FAILURE, GOOD, WRONG_USE, UserError
from deploy.machine.processes import free_port
from deploy.settings import Settings
from schemas.clickhouse.durability import on_one_replica, unsynced
from schemas.clickhouse.generations import NoGenerationError, active_generation, definition_of, state_of
from streams.clients import SinkState, connect, state_after
from streams.definition import Definition, DefinitionError, decode_definition, obstacle
from streams.refresh.refresher import Refresher
from streams.worker import memory, retirement
from streams.worker.config import WorkerConfig
from streams.worker.log import log_to
from streams.worker.worker import Worker, run_worker

RETRY_S: Final = 1.0
log = logging.getLogger(__name__)


def run_in_this_process(
    settings: Settings, *, name: str | None, web_port: int | None, generation: int | None, group_instance_id: str | None
) -> int:
    """Run one worker; the result is its exit code. ``generation`` None is the active one."""
    # ClickHouse times and the days of the log are UTC, whatever the machine's zone.
    os.environ["TZ"] = "UTC"
    time.tzset()
    log_to()
    client, definition = _definition(settings, generation)
    name = name or f"{socket.gethostname()}-{os.getpid()}"
    config = WorkerConfig(
        kafka=settings.kafka,
        clickhouse=settings.clickhouse,
        generation=definition.generation,
        name=name,
        data=settings.data,
        web_host=settings.bind,
        web_port=_port(settings, web_port),
        flush_interval_s=settings.flush_interval_s,
        inserts_per_s=settings.inserts_per_s,
        session_timeout_s=settings.session_timeout_s,
        group_instance_id=group_instance_id,
        insert_quorum=settings.insert_quorum or None,
    )

    def leave(_number: int, _frame: FrameType | None) -> None:
        addresses.forget(settings.data, name)
        os._exit(GOOD)

    for number in (signal.SIGTERM, signal.SIGINT):
        # Nothing is folded yet; the worker replaces these handlers by its own.
        signal.signal(number, leave)
    addresses.write(settings.data, name, f"{config.web_host}:{config.web_port}")
    refresher = Refresher(client, definition.generation)
    memory.prepare()
    code = FAILURE
    try:
        code = asyncio.new_event_loop().run_until_complete(run_worker(lambda: Worker(config, definition, refresher)))
    finally:
        addresses.forget(settings.data, name)
        logging.shutdown()
        # A statement that is never answered would keep its thread, and the process with it, for minutes.
        os._exit(code)


def _definition(settings: Settings, wanted: int | None) -> tuple[Client, Definition]:
    """The definition of the generation; waits while ClickHouse is away. Raises UserError where folding is wrong."""
    client = _connected(settings)
    try:
        generation = active_generation(client) if wanted is None else wanted
        definition = decode_definition(definition_of(client, generation))
        state = state_of(client, generation)
        weakness = unsynced(client, generation) if settings.fsync else None
        loss = on_one_replica(client, generation, settings.insert_quorum)
    except (NoGenerationError, DefinitionError) as error:
        raise UserError(str(error)) from error
    except (ClickHouseError, OSError) as error:
        raise UserError(f"ClickHouse does not say which generation to fold: {_line(error)}") from error
    if definition.generation != generation:
        raise UserError(f"the definition recorded for generation {generation} is that of {definition.generation}")
    if state == "retired":
        raise UserError(retirement.sentence(generation))
    reason = obstacle(definition) or weakness
    if reason is not None:
        raise UserError(reason)
    if loss is not None:
        log.warning(loss)
    return client, definition


def _connected(settings: Settings) -> Client:
    connection = settings.clickhouse
    place = f"ClickHouse at {connection.host}:{connection.port}"
    said = False
    while True:
        try:
            return connect(connection)
        except (ClickHouseError, OSError) as error:
            if state_after(error) is SinkState.REFUSED:
                raise UserError(f"{place} refuses the login {connection.username}: {_line(error)}", FAILURE) from error
            if not said:
                log.warning("%s does not answer; waiting for it.", place)
                said = True
        time.sleep(RETRY_S)


def _port(settings: Settings, wanted: int | None) -> int:
    if wanted is None:
        return free_port(settings.bind, settings.web_port)
    if not 0 < wanted < 65_536:
        raise UserError(f"--web-port {wanted} is not a port", WRONG_USE)
    return wanted


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300].rstrip(".")
