"""The spike detector as a process of the stack: started where the settings want it, ended by SIGTERM."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.clickhouse.client import clickhouse as open_clickhouse
from deploy.machine.detector import NAME, start_detector
from deploy.machine.processes import find, recorded, stop
from deploy.machine.workers import log_file, run_directory
from deploy.settings import Settings
from deploy.settings_sources import load
from tests.conftest import ClickHouseServer


@pytest.fixture
def settings(
    clickhouse_server: ClickHouseServer, tables: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Settings]:
    login = clickhouse_server.connection
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOSPULSE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("GOSPULSE_CLICKHOUSE", f"http://{login.host}:{login.port}")
    monkeypatch.setenv("GOSPULSE_CLICKHOUSE_PASSWORD", login.password.reveal())
    loaded = load(os.environ, tmp_path)
    yield loaded
    stop(recorded(run_directory(loaded.data)), 10.0)


def heartbeats(clickhouse_server: ClickHouseServer) -> int:
    with open_clickhouse(clickhouse_server.connection) as client:
        return int(client.query("SELECT count() FROM gospulse_data.spike_evaluations").result_rows[0][0])


def test_it_starts_beats_and_ends_on_sigterm(settings: Settings, clickhouse_server: ClickHouseServer) -> None:
    said: list[str] = []
    assert start_detector(settings, said.append) == [NAME]
    assert "the spike detector is up" in said[0]
    # A second `up` finds it running.
    assert start_detector(settings, said.append) == []
    while not heartbeats(clickhouse_server):
        time.sleep(0.1)
    process = find(run_directory(settings.data), NAME)
    assert process is not None
    os.kill(process.pid, signal.SIGTERM)
    assert os.waitstatus_to_exitcode(os.waitpid(process.pid, 0)[1]) == 0
    log = log_file(settings.data, NAME).read_text()
    assert "The detector has ended." in log and "Traceback" not in log


def test_it_is_stopped_where_it_is_no_longer_wanted(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    start_detector(settings, said.append)
    process = find(run_directory(settings.data), NAME)
    assert process is not None and process.is_alive()
    monkeypatch.setenv("GOSPULSE_SPIKES", "false")
    assert start_detector(load(os.environ, Path.cwd()), said.append) == []
    assert not process.is_alive() and "no longer wanted" in said[-1]
    assert find(run_directory(settings.data), NAME) is None
