"""The chaos run: a stack of its own, events with faults, kills by a schedule, then every number compared.

``python -m tests.chaos`` runs it; ``tests/stack/test_chaos.py`` runs a small one.
"""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from deploy import addresses
from deploy.clickhouse.client import clickhouse
from deploy.errors import UserError
from deploy.machine.clickhouse_process import start_clickhouse
from deploy.machine.processes import stop
from deploy.passwords import generate, passwords_directory
from deploy.settings_sources import load
from ingest.simulator.comparison import compare
from ingest.simulator.truth import load_truth
from schemas.clickhouse.migrate import migrate
from streams.definition import current_definition, encode_definition
from tests.chaos.schedule import Dose, Step, schedule
from tests.servers.machine import HOST, ROOT, Machine
from tests.servers.ports import free_port

Say = Callable[[str], None]

#: After the last event everything must be folded within this time.
DRAIN_PATIENCE_S = 900.0


class Course(Struct, frozen=True, kw_only=True):
    """One run: everything is drawn from ``seed``."""

    seed: int
    events: int
    rate: int
    dose: Dose
    #: Records of a chunk. Smaller than in production, so that a short run crosses many boundaries and repeats come
    #: later than the window.
    chunk: int = 4_096
    duplicates: float = 0.05
    beyond_window: float = 0.15
    restamp: float = 0.2
    redate: float = 0.2
    late: float = 0.05
    out_of_order_s: int = 30


class Outcome(Struct, frozen=True):
    """What was done, how the verification and the comparison with the truth ended, and how long the run took."""

    done: tuple[str, ...]
    verify_code: int
    verify_report: str
    differences: tuple[str, ...]
    seconds: float

    @property
    def green(self) -> bool:
        """Whether every number is right."""
        return self.verify_code == 0 and not self.differences


def prepare(machine: Machine, chunk: int) -> None:
    """Makes the first generation with ``chunk`` records a chunk, before any worker starts."""
    machine.data.mkdir(parents=True, exist_ok=True)
    generate(machine.data)
    settings = load(machine.environ, machine.folder)
    process = start_clickhouse(
        machine.data / "clickhouse",
        HOST,
        settings.clickhouse_port,
        passwords=passwords_directory(machine.data),
        run=machine.folder / "prepare",
        log=machine.folder / "prepare.log",
        environ=machine.environ,
    )
    try:
        addresses.write(machine.data, addresses.CLICKHOUSE, f"{HOST}:{settings.clickhouse_port}")
        definition = msgspec.structs.replace(current_definition(1), chunk=chunk)
        with clickhouse(settings.clickhouse, timeout_s=120) as client:
            migrate(client, settings.rendering, encode_definition(definition))
    finally:
        stop([process], 30)


def run(course: Course, machine: Machine, say: Say) -> Outcome:
    """Runs the course on ``machine`` (not yet prepared) and leaves the stack up."""
    started = time.monotonic()
    prepare(machine, course.chunk)
    machine.run("up")
    say(f"seed {course.seed}: {course.events:,} events at {course.rate:,}/s, chunk {course.chunk}")
    truth = machine.folder / "truth"
    feeder = machine.start(*_feeding(course, truth), output=machine.folder / "simulate.log")
    done: list[str] = []
    commands: dict[str, subprocess.Popen[bytes]] = {}
    crashing: list[subprocess.Popen[bytes]] = []
    try:
        for step in schedule(course.seed, course.events, course.dose):
            _await_folded(machine, step.at, feeder)
            done.append(f"at {step.at:,}: {_do(step, machine, commands, crashing)}")
            say(done[-1])
        code = feeder.wait(timeout=course.events / course.rate * 5 + 120)
        if code != 0:
            raise AssertionError(f"the simulator failed: {_tail(machine.folder / 'simulate.log')}")
        for worker in range(1, course.dose.workers + 1):
            machine.signal(f"worker-{worker}", signal.SIGCONT)
        for name, command in commands.items():
            if command.wait(timeout=900) != 0:
                # A server was killed under it: an operator starts it again, and it goes on where it was.
                said = machine.run(name, "--yes", *(["--resume"] if name == "rebuild" else []))
                done.append(f"{name} was interrupted and started again")
                say(f"{done[-1]}: {said.strip().splitlines()[-1]}")
        machine.run("up")
        await_drained(machine, course.events)
    finally:
        for child in [feeder, *commands.values(), *crashing]:
            if child.poll() is None:
                child.kill()
            child.wait()
    code, report = machine.outcome("verify")
    wrong = [str(difference) for difference in compare(load_truth(truth), machine.query)]
    return Outcome(tuple(done), code, report, tuple(wrong), time.monotonic() - started)


