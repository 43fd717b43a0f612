"""What was acknowledged is there again, however the process ended; and how it refuses to start."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.machine.processes import Process
from schemas.connections import ClickHouseConnection
from tests.conftest import HOST, ClickHouseServer
from tests.deploy.clickhouse_endpoint.builders.plain_http import ask, begin
from tests.servers.ports import free_port


@pytest.fixture(scope="module")
def own(clickhouse_factory: Callable[[], ClickHouseServer]) -> ClickHouseServer:
    """An endpoint that the tests of this file may end."""
    server = clickhouse_factory()
    assert ask(server.connection, "CREATE DATABASE d").status == 200
    assert ask(server.connection, "CREATE TABLE d.t (a UInt64) ENGINE = MergeTree ORDER BY a").status == 200
    return server


def _end(process: Process, number: signal.Signals) -> None:
    os.kill(process.pid, number)
    while process.is_alive():
        time.sleep(0.005)


def _write(connection: ClickHouseConnection, first: int, acknowledged: list[int]) -> None:
    number = first
    while True:
        try:
            if ask(connection, f"INSERT INTO d.t VALUES ({number})").status != 200:
                return
        except OSError:
            return
        acknowledged.append(number)
        number += 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_acknowledged_row_is_lost(own: ClickHouseServer, number: signal.Signals) -> None:
    assert ask(own.connection, "TRUNCATE TABLE d.t").status == 200
    acknowledged: list[int] = []
    writers = [threading.Thread(target=_write, args=(own.connection, n * 1_000_000, acknowledged)) for n in range(3)]
    for writer in writers:
        writer.start()
    readers = [begin(own.connection, "SELECT number FROM numbers(1000000000000) FORMAT JSON") for _ in range(2)]
    while len(acknowledged) < 60:
        time.sleep(0.005)
    _end(own.process, number)
    for writer in writers:
        writer.join()
    for reader in readers:
        reader.close()
    own.start()
    there = {int(line) for line in ask(own.connection, "SELECT a FROM d.t").text.split()}
    assert set(acknowledged) <= there
    # Nothing but what was sent: at most one row of each writer was written and not yet acknowledged.
    assert len(there) - len(acknowledged) <= 3


def _refused(*arguments: str) -> tuple[int, str]:
    process = subprocess.run(
        [sys.executable, "-m", "deploy.clickhouse_endpoint", *arguments],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    return process.returncode, process.stderr


def test_it_says_in_one_sentence_why_it_does_not_start(own: ClickHouseServer, tmp_path: Path) -> None:
    passwords = own.folder / "passwords"
    options = ("--host", HOST, "--data", str(tmp_path / "data"))
    code, text = _refused(*options, "--port", str(own.port), "--passwords", str(passwords))
    assert (code, text) == (1, f"clickhouse-endpoint: cannot listen on {HOST}:{own.port}: Address already in use\n")
    port = str(free_port())
    data = own.folder / "data"
    code, text = _refused("--data", str(data), "--port", port, "--passwords", str(passwords))
    assert code == 1
    assert text == f"clickhouse-endpoint: another process works on the data directory {data.resolve() / 'engine'}\n"
    code, text = _refused(*options, "--port", port, "--passwords", str(tmp_path))
    assert (code, text.count("\n")) == (2, 1)
    assert f"cannot read the password of gospulse from {tmp_path / 'gospulse'}" in text
    for login in ("gospulse", "analyst"):
        (tmp_path / login).write_text("a secret")
        (tmp_path / login).chmod(0o644)
    code, text = _refused(*options, "--port", port, "--passwords", str(tmp_path))
    assert (code, "chmod 600" in text, "a secret" in text) == (2, True, False)
    assert _refused("--port", port)[0] == 2


def test_the_log_names_no_sql_no_data_and_no_password(own: ClickHouseServer) -> None:
    secret = own.connection.password.reveal()
    ask(own.connection, "INSERT INTO d.t FORMAT TSV\nmarked-text\n")
    ask(own.connection, "SELECT 'marked-text' FROM nowhere")
    ask(own.connection, "SELECT 1", login=False, user="gospulse", password="marked-text")
    log = (own.folder / "clickhouse.log").read_text()
    assert "listens on" in log
    assert "marked-text" not in log
    assert secret not in log
    command = Path(f"/proc/{own.process.pid}/cmdline").read_bytes().decode()
    assert secret not in command
