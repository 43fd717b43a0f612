"""Controls: damage that the verification must notice, else its green means nothing. For use after a green run."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Final

from deploy.settings_sources import load
from ingest.kafka.publisher import Publisher
from ingest.simulator.federation import Federation
from ingest.simulator.spec import FederationSpec
from schemas.contract.events import KINDS
from tests.chaos.run import active, await_drained, prepare
from tests.servers.machine import ROOT, Machine
from tests.servers.ports import free_port

_KEY: Final = "hour, page, place, log, part"


def run_controls(machine: Machine) -> dict[str, bool]:
    """Damages the tables in one way after the other: did ``verify`` turn red? Each damage is mended again."""
    return {name: _noticed(machine, damage) for name, damage in CONTROLS.items()}


def without_rewind(machine: Machine, events: int = 16_000) -> bool:
    """On a fresh machine: workers that go on where their rows end, one of them killed. Did ``verify`` turn red?

    The first worker folds one half of the events, the second the other half, which falls into the same chunks.
    """
    prepare(machine, chunk=4_096)
    machine.run("up", "--workers", "1")
    machine.signal("worker-1", signal.SIGTERM)
    spec = FederationSpec(seed=3, end_ms=time.time_ns() // 1_000_000, events=events, readings=False)
    records = Federation(spec).records()
    for done in (events // 2, events):
        with Publisher(load(machine.environ, machine.folder).kafka) as publisher:
            for topic, key, value in itertools.islice(records, events // 2):
                publisher.publish(topic, key.decode(), value)
            publisher.flush()
        worker = _forgetful(machine)
        try:
            await_drained(machine, done)
        finally:
            worker.kill()
            worker.wait()
    return machine.outcome("verify")[0] == 1


def _forgetful(machine: Machine) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.chaos.forgetful_worker", "--name", "forgetful"]
    command += ["--web-port", str(free_port()), "--generation", "1"]
    with (machine.folder / "forgetful.log").open("ab") as log:
        return subprocess.Popen(command, cwd=ROOT, env=machine.environ, stdout=log, stderr=log)


def drop_chunk(machine: Machine, table: str) -> None:
    """All rows of the first chunk of one partition are gone."""
    machine.command_sql(
        f"ALTER TABLE {table} DELETE WHERE log = 1 AND part = 0 AND chunk = 1 SETTINGS mutations_sync = 1"
    )


def double_chunk(machine: Machine, table: str) -> None:
    """The rows of one chunk stand under the number of the next one, too, as a fold on another grid would write them."""
    machine.command_sql(
        f"INSERT INTO {table} ({_KEY}, chunk, {', '.join(KINDS)}) "
        f"SELECT {_KEY}, chunk + 1, {', '.join(KINDS)} FROM {table} FINAL WHERE log = 1 AND part = 0 AND chunk = 1"
    )


CONTROLS: Final[dict[str, Callable[[Machine, str], None]]] = {
    "a dropped chunk": drop_chunk,
    "a doubled chunk": double_chunk,
}


def _noticed(machine: Machine, damage: Callable[[Machine, str], None]) -> bool:
    table = f"gospulse_data.page_hour_g{active(machine)}"
    kept = "gospulse_data.kept_page_hour"
    machine.command_sql(f"CREATE OR REPLACE TABLE {kept} AS {table}")
    machine.command_sql(f"INSERT INTO {kept} SELECT * FROM {table} FINAL")
    try:
        damage(machine, table)
        return machine.outcome("verify")[0] == 1
    finally:
        machine.command_sql(f"TRUNCATE TABLE {table}")
        machine.command_sql(f"INSERT INTO {table} SELECT * FROM {kept}")
        machine.command_sql(f"DROP TABLE {kept}")
