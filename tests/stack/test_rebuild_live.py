"""A rebuild on the running stack: under load, killed on the way, gone on with; no number differs at the end."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.machine import machine

EVENTS = 6_000


@pytest.mark.timeout(180)
def test_a_rebuild_under_load_that_is_killed_on_the_way(tmp_path: Path) -> None:
    settings = {"WORKERS": "1", "KAFKA_HEAP_MB": "256", "CLICKHOUSE_MEMORY_MB": "2000"}
    with machine(tmp_path, settings) as stack:
        stack.run("up")
        feeder = stack.start(
            *("simulate", "--seed", "8", "--events", str(EVENTS), "--rate", "1500", "--no-readings"),
            output=tmp_path / "simulate.log",
        )
        _await(lambda: (stack.folded() or 0) > EVENTS // 10)
        output = tmp_path / "rebuild.log"
        killed = stack.start("rebuild", "--yes", "--workers", "1", output=output)
        _await(lambda: "rebuild-g2-1" in stack.processes())
        killed.kill()
        killed.wait()
        assert "being built already" in stack.run("rebuild", "--yes", expect=1)
        said = stack.run("rebuild", "--resume", "--yes", "--workers", "1")
        assert "the views read generation 2" in said
        assert feeder.wait(timeout=60) == 0
        assert set(stack.processes()) == {"kafka", "clickhouse", "worker-1"}
        _await(lambda: (stack.folded(generation=2) or 0) >= EVENTS)
        stack.refresh(generation=2)
        report = json.loads(stack.run("verify", "--json"))
        assert (report["green"], report["generation"]) == (True, 2)
        assert report["findings"]["compared"]["page_hour"] > 100
        listed = stack.run("rebuild", "list")
        assert re.search(r"1\s+retired", listed)
        assert "tables dropped" in stack.run("rebuild", "drop", "1")
        assert stack.query("SELECT count() FROM gospulse.appeals")[0][0] > 100


def _await(condition: Callable[[], bool], patience_s: float = 60.0) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
