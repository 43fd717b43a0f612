"""No request takes the endpoint's time, memory or places from the others, whatever it holds and however it arrives."""

from __future__ import annotations

import gzip
import os
import socket
import struct
import threading
import time
from collections.abc import Callable
from pathlib import Path

import lz4.block
import lz4.frame
import pytest
import zstandard
from clickhouse_cityhash.cityhash import CityHash128

from deploy.clickhouse_endpoint.errors import ClickHouseError
from deploy.clickhouse_endpoint.sql.tokens import tokens
from deploy.clickhouse_endpoint.wire.compression import decoder
from schemas.connections import ClickHouseConnection
from tests.conftest import ClickHouseServer
from tests.deploy.clickhouse_endpoint.builders.plain_http import Answer, ask, authorization

Query = Callable[..., Answer]


@pytest.mark.parametrize(
    "unit", [b"'\\", b"\\'", b"'", b"`", b'"', b"/*", b"--", b"$a", b"$ ", b"''", b"((", b"#!", b"\x00"]
)
def test_the_time_for_any_sql_grows_with_its_length_only(unit: bytes) -> None:
    def work(size: int) -> int:
        began = time.process_time_ns()
        try:
            for _ in tokens(unit * (size // len(unit))):
                pass
        except ClickHouseError as error:
            assert error.code == 62
        return time.process_time_ns() - began

    # Quadratic time would be 64 times as long; the floor covers what a clock cannot tell apart.
    assert work(800_000) < 24 * max(work(100_000), 2_000_000)


@pytest.mark.parametrize("login", ["gospulse", "analyst"])
def test_strange_sql_does_not_stop_the_others(clickhouse_server: ClickHouseServer, login: str) -> None:
    asker = clickhouse_server.connection if login == "gospulse" else clickhouse_server.analyst
    answers: list[Answer] = []
    thread = threading.Thread(target=lambda: answers.append(ask(asker, b"'\\" * 50_000)))
    thread.start()
    while thread.is_alive():
        assert ask(clickhouse_server.connection, method="GET", path="/ping", login=False).text == "Ok.\n"
        thread.join(0.05)
    assert answers[0].code == 62


@pytest.mark.parametrize("unit", ["(", "if(", "[", "f(g["])
def test_the_depth_of_sql_is_bounded(clickhouse_server: ClickHouseServer, query: Query, unit: str) -> None:
    query("CREATE DATABASE IF NOT EXISTS gospulse")
    answer = ask(clickhouse_server.analyst, "SELECT " + unit * (1_000_000 // len(unit)))
    assert answer.code == 306
    # The engine by itself works for 10 s and names every bracket.
    assert len(answer.body) < 1000


def test_the_length_of_sql_is_bounded_by_login(clickhouse_server: ClickHouseServer, query: Query) -> None:
    query("CREATE DATABASE IF NOT EXISTS gospulse")
    analyst, writer = clickhouse_server.analyst, clickhouse_server.connection
    long = "SELECT length('" + "x" * 200_000 + "')"
    assert ask(analyst, long).text == ask(writer, long).text == "200000\n"
    for connection, size in ((analyst, 1 << 20), (writer, 16 << 20)):
        answer = ask(connection, "SELECT length('" + "x" * size + "')")
        assert (answer.status, answer.code) == (400, 62)
        assert "Max query size exceeded" in answer.text
        bomb = gzip.compress(b"SELECT length('" + b"x" * (200 << 20) + b"')")
        assert ask(connection, bomb, headers={"Content-Encoding": "gzip"}).code == 62
        field = 'Content-Disposition: form-data; name="query"'
        form = f"--b\r\n{field}\r\n\r\nSELECT length('{'x' * size}')\r\n--b--\r\n"
        answer = ask(connection, form, headers={"Content-Type": "multipart/form-data; boundary=b"})
        assert answer.code == 62 and f"the SQL is longer than {size} bytes" in answer.text
    # Data of an INSERT are no SQL.
    assert query("CREATE TABLE t (a String) ENGINE = Memory").status == 200
    assert query(b"INSERT INTO t FORMAT TSV\n" + b"x" * (20 << 20)).status == 200
    assert query("SELECT length(a) FROM t").text == f"{20 << 20}\n"


def _bombs() -> dict[str, bytes]:
    zeros = bytes(256 << 20)
    block = struct.pack("<BII", 0x82, 9 + 4, 1 << 30) + b"\x00\x00\x00\x00"
    checksum: int = CityHash128(block)
    return {
        "gzip": gzip.compress(zeros, 6),
        "zstd": zstandard.ZstdCompressor(level=3).compress(zeros),
        "lz4": lz4.frame.compress(zeros),
        "blocks": struct.pack("<QQ", checksum >> 64, checksum % (1 << 64)) + block,
    }


def test_decompression_gives_pieces_of_a_bounded_size() -> None:
    for name, bomb in _bombs().items():
        total = 0
        opened = decoder("" if name == "blocks" else name, blocks=name == "blocks")
        try:
            for at in range(0, len(bomb), 1 << 18):
                for piece in opened.feed(bomb[at : at + (1 << 18)]):
                    assert len(piece) <= 17 << 20, name
                    total += len(piece)
        except ClickHouseError as error:
            assert (name, error.code) == ("blocks", 271)
        else:
            assert total == 256 << 20, name


def test_blocks_of_clickhouse_up_to_the_limit_are_read() -> None:
    data = os.urandom(1 << 20) * 4
    packed = lz4.block.compress(data, store_size=False)
    block = struct.pack("<BII", 0x82, len(packed) + 9, len(data)) + packed
    checksum: int = CityHash128(block)
    wire = struct.pack("<QQ", checksum >> 64, checksum % (1 << 64)) + block
    opened = decoder("", blocks=True)
    assert b"".join(piece for at in range(0, len(wire), 1000) for piece in opened.feed(wire[at : at + 1000])) == data
    opened.end()


def _half(
    connection: ClickHouseConnection, body: bytes, *, size: int = 1000, path: str = "/", kind: str = "text/plain"
) -> socket.socket:
    lines = [f"POST {path} HTTP/1.1", "Host: endpoint", f"Content-Length: {size}", f"Content-Type: {kind}"]
    lines += [f"{name}: {value}" for name, value in authorization(connection).items()]
    client = socket.socket()
    client.settimeout(60)
    # What the kernel holds of an answer that nobody reads is small.
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
    client.connect((connection.host, connection.port))
    client.sendall("\r\n".join([*lines, "", ""]).encode() + body)
    return client


def test_requests_that_do_not_arrive_take_no_place(clickhouse_server: ClickHouseServer, query: Query) -> None:
    query("CREATE DATABASE IF NOT EXISTS gospulse")
    query("CREATE TABLE t (a UInt8) ENGINE = Memory")
    analyst, writer = clickhouse_server.analyst, clickhouse_server.connection
    clients = [_half(analyst, b"SELECT ") for _ in range(40)]
    clients += [_half(writer, b"INSERT INTO endpoint_tests.t FORMAT TSV\n1\n") for _ in range(110)]
    assert ask(analyst, "SELECT 1").text == "1\n"
    assert ask(writer, "SELECT 1").text == "1\n"
    for client in clients:
        client.close()
    assert query("SELECT count() FROM t").text == "0\n"


def test_forms_fill_no_memory_together(clickhouse_server: ClickHouseServer, query: Query) -> None:
    query("CREATE DATABASE IF NOT EXISTS gospulse")
    analyst = clickhouse_server.analyst
    head = b'--x\r\nContent-Disposition: form-data; name="t"; filename="t"\r\n\r\n'
    form = head + b"a" * (60 << 20)
    path, kind = "/?query=SELECT+count()+FROM+t&t_structure=a+String", "multipart/form-data; boundary=x"
    end = b"\r\n--x--\r\n"
    clients = [_half(analyst, form, size=len(form + end), path=path, kind=kind) for _ in range(5)]
    # Four of them are 240 MB. None has ended yet.
    assert b"hold 268435456 bytes together" in clients[-1].recv(1 << 16)
    clients[0].sendall(end)
    assert clients[0].recv(1 << 16).endswith(b"\r\n\r\n1\n")
    for client in clients:
        client.close()


def test_answers_that_nobody_reads_fill_no_memory(clickhouse_server: ClickHouseServer, query: Query) -> None:
    query("CREATE DATABASE IF NOT EXISTS gospulse")
    analyst = clickhouse_server.analyst
    sql = b"SELECT repeat('x', 999) FROM numbers(15000)"
    clients = [_half(analyst, sql, size=len(sql), path="/?wait_end_of_query=1") for _ in range(16)]
    for client in clients:
        assert client.recv(12) == b"HTTP/1.1 200"
    # Without that, one login could have any number of them.
    assert ask(analyst, "SELECT 1").code == 202
    rest = b""
    while len(rest) < 15_000_000:
        rest += clients[0].recv(1 << 20)
    assert rest.endswith(b"x\n")
    for client in clients:
        client.close()


def test_file_descriptors_do_not_grow(clickhouse_server: ClickHouseServer, query: Query) -> None:
    folder = Path(f"/proc/{clickhouse_server.process.pid}/fd")
    query("CREATE TABLE t (a UInt8) ENGINE = Memory")

    def everything() -> None:
        query("SELECT number FROM numbers(100000)")
        query("SELECT throwIf(number = 60000) FROM numbers(100000) SETTINGS max_block_size = 1000", wait_end_of_query=1)
        query("INSERT INTO t FORMAT TSV\n1\n")
        query("INSERT INTO t FORMAT TSV\nx\n")
        query("SELECT", query_id="a\x00")
        ask(clickhouse_server.analyst, "SELECT file('x')")
        for sql in (b"SELECT ", b"INSERT INTO endpoint_tests.t FORMAT TSV\n1\n"):
            _half(clickhouse_server.connection, sql).close()

    def settled() -> int:
        counts = [0, 1]
        while counts[-1] != counts[-2]:
            assert query("SELECT count() FROM system.processes").status == 200
            counts.append(len(list(folder.iterdir())))
        return counts[-1]

    for _ in range(5):
        everything()
    before = settled()
    for _ in range(40):
        everything()
    assert settled() <= before + 10
