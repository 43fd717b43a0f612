"""After a rebuild as many workers run as before it, whatever the settings of the rebuilding command say."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from deploy.cli.rebuild import handover
from deploy.machine import stack, workers
from deploy.machine.processes import Process, find, forget, recorded, spawn, stop
from deploy.settings import Settings
from deploy.settings_sources import load


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    made = load({"GOSPULSE_DATA": str(tmp_path / "data"), "GOSPULSE_WORKERS": "2"}, tmp_path)
    workers.run_directory(made.data).mkdir(parents=True)
    return made


def _start(settings: Settings, name: str) -> Process:
    sleeping = [sys.executable, "-c", "import time; time.sleep(120)"]
    run = workers.run_directory(settings.data)
    return spawn(name, sleeping, run=run, log=settings.data / f"{name}.log", environ={})


def test_the_hand_over_starts_as_many_workers_as_ran(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    run = workers.run_directory(settings.data)
    assert handover.usual_workers(settings) == 2, "nothing runs: the settings decide"
    started: list[int] = []
    monkeypatch.setattr(stack, "up", lambda given, _say: started.append(given.workers))
    try:
        for name in ("worker-1", "worker-2", "worker-3", "rebuild-g2-1"):
            _start(settings, name)
        handover.LocalWorkers(settings, 2, 1, print).hand_over()
        assert started == [3]
        assert recorded(run) == []
        # A hand-over that was interrupted when the old workers were gone: those of the rebuild tell the number.
        for number in range(1, 5):
            _start(settings, f"rebuild-g2-{number}")
        assert handover.usual_workers(settings) == 4
    finally:
        left = recorded(run)
        stop(left, 5.0)
        for process in left:
            forget(run, process.name)
    assert find(run, "worker-1") is None
