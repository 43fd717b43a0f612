"""Ten ends of the process under fire, most of them kill -9, with fsync on: no acknowledged row is lost."""

from __future__ import annotations

import os
import random
import signal
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import passwords
from deploy.machine.clickhouse_process import STOP_PATIENCE_S, start_clickhouse
from deploy.machine.processes import Process, stop
from schemas.connections import ClickHouseConnection
from tests.conftest import HOST
from tests.deploy.clickhouse_endpoint.builders.figures import show
from tests.deploy.clickhouse_endpoint.builders.plain_http import ask
from tests.servers.ports import free_port

ENDS = 10
WRITERS = 3
ROWS = 50


class _Durable:
    # An endpoint with fsync on that can be ended and started again.
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        passwords.generate(folder)
        self.process: Process

    def start(self) -> float:
        began = time.monotonic()
        self.process = start_clickhouse(
            self.folder / "data",
            HOST,
            self.port,
            passwords=passwords.passwords_directory(self.folder),
            run=self.folder / "run",
            log=self.folder / "clickhouse.log",
            environ=os.environ | {"PYTHONPATH": str(Path(__file__).parents[3])},
            memory_mb=2000,
        )
        return time.monotonic() - began

    @property
    def connection(self) -> ClickHouseConnection:
        password = passwords.read_generated(self.folder, passwords.WRITER)
        assert password is not None
        return ClickHouseConnection(host=HOST, port=self.port, username=passwords.WRITER, password=password)


@pytest.fixture
def durable(tmp_path: Path) -> Iterator[_Durable]:
    endpoint = _Durable(tmp_path)
    endpoint.start()
    yield endpoint
    stop([endpoint.process], STOP_PATIENCE_S)


class _Writer(threading.Thread):
    # Inserts batches of its own numbers one after the other; one that was not acknowledged is sent again until it is.
    def __init__(self, connection: ClickHouseConnection, number: int, until: threading.Event) -> None:
        super().__init__()
        self.connection = connection
        self.number = number
        self.until = until
        self.acknowledged: list[int] = []
        self.seconds: list[float] = []
        self.refused = 0

    def run(self) -> None:
        batch = 0
        while not self.until.is_set():
            first = (self.number * 1_000_000 + batch) * ROWS
            body = "INSERT INTO d.t FORMAT TSV\n" + "".join(f"{n}\t{'x' * 100}\n" for n in range(first, first + ROWS))
            began = time.monotonic()
            try:
                answer = ask(self.connection, body)
            except OSError:
                self.refused += 1
                time.sleep(0.02)
                continue
            assert answer.status == 200, answer.text
            self.seconds.append(time.monotonic() - began)
            self.acknowledged.extend(range(first, first + ROWS))
            batch += 1


@pytest.mark.endpoint
@pytest.mark.timeout(900)
def test_kills_under_writers(durable: _Durable, capsys: pytest.CaptureFixture[str]) -> None:
    seed = random.randrange(1_000_000)
    chance = random.Random(seed)
    connection = durable.connection
    assert ask(connection, "CREATE DATABASE d").status == 200
    assert ask(connection, "CREATE TABLE d.t (n UInt64, filler String) ENGINE = MergeTree ORDER BY n").status == 200
    until = threading.Event()
    writers = [_Writer(connection, number, until) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    reopened: list[float] = []
    stopped: list[float] = []
    for end in range(ENDS):
        time.sleep(chance.uniform(0.3, 1.5))
        number = signal.SIGTERM if end % 5 == 4 else signal.SIGKILL
        began = time.monotonic()
        os.kill(durable.process.pid, number)
        while durable.process.is_alive():
            time.sleep(0.002)
        if number == signal.SIGTERM:
            stopped.append(time.monotonic() - began)
        reopened.append(durable.start())
    time.sleep(0.5)
    until.set()
    for writer in writers:
        writer.join()
    acknowledged = {n for writer in writers for n in writer.acknowledged}
    there = {int(line) for line in ask(connection, "SELECT DISTINCT n FROM d.t").text.split()}
    broken = ask(connection, "SELECT count() FROM system.detached_parts WHERE reason LIKE 'broken%'").text.strip()
    show(
        capsys,
        f"{ENDS} ends under {WRITERS} writers (seed {seed})",
        {
            "acknowledged rows": len(acknowledged),
            "lost": len(acknowledged - there),
            "in the table, not acknowledged": len(there - acknowledged),
            "broken parts": broken,
            "reopened in, median": f"{statistics.median(reopened):.2f} s",
            "SIGTERM under load": ", ".join(f"{seconds:.2f} s" for seconds in stopped),
            "insert with fsync, median": f"{1000 * statistics.median(s for w in writers for s in w.seconds):.0f} ms",
        },
    )
    assert acknowledged <= there
    # A batch is whole or absent.
    assert all(len(there & set(range(n - n % ROWS, n - n % ROWS + ROWS))) == ROWS for n in there)
