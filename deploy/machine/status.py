"""What is known of the stack at this moment: its processes, and how far each partition is folded.

Lag and heartbeat come from Kafka's ends and ClickHouse's ``progress``, so they are there also when no worker lives.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from deploy import addresses
from deploy.clickhouse.client import clickhouse
from deploy.errors import UserError
from deploy.machine import workers
from deploy.machine.processes import Process, answers, last_lines, recorded
from deploy.settings import Settings
from schemas.clickhouse.generations import NoGenerationError, active_generation
from schemas.contract.topics import EVENTS, READINGS, REJECTED
from streams.bookkeeping.logs import recorded_logs
from streams.bookkeeping.offsets import KafkaOffsets, KafkaUnavailableError
from streams.positions import Partition

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


class PartitionStatus(Struct, frozen=True):
    """How far one partition is folded: offsets, what is missing, age of the owner's last heartbeat in seconds."""

    topic: str
    partition: int
    begin: int
    end: int
    #: Next offset to fold; None where nothing was ever folded.
    folded: int | None
    #: Records behind the end of the log.
    lag: int
    heartbeat_age_s: float | None
    worker: str | None
    #: Why the partition stands still; None while it is folded.
    stopped: str | None


class Status(Struct, frozen=True):
    """The whole; ``unknown`` says why partitions could not be read, else None."""

    generation: int | None
    parts: tuple[Part, ...]
    partitions: tuple[PartitionStatus, ...]
    unknown: str | None

    @property
    def good(self) -> bool:
        """Whether everything that was started is up and no partition stands still."""
        up = all(part.state in ("running", "existing") for part in self.parts)
        return bool(self.parts) and up and self.unknown is None and not any(p.stopped for p in self.partitions)


def read_status(settings: Settings, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> Status:
    """The state of the stack now; ``clock`` gives UTC. Never raises for parts that are away: that is what it shows."""
    parts = _existing(settings)
    parts += [_part(process) for process in recorded(workers.run_directory(settings.data))]
    try:
        generation, partitions = _partitions(settings, clock)
    except (UserError, KafkaUnavailableError, NoGenerationError) as error:
        return Status(None, tuple(parts), (), str(error))
    return Status(generation, tuple(parts), tuple(partitions), None)


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


def _partitions(settings: Settings, clock: Callable[[], datetime]) -> tuple[int, list[PartitionStatus]]:
    for server in (addresses.KAFKA, addresses.CLICKHOUSE):
        # Clients would try for many seconds; the port says it at once.
        address = addresses.read(settings.data, server)
        existing = settings.kafka_servers if server == addresses.KAFKA else settings.clickhouse_server
        if not existing and address is not None and not _answers(address):
            raise UserError(f"{server} does not answer at {address}: `gospulse up` starts it again")
    with clickhouse(settings.clickhouse) as client:
        generation = active_generation(client)
        logs = recorded_logs(client)
        folded = _progress(client, generation)
    with KafkaOffsets(settings.kafka, timeout_s=5.0) as offsets:
        ids = offsets.topic_ids(_TOPICS)
        ranges = offsets.ranges(_TOPICS)
    now = clock()
    rows = []
    for (topic, partition), held in sorted(ranges.items()):
        progress = folded.get(Partition(logs.get(ids[topic], 0), partition))
        done = held.begin if progress is None else progress[0]
        rows.append(
            PartitionStatus(
                topic=topic,
                partition=partition,
                begin=held.begin,
                end=held.end,
                folded=None if progress is None else progress[0],
                # Asked of ClickHouse first: what was folded in between must not look like a negative lag.
                lag=max(0, held.end - done),
                heartbeat_age_s=None if progress is None else max(0.0, (now - progress[1]).total_seconds()),
                worker=None if progress is None else progress[2],
                stopped=(progress[3] or None) if progress is not None else None,
            )
        )
    return generation, rows


def _progress(client: Any, generation: int) -> dict[Partition, tuple[int, datetime, str, str]]:
    rows = client.query(
        "SELECT log, part, done, toUnixTimestamp64Milli(last.1), last.3, last.4 FROM "
        f"(SELECT log, part, max(folded) AS done, max(latest) AS last FROM gospulse_data.progress_g{generation} "
        "GROUP BY log, part)"
    ).result_rows
    return {
        Partition(int(log), int(part)): (int(done), datetime.fromtimestamp(beat / 1000, UTC), str(worker), str(stopped))
        for log, part, done, beat, worker, stopped in rows
    }
