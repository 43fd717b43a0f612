"""The one-machine stack: brings Kafka, the ClickHouse endpoint and the workers up, and takes them down.

Nobody watches over the processes: each runs in a session of its own and is known by its record in the data directory.
What is up stays as it is; what is missing or died is started.
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
from deploy.machine.kafka_broker.process import start_broker
from deploy.machine.processes import Process, find, forget, free_port, recorded, stop
from deploy.settings import Settings
from schemas.clickhouse.generations import FIRST, active_generation
from schemas.clickhouse.migrate import migrate
from streams.definition import current_definition, encode_definition

#: What the workers write to goes down after them, in this order.
SERVERS: Final = ("clickhouse", "kafka")
SERVER_PATIENCE_S: Final = 30.0
#: Making the tables of a generation with fsync takes seconds on a slow disk.
MIGRATION_PATIENCE_S: Final = 120.0

Say = Callable[[str], None]


class Raised(Struct, frozen=True):
    """What ``up`` did: ``started`` processes and other ``changes`` in words; both empty when all was up already.

    ``differences`` of topics keep the workers from being started.
    """

    started: tuple[str, ...]
    changes: tuple[str, ...]
    differences: tuple[topics.Difference, ...]


def up(settings: Settings, say: Say) -> Raised:
    """Starts what is not running, applies migrations and topics. ``say`` is told each step.

    Raises StartError, PrerequisiteError, TopicsError and what migrations and settings raise, each with one sentence.
    """
    # Nobody else's business: it holds logs and, in the tables, hashes of accounts.
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    with alone(settings.data, say):
        started = _start_servers(settings, say)
        changes, differences = _prepare_tables_and_topics(settings, say)
        if not differences:
            started += _start_workers(settings, say)
    return Raised(tuple(started), tuple(changes), tuple(differences))


def down(settings: Settings, say: Say) -> list[str]:
    """Ends every process of the stack, workers first; gives the names of those that were alive."""
    run = workers.run_directory(settings.data)
    if not run.is_dir():
        return []
    with alone(settings.data, say):
        processes = recorded(run)
        alive = [process.name for process in processes if process.is_alive()]
        for group, patience in _in_order(processes):
            for process in stop(group, patience):
                say(f"{process.name} did not end within {patience:.0f} s and was killed")
            for process in group:
                forget(run, process.name)
        for server in SERVERS:
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
    # Side by side: each takes a second or two, most of it waiting.
    with ThreadPoolExecutor(max_workers=2) as pool:
        started = [pool.submit(start, settings, say) for start in starts]
    return [name for name in (future.result() for future in started) if name is not None]


def _start_kafka(settings: Settings, say: Say) -> str | None:
    run = workers.run_directory(settings.data)
    if _is_up(run, "kafka"):
        _remember(settings, "kafka")
        return None
    port = _port(settings, "kafka", settings.kafka_port, say)
    process = start_broker(
        settings.data / "kafka",
        settings.bind,
        port,
        cache=settings.cache,
        run=run,
        log=workers.log_file(settings.data, "kafka"),
        heap_mb=settings.kafka_heap_mb,
        say=say,
    )
    say(f"kafka is up at {_remember(settings, 'kafka')} (pid {process.pid})")
    return "kafka"


def _start_clickhouse(settings: Settings, say: Say) -> str | None:
    run = workers.run_directory(settings.data)
    if _is_up(run, "clickhouse"):
        _remember(settings, "clickhouse")
        return None
    port = _port(settings, "clickhouse", settings.clickhouse_port, say)
    process = start_clickhouse(
        settings.data / "clickhouse",
        settings.bind,
        port,
        passwords=passwords.passwords_directory(settings.data),
        run=run,
        log=workers.log_file(settings.data, "clickhouse"),
        environ=workers.environment(settings),
        memory_mb=settings.clickhouse_memory_mb or None,
    )
    say(f"clickhouse is up at {_remember(settings, 'clickhouse')} (pid {process.pid})")
    return "clickhouse"


def _remember(settings: Settings, server: str) -> str:
    """Writes down where a running server is reached; also after an `up` that was interrupted while it waited for it."""
    process = find(workers.run_directory(settings.data), server)
    assert process is not None
    assert process.address is not None
    host, _, port = process.address.rpartition(":")
    address = f"{workers.local_host(host)}:{port}"
    if addresses.read(settings.data, server) != address:
        addresses.write(settings.data, server, address)
    return address


def _is_up(run: Path, name: str) -> bool:
    process = find(run, name)
    return process is not None and process.is_alive()


def _port(settings: Settings, server: str, wanted: int, say: Say) -> int:
    """The port of a server: that of its last life first, so that whoever waits for it finds it again."""
    before = addresses.read(settings.data, server)
    first = wanted if before is None else int(before.rpartition(":")[2])
    port = free_port(settings.bind, first)
    if port != first:
        say(f"port {first} is in use, {server} takes {port}")
    return port


def _prepare_tables_and_topics(settings: Settings, say: Say) -> tuple[list[str], list[topics.Difference]]:
    changes: list[str] = []
    outcome = topics.apply(settings.kafka, settings.replication_factor, settings.topics)
    with clickhouse(settings.clickhouse, timeout_s=MIGRATION_PATIENCE_S) as client:
        steps: list[str] = []
        migrate(client, settings.rendering, encode_definition(current_definition(FIRST)), note=steps.append)
        if steps:
            changes.append(f"{len(steps)} steps of migrations done")
        topics.register(client, topics.topic_ids(settings.kafka), datetime.now(UTC))
    if outcome.created:
        changes.append(f"topics created: {', '.join(outcome.created)}")
    for change in changes:
        say(change)
    return changes, list(outcome.differences)


def _start_workers(settings: Settings, say: Say) -> list[str]:
    run = workers.run_directory(settings.data)
    names = workers.worker_names(settings.workers)
    surplus = [p for p in recorded(run) if p.name.startswith(workers.PREFIX) and p.name not in names]
    workers.stop_workers(surplus)
    for process in surplus:
        forget(run, process.name)
        say(f"{process.name} is no longer wanted and was stopped")
    missing = [name for name in names if not _is_up(run, name)]
    if not missing:
        return []
    with clickhouse(settings.clickhouse) as client:
        generation = active_generation(client)
    processes = [workers.spawn_worker(settings, name, generation) for name in missing]
    for process in processes:
        workers.await_worker(process)
        say(f"{process.name} is up at {process.address} (pid {process.pid})")
    return missing


@contextmanager
def alone(data: Path, say: Say) -> Iterator[None]:
    """Nobody else brings this data directory's stack up or down meanwhile."""
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
