"""The operator's side of a rebuild: workers of the new generation, waiting for it, handing over from the old one."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, TypeVar

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from msgspec.structs import replace

from deploy.machine import stack, workers
from deploy.machine.processes import Process, died, find, forget, recorded
from deploy.settings import Settings
from streams.bookkeeping.offsets import KafkaOffsets, KafkaUnavailableError
from streams.bookkeeping.partition_state import partition_states, problems
from streams.bookkeeping.progress import folded_offsets
from streams.clients import SinkState, state_after
from streams.positions import Partition
from streams.rebuild.catch_up import Distance, distance, has_reached
from streams.rebuild.rebuilder import Pair
from streams.refresh.compaction import compact
from streams.refresh.refresher import Refresher

Say = Callable[[str], None]
#: Told at every look how far the new generation is.
OnDistance = Callable[[Distance], None]

Answer = TypeVar("Answer")

#: How long a step waits for a server that is away; most outages are restarts.
PATIENCE_S: Final = 60.0
#: Workers of a generation that is being built; `gospulse up` leaves names of this kind alone.
PREFIX: Final = "rebuild-g"
_LOOK_S: Final = 0.5
#: A worker that was started so often in one rebuild does not die by accident.
MAX_STARTS: Final = 20
#: A round of catching up that is shorter than this has come as close to a moving log as it can.
_CLOSE_S: Final = 5.0
#: Hours that may be waiting for the refresher when the log is written to: those that are touched all the time.
_LIVE_HOURS: Final = 3


def is_local(settings: Settings) -> bool:
    """Whether the stack's own servers are used, so that workers are this machine's processes."""
    return not settings.kafka_servers and settings.clickhouse_server is None


class LocalWorkers:
    """The workers of the new generation as processes of the one-machine stack."""

    def __init__(self, settings: Settings, generation: int, count: int, say: Say) -> None:
        self._settings = settings
        self._generation = generation
        self._say = say
        self._names = [f"{PREFIX}{generation}-{number}" for number in range(1, count + 1)]
        self._run = workers.run_directory(settings.data)
        self._starts: Counter[str] = Counter()

    def keep_up(self) -> None:
        """Start what is not running: at first all of them, later those that died.

        Raises StartError where one dies again and again.
        """
        for name in self._names:
            process = find(self._run, name)
            if process is None or not process.is_alive():
                self._starts[name] += 1
                if process is not None and self._starts[name] > MAX_STARTS:
                    raise died(process)
                started = workers.spawn_worker(self._settings, name, self._generation)
                self._say(f"{name} starts at {started.address} (pid {started.pid})")

    def hand_over(self) -> None:
        """End the old generation's workers, start as many of the new one, end those of the rebuild."""
        count = usual_workers(self._settings)
        # An `up` at this moment may still be starting workers of the generation that it found active.
        with stack.alone(self._settings.data, self._say):
            self._end([process for process in recorded(self._run) if process.name.startswith(workers.PREFIX)])
        stack.up(replace(self._settings, workers=count), self._say)
        self._end([process for process in recorded(self._run) if process.name.startswith(PREFIX)])

    def give_up(self) -> None:
        """End the workers of the rebuild."""
        self._end([process for process in recorded(self._run) if process.name in self._names])

    def _end(self, processes: list[Process]) -> None:
        for process in workers.stop_workers(processes):
            self._say(f"{process.name} did not end in time and was killed")
        for process in processes:
            forget(self._run, process.name)


def usual_workers(settings: Settings) -> int:
    """How many workers the stack has: those that it runs, whatever the settings of this command say.

    Where a hand-over was interrupted, the workers of the rebuild tell it. Where none runs, the settings do.
    """
    run = workers.run_directory(settings.data)
    names = [process.name for process in recorded(run)] if run.is_dir() else []
    counts = (sum(name.startswith(prefix) for name in names) for prefix in (workers.PREFIX, PREFIX))
    return next((count for count in counts if count), settings.workers)


def has_leftovers(settings: Settings) -> bool:
    """Whether workers of a rebuild still run, because it was interrupted between the switch and the handing over."""
    run = workers.run_directory(settings.data)
    return run.is_dir() and any(process.name.startswith(PREFIX) for process in recorded(run))


def end_workers_of(settings: Settings, generation: int, say: Say) -> None:
    """End the local workers of a rebuild that is given up."""
    run = workers.run_directory(settings.data)
    if run.is_dir():
        found = [p for p in recorded(run) if p.name.startswith(f"{PREFIX}{generation}-")]
        LocalWorkers(settings, generation, len(found), say).give_up()


def catch_up(
    client: Client, settings: Settings, pair: Pair, keep_up: Callable[[], None], on: OnDistance, say: Say
) -> None:
    """Wait until the new generation is as far as the old one; ``keep_up`` is called at every look.

    While the log is written to, the old generation moves on: it is followed until a round takes a few seconds only.
    An outage of Kafka or ClickHouse delays it. ``say`` is told why a partition of the new generation is stopped.
    """
    said: set[str] = set()
    while True:
        started = time.monotonic()
        targets: dict[Partition, int] | None = None
        while True:
            keep_up()
            try:
                if targets is None:
                    targets = _targets(client, pair)
                acknowledged = folded_offsets(client, pair.new.generation)
                with KafkaOffsets(settings.kafka) as offsets:
                    states = partition_states(client, offsets, pair.new.generation, pair.logs, datetime.now(UTC))
                    on(distance(pair.new, pair.logs, offsets.ranges(pair.logs), acknowledged))
                for sentence in problems([state for state in states if state.stopped is not None]):
                    if sentence not in said:
                        said.add(sentence)
                        say(f"{sentence} Add `--generation {pair.new.generation}`: the rebuild waits for it.")
                if has_reached(acknowledged, targets):
                    break
            except (ClickHouseError, KafkaUnavailableError, OSError):
                pass
            time.sleep(_LOOK_S)
        if time.monotonic() - started < _CLOSE_S:
            return


def patiently(action: Callable[[], Answer], patience_s: float = PATIENCE_S) -> Answer:
    """Do ``action``, which may be repeated, until the servers answer; raises their error after the patience."""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return action()
        except (ClickHouseError, KafkaUnavailableError, OSError) as error:
            refused = isinstance(error, ClickHouseError) and state_after(error) is SinkState.REFUSED
            if refused or time.monotonic() > deadline:
                raise
            time.sleep(_LOOK_S)


def _targets(client: Client, pair: Pair) -> dict[Partition, int]:
    logs = set(pair.logs.values())
    folded = folded_offsets(client, pair.old.generation)
    return {
        Partition(log, part): max(off, pair.new.cut_of(log, part)) for (log, part), off in folded.items() if log in logs
    }


def drain(client: Client, generation: int, patience_s: float = 600.0) -> bool:
    """Bring the roll-ups of a generation up to date; False where that did not succeed in time.

    Any number of refreshers may run: this one works beside those of the workers. Of a log that is written to, the hours
    that are touched all the time are left to them.
    """
    refresher = Refresher(client, generation)
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        try:
            pending = refresher.pending()
            days = pending.place_days + pending.page_days + pending.share_days + pending.months
            if pending.hours <= _LIVE_HOURS and not days:
                # Readers find the new generation as fast as the old one.
                compact(client, generation)
                return True
            refresher.step(hurry=True)
        except (ClickHouseError, OSError):
            time.sleep(_LOOK_S)
    return False
