"""Workers as processes of the stack."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.machine.processes import Process, await_port, free_port, local_host, recorded, spawn, stop
from deploy.settings import Settings, variable

PREFIX: Final = "worker-"
#: A worker joins its group, reads the window before its chunks and answers on its web port within seconds.
START_PATIENCE_S: Final = 60.0
#: It flushes, commits and leaves the group.
STOP_PATIENCE_S: Final = 20.0

_SOURCES: Final = Path(__file__).resolve().parents[2]


def run_directory(data: Path) -> Path:
    """The directory of the processes' records."""
    return data / "run"


def log_file(data: Path, name: str) -> Path:
    """The log of a process of the stack."""
    return data / "logs" / f"{name}.log"


def environment(settings: Settings) -> dict[str, str]:
    """The environment of a process of the stack: that of this process, with absolute folders and the sources."""
    environ = dict(os.environ)
    environ[variable("data")] = str(settings.data)
    environ[variable("cache")] = str(settings.cache)
    # The command runs with -P, so that a folder `deploy` in the current directory is never imported.
    environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(_SOURCES), environ.get("PYTHONPATH")]))
    environ["PYTHONUNBUFFERED"] = "1"
    environ["TZ"] = "UTC"
    return environ


def worker_names(count: int, prefix: str = PREFIX) -> list[str]:
    """Names of a number of workers: worker-1, worker-2 ..."""
    return [f"{prefix}{number}" for number in range(1, count + 1)]


def spawn_worker(settings: Settings, name: str, generation: int, environ: Mapping[str, str] | None = None) -> Process:
    """Starts one worker of a generation on the next free web port and records it; it may not answer yet.

    Raises StartError when no port is free.
    """
    run = run_directory(settings.data)
    # A port that another process was given but has not bound yet is not free either.
    given = [int(p.address.rpartition(":")[2]) for p in recorded(run) if p.address and p.is_alive()]
    port = free_port(settings.bind, settings.web_port, given)
    command = [sys.executable, "-P", "-m", "deploy.cli.main", "worker"]
    command += ["--name", name, "--web-port", str(port), "--generation", str(generation)]
    return spawn(
        name,
        command,
        run=run,
        log=log_file(settings.data, name),
        environ=environment(settings) if environ is None else environ,
        address=f"{local_host(settings.bind)}:{port}",
    )


def await_worker(process: Process) -> None:
    """Waits until a worker's web port answers. Raises StartError with its last lines when it ends by itself."""
    assert process.address is not None
    host, _, port = process.address.rpartition(":")
    await_port(process, host, int(port), START_PATIENCE_S)


def stop_workers(processes: list[Process]) -> list[Process]:
    """Stops workers (flush, commit, leave the group). Returns those that had to be killed."""
    return stop(processes, STOP_PATIENCE_S)
