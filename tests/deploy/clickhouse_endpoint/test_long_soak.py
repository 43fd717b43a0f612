"""A minute of writers, readers, clients that break off, tables that come and go: no crash, every row is there."""

from __future__ import annotations

import random
import statistics
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.connections import ClickHouseConnection
from tests.conftest import ClickHouseServer
from tests.deploy.clickhouse_endpoint.builders.figures import show
from tests.deploy.clickhouse_endpoint.builders.plain_http import ask, begin

SECONDS = 60
FORMATS = ("Native", "TSV", "JSON", "JSONEachRow", "Parquet", "ArrowStream", "CSVWithNames")


class _Soak:
    def __init__(self, connection: ClickHouseConnection, analyst: ClickHouseConnection, until: float) -> None:
        self.connection = connection
        self.analyst = analyst
        self.until = until
        self.done: Counter[str] = Counter()
        self.acknowledged: Counter[str] = Counter()
        self.seconds: list[float] = []
        self.problems: list[str] = []

    def start(self, name: str, work: Callable[[random.Random], None], number: int) -> threading.Thread:
        def run() -> None:
            chance = random.Random(f"{name}{number}")
            try:
                while time.monotonic() < self.until:
                    work(chance)
                    self.done[name] += 1
            except Exception:
                self.problems.append(f"{name}: {traceback.format_exc()}")

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    def write(self, chance: random.Random) -> None:
        rows = chance.randrange(1, 2000)
        body = "INSERT INTO soak.t FORMAT TSV\n" + "".join(f"{chance.randrange(10**9)}\tx\n" for _ in range(rows))
        began = time.monotonic()
        answer = ask(self.connection, body)
        self.seconds.append(time.monotonic() - began)
        assert answer.status == 200, answer.text
        self.acknowledged["rows"] += rows

    def read(self, chance: random.Random) -> None:
        who = chance.choice((self.connection, self.analyst))
        name = chance.choice(FORMATS)
        answer = ask(who, f"SELECT n, b FROM gospulse.soak ORDER BY n LIMIT {chance.randrange(100_000)} FORMAT {name}")
        assert answer.status == 200, answer.text
        answer = ask(
            self.connection, "SELECT count() FROM soak.t", session_id=f"s{chance.randrange(10**9)}", session_timeout=5
        )
        assert answer.status == 200, answer.text

    def break_off(self, chance: random.Random) -> None:
        sql = chance.choice(
            (
                "SELECT sum(cityHash64(number)) FROM numbers_mt(1000000000000)",
                "SELECT number, toString(number) FROM numbers_mt(1000000000000) FORMAT Native",
                "SELECT number FROM numbers_mt(1000000000000) FORMAT JSON",
                "INSERT INTO soak.never SELECT number FROM numbers_mt(1000000000000) WHERE cityHash64(number) = 0",
                "SELECT n FROM soak.t ORDER BY cityHash64(n) FORMAT ArrowStream",
            )
        )
        client = begin(self.connection, sql)
        time.sleep(chance.uniform(0, 0.3))
        client.close()

    def come_and_go(self, chance: random.Random) -> None:
        table = f"soak.x{chance.randrange(10**9)}"
        for sql in (
            f"CREATE TABLE {table} (a UInt64) ENGINE = MergeTree ORDER BY a",
            f"INSERT INTO {table} SELECT number FROM numbers(1000)",
            f"ALTER TABLE {table} ADD COLUMN b String DEFAULT toString(a)",
            f"OPTIMIZE TABLE {table} FINAL",
            f"DROP TABLE {table}",
        ):
            answer = ask(self.connection, sql)
            assert answer.status == 200, answer.text


def _resident(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * 4096


@pytest.mark.endpoint
@pytest.mark.timeout(900)
def test_a_minute_of_everything(
    clickhouse_factory: Callable[[], ClickHouseServer], capsys: pytest.CaptureFixture[str]
) -> None:
    server = clickhouse_factory()
    connection = server.connection
    for sql in (
        "CREATE DATABASE soak",
        "CREATE DATABASE gospulse",
        "CREATE TABLE soak.t (n UInt64, b String) ENGINE = MergeTree ORDER BY n",
        "CREATE TABLE soak.never (n UInt64) ENGINE = MergeTree ORDER BY n",
        "CREATE VIEW gospulse.soak AS SELECT n, b FROM soak.t",
    ):
        assert ask(connection, sql).status == 200
    soak = _Soak(connection, server.analyst, time.monotonic() + SECONDS)
    kinds = {
        "writes": (soak.write, 4),
        "reads": (soak.read, 6),
        "broken off": (soak.break_off, 3),
        "tables": (soak.come_and_go, 1),
    }
    threads = [soak.start(name, work, n) for name, (work, count) in kinds.items() for n in range(count)]
    time.sleep(SECONDS / 3)
    early = _resident(server.process.pid)
    for thread in threads:
        thread.join()
    late = _resident(server.process.pid)
    deadline = time.monotonic() + 20
    left = "SELECT count() FROM system.processes WHERE query NOT LIKE '%system.processes%'"
    while (running := ask(connection, left).text.strip()) != "0" and time.monotonic() < deadline:
        time.sleep(0.1)
    counted = int(ask(connection, "SELECT count() FROM soak.t").text)
    started = Path(f"/proc/{server.process.pid}/task")
    show(
        capsys,
        f"{SECONDS} s of everything",
        dict(soak.done)
        | {
            "acknowledged rows": soak.acknowledged["rows"],
            "rows there": counted,
            "insert, median": f"{1000 * statistics.median(soak.seconds):.0f} ms",
            "queries left running": running,
            "resident after 20 s": f"{early >> 20} MB",
            "resident at the end": f"{late >> 20} MB",
            "threads": len(list(started.iterdir())),
        },
    )
    assert not soak.problems, soak.problems[0]
    assert server.process.is_alive()
    assert counted == soak.acknowledged["rows"]
    assert running == "0"
    assert "unexpected" not in (server.folder / "clickhouse.log").read_text()
