"""The history of the demonstration: weeks of a synthetic federation, a killed worker, catching up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from clickhouse_connect.driver.client import Client
from msgspec import Struct

from deploy.clickhouse.client import clickhouse
from deploy.machine import stack, workers
from deploy.machine.processes import find
from deploy.machine.status import read_status
from deploy.settings import Settings
from ingest.simulator.comparison import compare
from ingest.simulator.truth import TruthError, load_truth
from schemas.clickhouse.generations import active_generation
from schemas.contract.topics import EVENTS
from streams.refresh.refresher import Refresher

SEED: Final = 1
#: A small federation. Runs of one seed and size share their pages and people.
FEDERATION: Final = (
    "--seed", str(SEED), "--regions", "24", "--municipalities", "48", "--pages", "120", "--appeals", "0.2"
)  # fmt: skip
#: The spike detector learns from twelve weeks and two days.
DAYS: Final = 90
#: No board looks at subscribers, views and reach of more days than its period.
READINGS_DAYS: Final = 32
EVENTS_SENT: Final = 40_000
EVENTS_PER_S: Final = 4_000
KILL_AT: Final = 0.35
RAISE_AFTER_S: Final = 5.0
#: Catching up after the last event takes seconds.
DRAIN_PATIENCE_S: Final = 120.0
VICTIM: Final = "worker-2"


class DemoError(Exception):
    """The demonstration cannot continue. One sentence that says what to do."""


class Figures(Struct, frozen=True):
    """Figures of the live display. Counts are of the active generation."""

    elapsed_s: float
    sent: int
    folded: int
    folded_per_s: float
    workers: int
    appeals: int
    in_social_networks: int
    through_pages: int
    reactions: int

    @property
    def lag(self) -> int:
        """Events in the log that are not yet acknowledged."""
        return max(0, self.sent - self.folded)

    @property
    def share(self) -> float | None:
        """Share of the appeals in social networks that came through public pages."""
        return self.through_pages / self.in_social_networks if self.in_social_networks else None


Show = Callable[[Figures], None]
Say = Callable[[str], None]


def feed(settings: Settings, truth: Path) -> subprocess.Popen[bytes]:
    """Starts ``gospulse simulate`` in the background: the history until now, with repeats and corrected times."""
    options = ["--days", str(DAYS), "--events", str(EVENTS_SENT), "--rate", str(EVENTS_PER_S), "--duplicates", "0.02"]
    options += ["--redate", "0.2", "--late", "0.02", "--readings-days", str(READINGS_DAYS), "--truth", str(truth)]
    return simulate(settings, *options)


def simulate(settings: Settings, *options: str) -> subprocess.Popen[bytes]:
    """Starts ``gospulse simulate`` for the federation of the demonstration in the background."""
    command = [sys.executable, "-P", "-m", "deploy.cli.main", "simulate", *FEDERATION, *options]
    log = workers.log_file(settings.data, "simulate")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as sink:
        return subprocess.Popen(
            command, env=workers.environment(settings), stdin=subprocess.DEVNULL, stdout=sink, stderr=sink
        )


def run_course(settings: Settings, feeder: subprocess.Popen[bytes], say: Say, show: Show) -> None:
    """Waits until everything sent is acknowledged; kills a worker meanwhile and starts it again.

    Raises DemoError when the feeder fails or the workers do not catch up.
    """
    started = time.monotonic()
    begin = log_state(settings)[0]
    killed_at: float | None = None
    raised = False
    drained_since: float | None = None
    previous: tuple[float, int] | None = None
    with clickhouse(settings.clickhouse) as client:
        while True:
            now = time.monotonic()
            end, folded = log_state(settings)
            sent = end - begin
            rate = (folded - previous[1]) / (now - previous[0]) if previous else 0.0
            previous = (now, folded)
            show(_figures(client, settings, now - started, sent, folded - begin, max(0.0, rate)))
            if killed_at is None and sent >= KILL_AT * EVENTS_SENT:
                _kill(settings, say)
                killed_at = now
            elif killed_at is not None and not raised and now - killed_at >= RAISE_AFTER_S:
                say(f"{VICTIM} is started again; it reads its partitions from the start of their chunks")
                stack.up(settings, lambda _line: None)
                raised = True
            code = feeder.poll()
            if code not in (None, 0):
                raise DemoError(f"the simulator failed; see {workers.log_file(settings.data, 'simulate')}")
            if code == 0:
                drained_since = drained_since or now
                if folded >= end and raised:
                    return
                if now - drained_since > DRAIN_PATIENCE_S:
                    raise DemoError("the workers did not catch up; `gospulse status` and `gospulse logs` say more")
            time.sleep(0.7)


def await_rollups(settings: Settings) -> None:
    """Brings every roll-up up to date, as the workers' refresher does later, so that the report is complete."""
    with clickhouse(settings.clickhouse) as client:
        Refresher(client, active_generation(client)).drain()


def untrue(settings: Settings, truth: Path) -> list[str]:
    """Differences of the views from the data of the simulator, a line each. Raises DemoError without a truth."""
    try:
        sent = load_truth(truth)
    except TruthError as error:
        raise DemoError(str(error)) from error
    with clickhouse(settings.clickhouse) as client:
        return [str(difference) for difference in compare(sent, lambda sql: client.query(sql).result_rows)]


def _kill(settings: Settings, say: Say) -> None:
    process = find(workers.run_directory(settings.data), VICTIM)
    if process is not None and process.is_alive():
        os.kill(process.pid, signal.SIGKILL)
        say(f"{VICTIM} (pid {process.pid}) was killed with SIGKILL in the middle of its work; events continue")


def log_state(settings: Settings) -> tuple[int, int]:
    """End of the log of events and the folded part of it, summed over partitions."""
    status = read_status(settings)
    if status.unknown is not None:
        raise DemoError(status.unknown)
    rows = [row for row in status.partitions if row.topic == EVENTS]
    return sum(row.end for row in rows), sum(row.folded or 0 for row in rows)


def _figures(
    client: Client, settings: Settings, elapsed_s: float, sent: int, folded: int, folded_per_s: float
) -> Figures:
    generation = active_generation(client)
    ((appeals, social, pages),) = client.query(
        "SELECT count(), countIf(entrance IN ('public_page', 'social_other')), countIf(entrance = 'public_page') FROM "
        f"(SELECT min(first).entrance AS entrance FROM gospulse_data.appeals_g{generation} GROUP BY appeal)"
    ).result_rows
    ((reactions,),) = client.query("SELECT sum(reaction_added) FROM gospulse.page_hour").result_rows
    run = workers.run_directory(settings.data)
    names = workers.worker_names(settings.workers)
    alive = sum(1 for name in names if (process := find(run, name)) is not None and process.is_alive())
    return Figures(elapsed_s, sent, folded, folded_per_s, alive, appeals, social, pages, reactions)
