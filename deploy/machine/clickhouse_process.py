"""Start the process of the one-machine ClickHouse and wait until it listens."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.machine.processes import Process, StartError, await_port, demand_free, local_host, spawn, stop

START_PATIENCE_S: Final = 60.0
#: Inserts that are under way end before the engine stops.
STOP_PATIENCE_S: Final = 30.0


def start_clickhouse(
    data: Path,
    host: str,
    port: int,
    *,
    passwords: Path,
    run: Path,
    log: Path,
    environ: Mapping[str, str],
    memory_mb: int | None = None,
    fsync: bool = True,
) -> Process:
    """Starts the endpoint on ``host:port`` with its data below ``data`` and waits until it listens.

    ``passwords`` is the folder of the logins' password files; ``memory_mb`` bounds the engine (default: its own);
    ``fsync=False`` is for tests. The process is recorded as ``clickhouse`` in ``run``. Raises StartError with the last
    lines of the log when it does not come up.
    """
    if importlib.util.find_spec("chdb") is None:
        advice = "install requirements/machine.txt, or set GOSPULSE_CLICKHOUSE"
        raise StartError(f"the embedded ClickHouse engine is not installed: {advice}")
    demand_free("clickhouse", host, port)
    command = [sys.executable, "-P", "-m", "deploy.clickhouse_endpoint"]
    command += ["--data", str(data), "--host", host, "--port", str(port), "--passwords", str(passwords)]
    command += [] if memory_mb is None else ["--memory", str(memory_mb * 1024 * 1024)]
    command += [] if fsync else ["--no-fsync"]
    # The endpoint reads no settings from the environment, and some of them are secrets.
    environ = {name: value for name, value in environ.items() if not name.startswith("GOSPULSE_")}
    process = spawn("clickhouse", command, run=run, log=log, environ=environ, address=f"{host}:{port}")
    try:
        # It listens only when the engine is there.
        await_port(process, local_host(host), port, START_PATIENCE_S)
    except StartError:
        stop([process], 0.0)
        raise
    return process
