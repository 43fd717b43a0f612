"""``gospulse worker``: one worker of a generation, in the foreground until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import socket
import time
from typing import Final

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from deploy import addresses
from deploy.errors import FAILURE, WRONG_USE, UserError
from deploy.machine.processes import free_port
from deploy.settings import Settings
from schemas.clickhouse.generations import NoGenerationError, active_generation, definition_of, state_of
from streams.clients import SinkState, connect, state_after
from streams.definition import Definition, DefinitionError, decode_definition, obstacle
from streams.refresh.refresher import Refresher
from streams.worker import memory, retirement
from streams.worker.config import WorkerConfig
from streams.worker.log import log_to
from streams.worker.worker import Worker, run_worker

NAME = "worker"
HELP = "fold events, readings and rejections of a generation into ClickHouse"
EXAMPLES = """
  gospulse worker                          one worker of the active generation, until Ctrl-C
  gospulse worker --name worker-3          any number form a group; each has a name of its own
  gospulse worker --generation 2           a worker of the generation that a rebuild builds
  curl http://127.0.0.1:6066/metrics       what it does, for Prometheus (docs/worker-metrics.md)
"""

RETRY_S: Final = 1.0
log = logging.getLogger(__name__)


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("--name", help="name in progress, logs and metrics (default: host and process id)")
    parser.add_argument(
        "--web-port", type=int, metavar="PORT", help="port of /metrics (default: the setting web_port, next free one)"
    )
    parser.add_argument("--generation", type=int, metavar="N", help="generation to fold (default: the active one)")
    parser.add_argument(
        "--group-instance-id", metavar="ID", help="static membership: a quick restart moves no partitions"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Exit code 0 after a clean end, 1 when it cannot run or broke down."""
    # ClickHouse times and the days of the log are UTC, whatever the machine's zone.
    os.environ["TZ"] = "UTC"
    time.tzset()
    log_to()
    client, definition = _definition(settings, args.generation)
    name = args.name or f"{socket.gethostname()}-{os.getpid()}"
    config = WorkerConfig(
        kafka=settings.kafka,
        clickhouse=settings.clickhouse,
        generation=definition.generation,
        name=name,
        data=settings.data,
        web_host=settings.bind,
        web_port=_port(settings, args.web_port),
        flush_interval_s=settings.flush_interval_s,
        inserts_per_s=settings.inserts_per_s,
        session_timeout_s=settings.session_timeout_s,
        group_instance_id=args.group_instance_id,
        insert_quorum=settings.insert_quorum or None,
    )
    addresses.write(settings.data, name, f"{config.web_host}:{config.web_port}")
    refresher = Refresher(client, definition.generation)
    memory.prepare()
    code = FAILURE
    try:
        code = asyncio.new_event_loop().run_until_complete(run_worker(lambda: Worker(config, definition, refresher)))
    finally:
        addresses.forget(settings.data, name)
        logging.shutdown()
        # A statement that nobody answers any more would hold its thread, and the process with it, for minutes.
        os._exit(code)


def _definition(settings: Settings, wanted: int | None) -> tuple[Client, Definition]:
    """The definition that the worker folds by; waits while ClickHouse is away."""
    client = _connected(settings)
    try:
        generation = active_generation(client) if wanted is None else wanted
        definition = decode_definition(definition_of(client, generation))
        state = state_of(client, generation)
    except (NoGenerationError, DefinitionError) as error:
        raise UserError(str(error)) from error
    except (ClickHouseError, OSError) as error:
        raise UserError(f"ClickHouse does not say which generation to fold: {_line(error)}") from error
    if definition.generation != generation:
        raise UserError(f"the definition recorded for generation {generation} is that of {definition.generation}")
    if state == "retired":
        raise UserError(retirement.sentence(generation))
    reason = obstacle(definition)
    if reason is not None:
        raise UserError(reason)
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