def _feeding(course: Course, truth: Path) -> list[str]:
    options = {
        "--seed": course.seed,
        "--events": course.events,
        "--rate": course.rate,
        "--chunk": course.chunk,
        "--duplicates": course.duplicates,
        "--beyond-window": course.beyond_window,
        "--restamp": course.restamp,
        "--redate": course.redate,
        "--late": course.late,
        "--out-of-order": course.out_of_order_s,
        "--truth": truth,
    }
    return ["simulate", *(str(word) for pair in options.items() for word in pair)]


def _await_folded(machine: Machine, at: int, feeder: subprocess.Popen[bytes]) -> None:
    """Waits until ``at`` events are acknowledged, or sent where the group cannot get on by itself."""
    while True:
        folded = machine.folded(active(machine))
        if folded is not None and folded >= at:
            return
        if feeder.poll() is not None and feeder.returncode != 0:
            raise AssertionError("the simulator ended early")
        time.sleep(0.2)


def _await_holding(machine: Machine, worker: str, holds: bool, patience_s: float = 600.0) -> None:
    """Waits until a worker that runs writes for some partition of the events, or for none any more."""
    deadline = time.monotonic() + patience_s
    while (worker in _holders(machine)) is not holds and worker in machine.processes():
        if time.monotonic() > deadline:
            raise AssertionError(f"the group gives {worker} {'nothing' if holds else 'everything'} for {patience_s} s")
        time.sleep(0.1)


def _holders(machine: Machine) -> set[str]:
    """The workers that wrote last for each partition of the events; none while the engine is away."""
    try:
        rows = machine.query(
            f"SELECT (max(latest) AS last).3 FROM gospulse_data.progress_g{active(machine)} WHERE log = 1 GROUP BY part"
        )
    except UserError:
        return set()
    return {str(worker) for (worker,) in rows}


def await_drained(machine: Machine, events: int) -> None:
    """Until the log holds ``events`` events and all of it is acknowledged. Raises AssertionError when it takes long."""
    deadline = time.monotonic() + DRAIN_PATIENCE_S
    for asked in itertools.count(1):
        # The cheap question first; the whole status tells of other topics and of stopped partitions.
        if (machine.folded(active(machine)) or 0) < events and asked % 50 != 0:
            time.sleep(0.2)
            continue
        status = json.loads(machine.outcome("status", "--json")[1])
        rows = status["partitions"]
        stopped = [f"{row['topic']}/{row['partition']}: {row['stopped']}" for row in rows if row["stopped"]]
        if stopped:
            raise AssertionError(f"partitions are stopped: {stopped}")
        lag = sum(row["lag"] for row in rows)
        if rows and lag == 0 and sum(row["end"] for row in rows if row["topic"] == "events") >= events:
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"not drained: {lag} records are left; {status['unknown']}")
        time.sleep(0.3)


def active(machine: Machine) -> int:
    """The generation that the views read; 1 while the engine is away."""
    try:
        rows = machine.query(
            "SELECT max(generation) FROM (SELECT generation, max(state).name AS s "
            "FROM gospulse_data.generations GROUP BY generation) WHERE s = 'active'"
        )
    except UserError:
        return 1
    return int(rows[0][0])


def _do(
    step: Step, machine: Machine, commands: dict[str, subprocess.Popen[bytes]], crashing: list[subprocess.Popen[bytes]]
) -> str:
    """Does one step and says what was done."""
    worker = f"worker-{step.worker}"
    if step.action == "freeze_worker":
        # It was perhaps killed just before: one that owns nothing cannot become a zombie.
        _await_holding(machine, worker, True)
        machine.signal(worker, signal.SIGSTOP)
        return f"{worker} frozen"
    if step.action == "thaw_worker":
        # Only then is it a zombie: others write what it owned.
        _await_holding(machine, worker, False)
        machine.signal(worker, signal.SIGCONT)
        return f"{worker} thawed: it still believes that it owns its partitions"
    if step.action in ("rebuild", "trim"):
        # The run's grid is finer than a release's, and the truth holds for one grid.
        more = ["--keep-grid"] if step.action == "rebuild" else []
        output = machine.folder / f"{step.action}.log"
        commands[step.action] = machine.start(step.action, "--yes", *more, output=output)
        return f"{step.action} begun"
    if step.action == "crash_between_inserts":
        log = (machine.folder / "crashing.log").open("ab")
        command = [sys.executable, "-m", "tests.chaos.crashing_worker", "1", "--name", "crashing"]
        command += ["--web-port", str(free_port()), "--generation", str(active(machine))]
        crashing.append(subprocess.Popen(command, cwd=ROOT, env=machine.environ, stdout=log, stderr=log))
        return "a fourth worker joined that will die between the inserts of two tables"
    victim = {"kill_worker": worker, "kill_broker": "kafka", "kill_engine": "clickhouse"}[step.action]
    killed = machine.signal(victim, signal.SIGKILL)
    machine.run("up")
    return f"{victim} killed with SIGKILL and started again" if killed else f"{victim} was not running; started again"


def _tail(path: Path) -> str:
    return path.read_text(errors="replace")[-2000:] if path.exists() else "no log"
