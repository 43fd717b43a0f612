"""The spike detector as a process of the stack, and the service that answers the links of its alerts."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Final

from deploy.machine.processes import Process, await_port, find, forget, spawn
from deploy.machine.workers import START_PATIENCE_S, environment, log_file, run_directory, stop_workers
from deploy.settings import Settings

NAME: Final = "detector"
LINKS: Final = "spike-links"
#: Links are answered here: a proxy with TLS stands before it.
_HOST: Final = "127.0.0.1"

Say = Callable[[str], None]


def start_detector(settings: Settings, say: Say) -> list[str]:
    """Start the detector and its links where they are wanted and do not run; stop them where they are not wanted.

    Names what started. Raises StartError where the links do not come up.
    """
    started = []
    if _is_missing(settings, NAME, "the detector", wanted=settings.spikes, say=say):
        process = _spawn(settings, NAME, ["run"])
        say(f"the spike detector is up (pid {process.pid})")
        started.append(NAME)
    wanted = settings.spikes and bool(settings.spikes_links_url)
    if _is_missing(settings, LINKS, "the service of links in alerts", wanted=wanted, say=say):
        port = settings.spikes_links_port
        process = _spawn(settings, LINKS, ["answer", "--host", _HOST, "--port", str(port)], f"{_HOST}:{port}")
        await_port(process, _HOST, port, START_PATIENCE_S)
        say(
            f"links in alerts are answered at {_HOST}:{port}, for {settings.spikes_links_url}/spikes/ "
            f"(pid {process.pid})"
        )
        started.append(LINKS)
    return started


def _is_missing(settings: Settings, name: str, what: str, *, wanted: bool, say: Say) -> bool:
    """Whether a process is wanted and does not run; one that is not wanted is stopped."""
    run = run_directory(settings.data)
    found = find(run, name)
    if not wanted and found is not None:
        stop_workers([found])
        forget(run, name)
        say(f"{what} is no longer wanted and was stopped")
    return wanted and not (found is not None and found.is_alive())


def _spawn(settings: Settings, name: str, action: Sequence[str], address: str | None = None) -> Process:
    command = [sys.executable, "-P", "-m", "deploy.cli.main", "spikes", *action]
    return spawn(
        name,
        command,
        run=run_directory(settings.data),
        log=log_file(settings.data, name),
        environ=environment(settings),
        address=address,
    )
