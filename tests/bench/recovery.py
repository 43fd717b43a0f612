"""How long the group needs after ``kill -9`` of a worker until its lag is as small as before."""

from __future__ import annotations

import signal
import time

from msgspec import Struct

from deploy.settings_sources import load
from tests.bench.speed import status
from tests.servers.machine import Machine


class Recovery(Struct, frozen=True):
    """Seconds from the kill until the lag is back: with the other worker alone, and until the worker is up again."""

    rate: int
    session_timeout_s: float
    lag_before: int
    largest_lag: int
    seconds: float


def measure(machine: Machine, rate: int) -> Recovery:
    """Kills one of two workers under a steady load of ``rate`` events a second."""
    machine.run("up", "--workers", "2")
    feeder = machine.start("simulate", "--seed", "78", "--rate", str(rate), "--events", str(rate * 60))
    try:
        time.sleep(8)
        before = max(_lag(machine) for _ in range(6))
        machine.signal("worker-2", signal.SIGKILL)
        killed = time.monotonic()
        largest, grew = 0, False
        while time.monotonic() - killed < 60:
            lag = _lag(machine)
            largest = max(largest, lag)
            grew = grew or lag > before
            if grew and lag <= before:
                break
        seconds = time.monotonic() - killed
    finally:
        feeder.terminate()
        feeder.wait()
    return Recovery(rate, load(machine.environ, machine.folder).session_timeout_s, before, largest, seconds)


def _lag(machine: Machine) -> int:
    return sum(row["lag"] for row in status(machine)["partitions"] if row["topic"] == "events")
