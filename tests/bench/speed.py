"""Events per second: one worker of Gospulse and its peers on the same log, each alone, one after the other."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from msgspec import Struct

from deploy import passwords
from deploy.clickhouse.client import clickhouse
from deploy.machine.workers import spawn_worker, stop_workers
from deploy.settings import Settings
from deploy.settings_sources import load
from schemas.clickhouse.migrate import create_generation
from streams.definition import current_definition, encode_definition
from tests.servers.machine import ROOT, Machine

PEERS_PYTHON = ROOT / ".venv-bench" / "bin" / "python"
#: A plain Faust agent needs minutes for a million; its speed shows in a tenth.
PLAIN_FAUST_SHARE = 8
PATIENCE_S = 900.0

Say = Callable[[str], None]


class Speed(Struct, frozen=True):
    """What one contestant did: events, seconds, processor seconds of its process and children (None: not measured)."""

    name: str
    events: int
    seconds: float
    cpu_s: float | None = None
    memory_mb: float | None = None

    @property
    def per_second(self) -> float:
        """Events per second."""
        return self.events / self.seconds


def fill(machine: Machine, events: int, seed: int = 1) -> None:
    """Puts ``events`` records of the bench profile into the log while no worker reads it."""
    machine.run(
        "simulate", "--profile", "bench", "--seed", str(seed), "--events", str(events), "--no-readings", patience_s=1800
    )


def gospulse(machine: Machine, generation: int, workers: int = 1) -> Speed:
    """The whole job: from the moment the first worker folds until all of the log is acknowledged by ClickHouse.

    The log is full and does not grow; ``generation`` is new, so that the log is folded from its start.
    """
    settings = load(machine.environ, machine.folder)
    with clickhouse(settings.clickhouse, timeout_s=120) as client:
        create_generation(client, generation, encode_definition(current_definition(generation)), settings.rendering)
    end = sum(row["end"] for row in status(machine)["partitions"] if row["topic"] == "events")
    names = [f"bench-{generation}-{number}" for number in range(1, workers + 1)]
    processes = [spawn_worker(settings, name, generation, machine.environ) for name in names]
    try:
        started = _await_folding([Path(process.log) for process in processes])
        deadline = started + PATIENCE_S
        _await_folded(settings, generation, end, deadline)
        seconds = time.monotonic() - started
        cpu = sum(cpu_seconds(process.pid) for process in processes)
        memory = max(resident_mb(process.pid) for process in processes)
    finally:
        stop_workers(processes)
    return Speed(f"gospulse, {workers} worker" + "s" * (workers > 1), end, seconds, cpu, memory)


def _await_folded(settings: Settings, generation: int, end: int, deadline: float) -> None:
    """Until ``end`` records are acknowledged. One connection and few questions: asking costs the engine, too."""
    question = (
        f"SELECT sum(f) FROM (SELECT max(folded) AS f FROM gospulse_data.progress_g{generation} "
        "WHERE log = 1 GROUP BY part)"
    )
    with clickhouse(settings.clickhouse) as client:
        while (folded := int(client.query(question).result_rows[0][0])) < end:
            if time.monotonic() > deadline:
                raise AssertionError(f"only {folded} of {end} records were folded")
            time.sleep(0.1)


def status(machine: Machine) -> dict[str, Any]:
    """``gospulse status --json``."""
    found: dict[str, Any] = json.loads(machine.outcome("status", "--json")[1])
    return found


def _await_folding(logs: list[Path]) -> float:
    """The moment at which the first worker said that it folds events."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if any(path.exists() and b"Folding events" in path.read_bytes() for path in logs):
            return time.monotonic()
        time.sleep(0.02)
    raise AssertionError("no worker began to fold within a minute")


def bare_aiokafka(machine: Machine, events: int) -> Speed:
    """Fetching and decoding only."""
    return _peer("bare aiokafka loop, decode only", machine, Path(sys.executable), "bare_aiokafka", events)


def plain_faust(machine: Machine, events: int) -> Speed:
    """The whole job, one event at a time, as Faust's documentation has it."""
    at = load(machine.environ, machine.folder).clickhouse
    more = ["--clickhouse-port", str(at.port)]
    more += ["--password-file", str(passwords.passwords_directory(machine.data) / passwords.WRITER)]
    count = max(10_000, events // PLAIN_FAUST_SHARE)
    return _peer("plain Faust agent, the same job", machine, Path(sys.executable), "plain_faust", count, more)


def quixstreams(machine: Machine, events: int) -> Speed:
    """Page-hours only, no sink."""
    return _peer("quixstreams, page-hours only", machine, PEERS_PYTHON, "quixstreams_counts", events)


def bytewax(machine: Machine, events: int) -> Speed:
    """Page-hours only, no sink."""
    return _peer("bytewax, page-hours only", machine, PEERS_PYTHON, "bytewax_counts", events)


def _peer(name: str, machine: Machine, python: Path, module: str, count: int, more: list[str] | None = None) -> Speed:
    kafka = load(machine.environ, machine.folder).kafka
    command = [str(python), "-m", f"tests.bench.peers.{module}", "--bootstrap", kafka.bootstrap[0]]
    command += ["--topic", kafka.topic("events"), "--count", str(count), *(more or [])]
    done = subprocess.run(
        command, cwd=ROOT, env=machine.environ, capture_output=True, text=True, timeout=PATIENCE_S, check=False
    )
    # Faust writes control codes for the terminal before the figure.
    lines = [line[line.index("{") :] for line in done.stdout.splitlines() if "{" in line]
    if not lines:
        raise AssertionError(f"{name} failed: {done.stdout[-1000:]}\n{done.stderr[-2000:]}")
    figures = json.loads(lines[-1])
    return Speed(name, figures["events"], figures["seconds"])


def cpu_seconds(pid: int) -> float:
    """Processor time of a process so far (``/proc/<pid>/stat``, fields 14 and 15, in ticks of 10 ms)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def resident_mb(pid: int) -> float:
    """Most resident memory of a process so far, in MB (``VmHWM``)."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return 0.0


def metric(address: str, name: str) -> float:
    """The sum of a metric over its labels, from a worker's web port."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(name))
