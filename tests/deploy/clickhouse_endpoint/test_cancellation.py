"""A client that goes away stops its query, whatever the query is doing; bounds hold for those that stay."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.connections import ClickHouseConnection
from tests.conftest import ClickHouseServer
from tests.deploy.clickhouse_endpoint.builders.plain_http import Answer, ask, begin
from tests.deploy.clickhouse_endpoint.conftest import DATABASE

Query = Callable[..., Answer]
ENDLESS = "numbers_mt(1000000000000000)"


def _await(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 90
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT sum(cityHash64(number)) FROM {ENDLESS}",
        f"SELECT number FROM {ENDLESS} FORMAT Native",
        f"SELECT number FROM {ENDLESS} FORMAT JSON",
        f"SELECT number FROM {ENDLESS} FORMAT Parquet",
        f"SELECT number FROM {ENDLESS} ORDER BY cityHash64(number) LIMIT 5",
        f"SELECT number FROM {ENDLESS} SETTINGS log_comment = 'a name of my own'",
        f"INSERT INTO {DATABASE}.t SELECT number FROM {ENDLESS} WHERE cityHash64(number) = 0",
        "SELECT sleepEachRow(0.5) FROM numbers(1000) "
        "SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 0",
    ],
)
def test_a_client_that_goes_away_stops_its_query(writer: ClickHouseConnection, query: Query, sql: str) -> None:
    assert query("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a").status == 200
    mark = uuid.uuid4().hex
    running = f"SELECT count() FROM system.processes WHERE query LIKE '%{mark}%' AND query NOT LIKE '%processes%'"
    client = begin(writer, f"{sql.replace('SELECT', f'SELECT /* {mark} */', 1)}")
    _await(lambda: query(running).text == "1\n", "the query never ran")
    client.close()
    _await(lambda: query(running).text == "0\n", "the query went on without its client")


@pytest.mark.parametrize("name", ["TSV", "Native", "JSONEachRow"])
def test_a_killed_query_is_never_taken_for_a_complete_one(
    writer: ClickHouseConnection, query: Query, name: str
) -> None:
    # Its client reads slowly, so when it is killed rows have gone out and others have not.
    client = begin(
        writer, f"SELECT number, repeat('x', 100) FROM numbers(300000) FORMAT {name}", query_id=f"killed {name}"
    )
    assert client.recv(1000).startswith(b"HTTP/1.1 200 OK")
    assert query(f"KILL QUERY WHERE Settings['log_comment'] = 'killed {name}'").text.startswith("waiting")
    rest = b""
    while piece := client.recv(1 << 20):
        rest += piece
    client.close()
    assert b"__exception__" in rest
    assert b"Code: 394" in rest
    assert not rest.endswith(b"0\r\n\r\n")


def test_kill_query_by_its_id(clickhouse_server: ClickHouseServer, writer: ClickHouseConnection, query: Query) -> None:
    # What the cancel button of JDBC tools sends.
    assert query("CREATE DATABASE IF NOT EXISTS gospulse").status == 200
    analyst = clickhouse_server.analyst
    for owner, killer in ((writer, writer), (analyst, analyst), (analyst, writer)):
        query_id = uuid.uuid4().hex
        client = begin(owner, f"SELECT count() FROM {ENDLESS}", query_id=query_id, max_execution_time=50)
        # The statements that check and prepare a query have its tag, too.
        running = (
            f"SELECT count() FROM system.processes WHERE Settings['log_comment'] = '{query_id}' "
            "AND query LIKE 'SELECT count()%'"
        )
        _await(lambda: query(running).text == "1\n", "the query never ran")  # noqa: B023
        kill = f"KILL QUERY WHERE query_id = '{query_id}'"
        if owner is writer:
            answer = ask(analyst, kill)
            assert (answer.status, answer.text) == (200, ""), "somebody else's query"
        assert "\t" in ask(killer, f"{kill} ASYNC").text
        assert b"Code: 394" in client.recv(1 << 16)
        client.close()
    assert ask(writer, "KILL QUERY WHERE query_id = 'nobody'").text == ""
    for more in (
        "KILL QUERY WHERE 1",
        "KILL QUERY WHERE query_id = 'a' OR 1",
        "KILL QUERY WHERE query_id = 'a' OR 'b'",
    ):
        assert ask(analyst, more).code == 164


@pytest.mark.parametrize("where", ["url", "sql", "session"])
def test_a_result_cut_off_by_time_is_never_taken_for_a_complete_one(
    writer: ClickHouseConnection, query: Query, where: str
) -> None:
    # All rows are computed in time, but their reader is slow: the engine drops the last ones without an error.
    sql = "SELECT number, repeat('x', 100) FROM numbers(350000) FORMAT TSV"
    if where == "url":
        client = begin(writer, sql, max_execution_time=1)
    elif where == "sql":
        client = begin(writer, f"{sql} SETTINGS max_execution_time = 1")
    else:
        assert query("SET max_execution_time = 1", session_id="slow").status == 200
        client = begin(writer, sql, session_id="slow")
    assert client.recv(1000).startswith(b"HTTP/1.1 200 OK")
    time.sleep(1.3)
    rest = b""
    while piece := client.recv(1 << 20):
        rest += piece
    client.close()
    assert b"Code: 159" in rest
    assert not rest.endswith(b"0\r\n\r\n")


def test_a_slow_reader_does_not_fill_the_memory(
    clickhouse_server: ClickHouseServer, writer: ClickHouseConnection, query: Query
) -> None:
    def resident() -> int:
        pages = Path(f"/proc/{clickhouse_server.process.pid}/statm").read_text().split()[1]
        return int(pages) * 4096

    query("SELECT number FROM numbers(3000000) FORMAT TSV")
    before = resident()
    clients = [
        begin(writer, f"SELECT number, toString(number) FROM {ENDLESS} FORMAT {name}")
        for name in ("TSV", "JSON", "Native")
    ]
    for client in clients:
        for _ in range(200):
            assert client.recv(1 << 20)
    time.sleep(0.5)
    grown = resident() - before
    for client in clients:
        client.close()
    assert grown < 300_000_000


def test_a_session_is_locked_while_its_query_runs_and_free_when_the_client_has_gone(
    writer: ClickHouseConnection, query: Query
) -> None:
    client = begin(writer, f"SELECT count() FROM {ENDLESS}", session_id="busy")
    _await(lambda: query("SELECT 1", session_id="busy").code == 373, "the session was never locked")
    client.close()
    _await(lambda: query("SELECT 1", session_id="busy").status == 200, "the session stayed locked")


def test_a_query_id_runs_once_at_a_time(writer: ClickHouseConnection, query: Query) -> None:
    client = begin(writer, f"SELECT count() FROM {ENDLESS}", query_id="same")
    _await(lambda: query("SELECT 1", query_id="same").code == 216, "the second was never refused")
    client.close()
    _await(lambda: query("SELECT 1", query_id="same").status == 200, "the id stayed taken")


def test_time_and_memory_are_bounded(query: Query) -> None:
    assert query(f"SELECT count() FROM {ENDLESS}", max_execution_time=1).code == 159
    assert query(f"SELECT number FROM {ENDLESS} FORMAT JSON", max_execution_time=1, wait_end_of_query=1).code == 159
    assert query("SELECT groupArray(number) FROM numbers(1000000000)", max_memory_usage=100_000_000).code == 241


def test_queries_run_side_by_side(query: Query) -> None:
    began = threading.Barrier(8)
    results: list[str] = []

    def one() -> None:
        began.wait()
        results.append(query("SELECT sum(sleepEachRow(0.3)) FROM numbers(1)").text)

    threads = [threading.Thread(target=one) for _ in range(8)]
    for thread in threads:
        thread.start()
    quick = query("SELECT 1")
    for thread in threads:
        thread.join()
    assert (quick.text, results) == ("1\n", ["0\n"] * 8)


def test_an_analyst_has_a_bounded_number_of_queries(clickhouse_server: ClickHouseServer, query: Query) -> None:
    reader = clickhouse_server.analyst
    assert query("CREATE DATABASE IF NOT EXISTS gospulse").status == 200
    clients = [begin(reader, f"SELECT count() FROM {ENDLESS}") for _ in range(16)]
    _await(lambda: ask(reader, "SELECT 1").code == 202, "more were let in")
    assert query("SELECT 1").text == "1\n"
    for client in clients:
        client.close()
    _await(lambda: ask(reader, "SELECT 1").status == 200, "the places were not given back")
