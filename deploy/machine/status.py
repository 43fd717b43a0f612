"""The state of the stack now: its processes, and how far each partition is folded.

Lag and heartbeat come from Kafka's ends and ClickHouse's ``progress``, so they are there also when no worker lives.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from msgspec import Struct

from deploy import addresses
from deploy.clickhouse.client import clickhouse
from deploy.errors import UserError
from deploy.machine import workers
from deploy.machine.processes import Process, answers, last_lines, recorded
from deploy.settings import Settings
from schemas.clickhouse.generations import NoGenerationError, active_generation
from schemas.contract.topics import EVENTS, READINGS, REJECTED
from streams.bookkeeping.offsets import KafkaOffsets, KafkaUnavailableError
from streams.bookkeeping.partition_state import (
    SILENCE_S,
    PartitionState,
    missing_topics,
    notes,
    partition_states,
    problems,
    unheard,
)

_TOPICS = (EVENTS, READINGS, REJECTED)

State = Literal["running", "silent", "died", "existing", "away"]


class Part(Struct, frozen=True):
    """A process of the stack, or an existing server that is used: state, address, and the last lines of one that died.

    ``silent`` runs but its port does not answer; ``existing`` and ``away`` are servers that others run.
    """

    name: str
    state: State
    pid: int | None
    address: str | None
    since: datetime | None
    log: str | None
    last_lines: tuple[str, ...] = ()


class Status(Struct, frozen=True):
    """Processes and partitions. ``unknown`` says why partitions could not be read, else None."""

    generation: int | None
    parts: tuple[Part, ...]
    partitions: tuple[PartitionState, ...]
    #: Why records are not counted, or why nobody would notice: sentences with the way out.
    problems: tuple[str, ...]
    #: Facts that explain a lag and need nobody.
    notes: tuple[str, ...]
    unknown: str | None

    @property
    def good(self) -> bool:
        """Whether every part that was started is up, and every partition is folded by a live worker."""
        up = all(part.state in ("running", "existing") for part in self.parts)
        return bool(self.parts) and up and self.unknown is None and not self.problems


def read_status(settings: Settings, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Status:
    """The state of the stack now; ``clock`` gives UTC. Never raises for parts that are away: that is what it shows."""
    parts = _existing(settings)
    parts += [_part(process) for process in recorded(workers.run_directory(settings.data))]
    try:
        generation, states = _partitions(settings, clock)
    except (UserError, KafkaUnavailableError, NoGenerationError) as error:
        return Status(None, tuple(parts), (), (), (), str(error))
    troubles, explained = missing_topics(states, _TOPICS) + problems(states), notes(states)
    (explained if _workers_start(parts, clock()) else troubles).extend(unheard(states))
    return Status(generation, tuple(parts), tuple(states), tuple(troubles), tuple(explained), None)


def _workers_start(parts: list[Part], now: datetime) -> bool:
    """Whether a worker of this machine was started so lately that it may not have said anything yet."""
    started = [part.since for part in parts if part.name.startswith(workers.PREFIX) and part.since is not None]
    return any((now - since).total_seconds() < SILENCE_S for since in started)


def _part(process: Process) -> Part:
    since = datetime.fromtimestamp(process.began / 1000, UTC)
    if not process.is_alive():
        lines = tuple(last_lines(Path(process.log), 8))
        return Part(process.name, "died", process.pid, process.address, since, process.log, lines)
    state: State = "running" if process.address is None or _answers(process.address) else "silent"
    return Part(process.name, state, process.pid, process.address, since, process.log)


def _existing(settings: Settings) -> list[Part]:
    parts = []
    if settings.kafka_servers:
        state: State = "existing" if any(map(_answers, settings.kafka_servers)) else "away"
        parts.append(Part("kafka", state, None, ", ".join(settings.kafka_servers), None, None))
    if settings.clickhouse_server is not None:
        with suppress(UserError):
            connection = settings.clickhouse
            state = "existing" if answers(connection.host, connection.port) else "away"
            parts.append(Part("clickhouse", state, None, settings.clickhouse_server, None, None))
    return parts


def _answers(address: str) -> bool:
    host, _, port = address.rpartition(":")
    return answers(host.strip("[]"), int(port))


def _partitions(settings: Settings, clock: Callable[[], datetime]) -> tuple[int, list[PartitionState]]:
    for server in (addresses.KAFKA, addresses.CLICKHOUSE):
        # Clients would try for many seconds; the port says it at once.
        address = addresses.read(settings.data, server)
        existing = settings.kafka_servers if server == addresses.KAFKA else settings.clickhouse_server
        if not existing and address is not None and not _answers(address):
            raise UserError(f"{server} does not answer at {address}: `gospulse up` starts it again")
    with clickhouse(settings.clickhouse) as client, KafkaOffsets(settings.kafka, timeout_s=5.0) as offsets:
        generation = active_generation(client)
        return generation, partition_states(client, offsets, generation, _TOPICS, clock())
