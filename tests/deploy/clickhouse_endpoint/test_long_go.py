"""Grafana's Go client against the endpoint: the test program in `go/`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import ClickHouseServer
from tests.deploy.clickhouse_endpoint.builders.figures import show


@pytest.mark.endpoint
@pytest.mark.timeout(900)
def test_clickhouse_go(clickhouse_server: ClickHouseServer, capsys: pytest.CaptureFixture[str]) -> None:
    go = shutil.which("go")
    if go is None:
        pytest.skip("Go is not installed: clickhouse-go was not tried")
    server = clickhouse_server
    environ = os.environ | {
        "ENDPOINT_ADDRESS": f"{server.connection.host}:{server.port}",
        "ENDPOINT_WRITER": server.connection.password.reveal(),
        "ENDPOINT_ANALYST": server.analyst.password.reveal(),
    }
    process = subprocess.run(
        [go, "test", "-count=1", "-json", "-timeout", "300s", "./..."],
        cwd=Path(__file__).parent / "go",
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )
    events = [json.loads(line) for line in process.stdout.splitlines() if line.startswith("{")]
    outcomes = {
        event["Test"]: event["Action"]
        for event in events
        if event.get("Test") and event["Action"] in ("pass", "fail", "skip")
    }
    said = "".join(event.get("Output", "") for event in events)
    show(capsys, "clickhouse-go over HTTP", dict(Counter(outcomes.values())) | {"version": "2.50.0"})
    assert process.returncode == 0, said + process.stderr
    assert len(outcomes) > 20
