"""The one-machine stack: starts and stops Kafka, the ClickHouse endpoint and the workers.

There is no supervisor: each process runs in a session of its own and has a record in the data directory. A running
process is left alone; a missing or dead one is started.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from msgspec import Struct

from deploy import addresses, passwords, topics
from deploy.clickhouse.client import clickhouse
from deploy.machine import workers
from deploy.machine.clickhouse_process import start_clickhouse
from deploy.machine.detector import start_detector
from deploy.machine.kafka_broker.process import cluster_id, start_broker
from deploy.machine.password_change import changed_passwords
from deploy.machine.processes import (
    PortLostError,
    Process,
    StartError,
    find,
    forget,
    free_port,
    local_host,
    recorded,
    stop,
)
from deploy.machine.webhooks import start_webhooks
from deploy.settings import Settings
from schemas.clickhouse.generations import FIRST, active_generation
from schemas.clickhouse.migrate import migrate
from streams.definition import current_definition, encode_definition

#: Servers stop after the workers, in this order.
SERVERS: Final = ("clickhouse", "kafka")
SERVER_PATIENCE_S: Final = 30.0
#: On a slow disk the tables of a generation take seconds, because of fsync.
MIGRATION_PATIENCE_S: Final = 120.0

#: Attempts to start a process whose port another process takes in the meantime.
PORT_ATTEMPTS: Final = 5

Say = Callable[[str], None]


class Raised(Struct, frozen=True):
    """The result of ``up``: ``started`` processes and other ``changes`` in words, both empty when all was up already.

    With ``differences`` of topics no worker is started.
    """

    started: tuple[str, ...]
    changes: tuple[str, ...]
    differences: tuple[topics.Difference, ...]


def up(settings: Settings, say: Say) -> Raised:
    """Starts what is not running, applies migrations and topics. ``say`` takes a line for each step.

    Raises StartError, PrerequisiteError, TopicsError and the errors of migrations and settings, each with one sentence.
    """
    try:
        # For its owner only: it holds logs and, in the tables, hashes of accounts.
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StartError(f"the data directory {settings.data} cannot be created: {error.strerror}") from error
    with alone(settings.data, say):
        started = _start_servers(settings, say)
        changes, differences = _prepare_tables_and_topics(settings, say)
        if not differences:
            started += _start_workers(settings, say)
            started += start_webhooks(settings, say)
            started += start_detector(settings, say)
    return Raised(tuple(started), tuple(changes), tuple(differences))


def down(settings: Settings, say: Say) -> list[str]:
    """Stops every process of the stack, workers first. Returns the names of those that were alive."""
    run = workers.run_directory(settings.data)
    if not run.is_dir():
        return []
    with alone(settings.data, say):
        processes = recorded(run)
        alive = [process.name for process in processes if process.is_alive()]
        for group, patience in _in_order(processes):
            for process in stop(group, patience):
                say(f"{process.name} did not stop within {patience:.0f} s and was killed")
            for process in group:
                forget(run, process.name)
        for server in (*SERVERS, addresses.WEBHOOK):
            addresses.forget(settings.data, server)
    return alive


def _in_order(processes: list[Process]) -> Iterator[tuple[list[Process], float]]:
    yield [process for process in processes if process.name not in SERVERS], workers.STOP_PATIENCE_S
    for server in SERVERS:
        yield [process for process in processes if process.name == server], SERVER_PATIENCE_S


def _start_servers(settings: Settings, say: Say) -> list[str]:
    starts: list[Callable[[Settings, Say], str | None]] = []
    if not settings.kafka_servers:
        starts.append(_start_kafka)
    if settings.clickhouse_server is None:
        passwords.generate(settings.data)
        starts.append(_start_clickhouse)
    # In parallel: each start is mostly waiting.
    with ThreadPoolExecutor(max_workers=2) as pool:
        started = [pool.submit(start, settings, say) for start in starts]
    return [name for name in (future.result() for future in started) if name is not None]


def _start_kafka(settings: Settings, say: Say) -> str | None:
    run = workers.run_directory(settings.data)
    if _is_up(run, "kafka"):
        _remember(settings, "kafka")
        return None
    process = _on_a_free_port(
        settings,
        "kafka",
        settings.kafka_port,
        lambda port: start_broker(
            settings.data / "kafka",
            settings.bind,
            port,
            cache=settings.cache,
            run=run,
            log=workers.log_file(settings.data, "kafka"),
            heap_mb=settings.kafka_heap_mb,
            say=say,
        ),
        say,
    )
    say(f"kafka is up at {_remember(settings, 'kafka')} (pid {process.pid})")
    return "kafka"


def _start_clickhouse(settings: Settings, say: Say) -> str | None:
    run = workers.run_directory(settings.data)
    if _is_up(run, "clickhouse"):
        changed = changed_passwords(settings.data, _remember(settings, "clickhouse"))
        if not changed:
            return None
        _stop_for_new_passwords(run, changed, say)
    process = _on_a_free_port(
        settings,
        "clickhouse",
        settings.clickhouse_port,
        lambda port: start_clickhouse(
            settings.data / "clickhouse",
            settings.bind,
            port,
            passwords=passwords.passwords_directory(settings.data),
            run=run,
            log=workers.log_file(settings.data, "clickhouse"),
            environ=workers.environment(settings),
            memory_mb=settings.clickhouse_memory_mb or None,
        ),
        say,
    )
    say(f"clickhouse is up at {_remember(settings, 'clickhouse')} (pid {process.pid})")
    return "clickhouse"


def _stop_for_new_passwords(run: Path, changed: list[str], say: Say) -> None:
    """Stops the endpoint, which reads passwords at its start; workers as well where theirs has changed."""
    say(f"new password of {' and '.join(changed)}: clickhouse is restarted with it")
    processes = recorded(run)
    if passwords.WRITER in changed:
        workers.stop_workers([process for process in processes if process.name not in SERVERS])
    stop([process for process in processes if process.name == "clickhouse"], SERVER_PATIENCE_S)


def _on_a_free_port(settings: Settings, server: str, wanted: int, start: Callable[[int], Process], say: Say) -> Process:
    """Starts a server; with another port when one is taken between its choice and its use. Raises StartError."""
    for attempt in range(1, PORT_ATTEMPTS + 1):
        port = _port(settings, server, wanted, say)
        try:
            return start(port)
        except PortLostError as error:
            if attempt == PORT_ATTEMPTS:
                raise
            say(f"{error}; another port is tried")
    raise AssertionError("unreachable: the last attempt raises")


def _remember(settings: Settings, server: str) -> str:
    """Records the address of a running server, also after an `up` that was interrupted while it waited."""
    process = find(workers.run_directory(settings.data), server)
    assert process is not None
    assert process.address is not None
    host, _, port = process.address.rpartition(":")
    address = f"{local_host(host)}:{port}"
    if addresses.read(settings.data, server) != address:
        addresses.write(settings.data, server, address)
    return address


def _is_up(run: Path, name: str) -> bool:
    process = find(run, name)
    return process is not None and process.is_alive()


def _port(settings: Settings, server: str, wanted: int, say: Say) -> int:
    """The port of a server: its former one first, so that clients that wait find it again."""
    before = addresses.read(settings.data, server)
    first = wanted if before is None else int(before.rpartition(":")[2])
    port = free_port(settings.bind, first)
    if port != first:
        say(f"port {first} is in use, {server} takes {port}")
    return port


def _prepare_tables_and_topics(settings: Settings, say: Say) -> tuple[list[str], list[topics.Difference]]:
    changes: list[str] = []
    outcome = topics.apply(settings.kafka, settings.replication_factor, settings.topics, cluster=own_cluster(settings))
    with clickhouse(settings.clickhouse, timeout_s=MIGRATION_PATIENCE_S) as client:
        steps: list[str] = []
        migrate(client, settings.rendering, encode_definition(current_definition(FIRST)), note=steps.append)
        if steps:
            changes.append(f"{len(steps)} steps of migrations done")
        topics.register(client, topics.existing(settings.kafka), datetime.now(UTC))
    if outcome.created:
        changes.append(f"topics created: {', '.join(outcome.created)}")
    for change in changes:
        say(change)
    return changes, list(outcome.differences)


def own_cluster(settings: Settings) -> str | None:
    """The cluster id of the broker of this data directory; None where an existing Kafka is used."""
    return None if settings.kafka_servers else cluster_id(settings.data / "kafka")


def _start_workers(settings: Settings, say: Say) -> list[str]:
    run = workers.run_directory(settings.data)
    names = workers.worker_names(settings.workers)
    surplus = [p for p in recorded(run) if p.name.startswith(workers.PREFIX) and p.name not in names]
    workers.stop_workers(surplus)
    for process in surplus:
        forget(run, process.name)
        say(f"{process.name} is surplus and was stopped")
    missing = [name for name in names if not _is_up(run, name)]
    if not missing:
        return []
    with clickhouse(settings.clickhouse) as client:
        generation = active_generation(client)
    processes = [workers.spawn_worker(settings, name, generation) for name in missing]
    for process in processes:
        up_now = _await_worker(settings, process, generation, say)
        say(f"{up_now.name} is up at {up_now.address} (pid {up_now.pid})")
    return missing


def _await_worker(settings: Settings, process: Process, generation: int, say: Say) -> Process:
    """Waits for a worker; starts it again with another web port when its own was taken meanwhile."""
    for _ in range(PORT_ATTEMPTS - 1):
        try:
            workers.await_worker(process)
            return process
        except PortLostError as error:
            say(f"{error}; another port is tried")
            process = workers.spawn_worker(settings, process.name, generation)
    workers.await_worker(process)
    return process


@contextmanager
def alone(data: Path, say: Say) -> Iterator[None]:
    """Holds the lock of a data directory: nobody else starts or stops its stack meanwhile."""
    run = workers.run_directory(data)
    run.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(run / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another `gospulse up` or `gospulse down` to end")
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
