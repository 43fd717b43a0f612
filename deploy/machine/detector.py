"""The spike detector as a process of the stack."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Final

from deploy.machine.processes import find, forget, spawn
from deploy.machine.workers import environment, log_file, run_directory, stop_workers
from deploy.settings import Settings

NAME: Final = "detector"

Say = Callable[[str], None]


def start_detector(settings: Settings, say: Say) -> list[str]:
    """Start the detector where it is wanted and does not run, stop it where it is not wanted; name what started."""
    run = run_directory(settings.data)
    found = find(run, NAME)
    if not settings.spikes:
        if found is not None:
            stop_workers([found])
            forget(run, NAME)
            say("the detector is no longer wanted and was stopped")
        return []
    if found is not None and found.is_alive():
        return []
    command = [sys.executable, "-P", "-m", "deploy.cli.main", "spikes", "run"]
    process = spawn(NAME, command, run=run, log=log_file(settings.data, NAME), environ=environment(settings))
    say(f"the spike detector is up (pid {process.pid})")
    return [NAME]
