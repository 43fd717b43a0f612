"""ClickHouse's HTTP interface as curl sees it: answers, headers, errors, formats, compression."""

from __future__ import annotations

import base64
import gzip
import json
import re
import socket
import struct
import time
import zlib
from collections.abc import Callable

import lz4.block
import lz4.frame
import pytest
import zstandard
from clickhouse_cityhash.cityhash import CityHash128

from deploy.clickhouse_endpoint.wire.hello import hello_block
from schemas.connections import ClickHouseConnection, Secret
from tests.deploy.clickhouse_endpoint.builders.plain_http import Answer, ask, begin

Query = Callable[..., Answer]


def test_ping_needs_no_login(writer: ClickHouseConnection) -> None:
    for path in ("/ping", "/replicas_status", "/"):
        answer = ask(writer, method="GET", path=path, login=False)
        assert (answer.status, answer.text) == (200, "Ok.\n")


@pytest.mark.parametrize("way", ["basic", "headers", "url"])
def test_ways_to_log_in(writer: ClickHouseConnection, way: str) -> None:
    user, password = writer.username, writer.password.reveal()
    if way == "basic":
        answer = ask(writer, "SELECT 1")
    elif way == "headers":
        answer = ask(writer, "SELECT 1", login=False, headers={"X-ClickHouse-User": user, "X-ClickHouse-Key": password})
    else:
        answer = ask(writer, "SELECT 1", login=False, user=user, password=password)
    assert (answer.status, answer.text) == (200, "1\n")


def test_a_wrong_password_is_refused_with_its_code(writer: ClickHouseConnection) -> None:
    for user, password in (("gospulse", "wrong"), ("analyst", ""), ("nobody", "x"), ("default", "")):
        answer = ask(writer, "SELECT 1", login=False, headers={"X-ClickHouse-User": user, "X-ClickHouse-Key": password})
        assert (answer.status, answer.code) == (403, 516)
        assert answer.text.startswith(f"Code: 516. DB::Exception: {user}: Authentication failed")
    anonymous = ask(writer, "SELECT 1", login=False)
    assert (anonymous.status, anonymous.code) == (401, 516)
    assert "Basic" in anonymous.headers["www-authenticate"]
    other = Secret(writer.password.reveal() + "x")
    assert ask(writer, "SELECT 1", login=False, user="gospulse", password=other.reveal()).code == 516


def test_headers_of_an_answer(query: Query) -> None:
    answer = query("SELECT number FROM numbers(5)", query_id="my-id")
    assert answer.headers["x-clickhouse-query-id"] == "my-id"
    assert answer.headers["x-clickhouse-format"] == "TabSeparated"
    assert answer.headers["x-clickhouse-timezone"] == "UTC"
    assert answer.headers["x-clickhouse-server-display-name"] == "gospulse"
    summary = json.loads(answer.headers["x-clickhouse-summary"])
    assert (summary["read_rows"], summary["result_rows"]) == ("5", "5")
    command = query("CREATE TABLE t (a UInt8) ENGINE = Memory")
    assert command.status == 200
    assert "x-clickhouse-format" not in command.headers
    assert (
        json.loads(query("INSERT INTO t SELECT * FROM numbers(7)").headers["x-clickhouse-summary"])["written_rows"]
        == "7"
    )


def test_errors_have_a_status_a_code_and_a_text(query: Query) -> None:
    for sql, status, code in (
        ("SELEC 1", 400, 62),
        ("SELECT * FROM missing_table", 404, 60),
        ("SELECT * FROM missing_database.t", 404, 81),
        ("SELECT 1 SETTINGS no_such_setting = 1", 404, 115),
        ("SELECT throwIf(1)", 500, 395),
        ("", 400, 62),
        ("SELECT 1; SELECT 2", 400, 62),
        ("SELECT 1 INTO OUTFILE '/tmp/never'", 500, 358),
        ("INSERT INTO t FROM INFILE '/etc/passwd' FORMAT CSV", 501, 48),
        ("SELECT file('/etc/passwd')", 403, 497),
        ("SELECT * FROM file('/etc/passwd', 'LineAsString')", 403, 497),
        ("SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a Int8')", 403, 497),
    ):
        answer = query(sql)
        assert (answer.status, answer.code) == (status, code), answer.text
        assert answer.text.startswith(f"Code: {code}. DB::Exception: ")
    assert query("SELECT 1", no_such_setting=1).code == 115
    assert query("SELECT 1", database="missing").code == 81
    assert query("SELECT 1", **{"a; DROP TABLE x": "1"}).code == 115


def test_get_only_reads(query: Query) -> None:
    assert query(method="GET", query="SELECT 1").text == "1\n"
    for sql in (
        "CREATE TABLE t (a UInt8) ENGINE = Memory",
        "DROP DATABASE gospulse",
        "INSERT INTO t VALUES (1)",
        "KILL QUERY WHERE 1",
    ):
        answer = query(method="GET", query=sql)
        assert (answer.code, "GET implies readonly" in answer.text) == (164, True)


@pytest.mark.parametrize(
    "name", ["JSON", "JSONCompact", "CSVWithNames", "TSVWithNamesAndTypes", "Pretty", "XML", "Markdown"]
)
def test_a_format_with_a_frame_has_it_once(query: Query, name: str) -> None:
    sql = "SELECT number AS number_column FROM numbers(200000)"
    by_clause = query(f"{sql} FORMAT {name}")
    assert (by_clause.status, by_clause.headers["x-clickhouse-format"]) == (200, name)
    if name == "JSON":
        content = json.loads(by_clause.body)
        assert (content["rows"], len(content["data"])) == (200_000, 200_000)
    elif name.startswith(("CSV", "TSV")):
        assert by_clause.body.count(b"number_column") == 1
        by_parameter = query(sql, default_format=name)
        assert sorted(by_parameter.body.splitlines()) == sorted(by_clause.body.splitlines())


def test_totals_are_part_of_the_answer(query: Query) -> None:
    sql = "SELECT number % 2 AS k, count() FROM numbers(10) GROUP BY k WITH TOTALS ORDER BY k FORMAT TSV"
    assert query(sql).text == "0\t5\n1\t5\n\n0\t10\n"


def test_comments_semicolons_and_words_that_look_like_clauses(query: Query) -> None:
    assert query("/* a */ SELECT 1 -- FORMAT JSON\n;").text == "1\n"
    assert query("SELECT 'FORMAT JSON; SELECT 2'").text == "FORMAT JSON; SELECT 2\n"
    assert query("SELECT 1 AS format, 2 AS `INTO OUTFILE`").text == "1\t2\n"
    assert query("WITH 13 AS insert SELECT insert").text == "13\n"
    assert query("(SELECT 1)").text == "1\n"
    assert query("WITH x AS (SELECT 3 AS n) SELECT n FROM x FORMAT JSONEachRow").text == '{"n":3}\n'
    assert query("SELECT {x:String} FORMAT TSVRaw", param_x="a\\tb").text == "a\tb\n"
    assert query(" * FROM numbers(2)", query="SELECT").text == "0\n1\n"


def test_a_column_may_bear_the_name_format(query: Query) -> None:
    assert query("CREATE TABLE t (a UInt8, format String) ENGINE = MergeTree ORDER BY a").status == 200
    assert query("INSERT INTO t (a, format) VALUES (1, 'x'), (2, 'y')").status == 200
    for sql, text in (
        ("SELECT format FROM t ORDER BY a", "x\ny\n"),
        ("SELECT a FROM t ORDER BY format LIMIT 1", "1\n"),
        ("SELECT a FROM t ORDER BY format DESC", "2\n1\n"),
        ("SELECT a FROM t ORDER BY format DESC SETTINGS max_threads = 1", "2\n1\n"),
        ("SELECT a FROM t WHERE format IN ('x')", "1\n"),
        ("SELECT a FROM t WHERE format NOT LIKE 'x%'", "2\n"),
        ("SELECT a AS format FROM t WHERE a = 1", "1\n"),
        ("SELECT count() FROM t GROUP BY format HAVING format = 'x'", "1\n"),
        ("SELECT a FROM t AS format WHERE format.a = 1", "1\n"),
        ("SELECT format FROM t ORDER BY a FORMAT JSONEachRow", '{"format":"x"}\n{"format":"y"}\n'),
        ("SELECT format FROM t ORDER BY format FORMAT CSV SETTINGS max_threads = 1", '"x"\n"y"\n'),
        ("SELECT a FROM t ORDER BY format DESC FORMAT CSV", "2\n1\n"),
        ("SELECT 'FORMAT JSON' FROM t WHERE format = 'x' -- FORMAT JSON", "FORMAT JSON\n"),
        # FROM first: what ends the statement is a column and its alias, or the clause.
        ("FROM t SELECT format CSV", "x\ny\n"),
        ("FROM t SELECT a, format CSV", "1\tx\n2\ty\n"),
        ("FROM t SELECT a + 1, t.format CSV", "2\tx\n3\ty\n"),
        ("FROM t SELECT DISTINCT format CSV", "x\ny\n"),
    ):
        answer = query(sql)
        assert (answer.status, answer.text) == (200, text), sql
        written = (
            sql.rpartition("FORMAT ")[2].split()[0] if "FORMAT JSONE" in sql or "FORMAT CSV" in sql else "TabSeparated"
        )
        assert answer.headers["x-clickhouse-format"] == written


@pytest.mark.parametrize(
    "end", ["a", "'x'", "1", "(1)", "[1]", "`a`", "a AS b", "a FROM t", "a FROM t ORDER BY a DESC"]
)
def test_the_clause_format_follows_any_expression(query: Query, end: str) -> None:
    assert query("CREATE TABLE t (a UInt8) ENGINE = MergeTree ORDER BY a").status == 200
    assert query("INSERT INTO t (a) VALUES (1)").status == 200
    source = "" if "FROM" in end else "FROM t "
    answer = query(f"{source}SELECT {end} FORMAT JSONEachRow")
    assert answer.status == 200
    assert answer.text.startswith("{")
    assert answer.headers["x-clickhouse-format"] == "JSONEachRow"


def test_the_log_of_queries_holds_the_slow_ones_and_those_that_ask(query: Query) -> None:
    query("SELECT sleep(0.2) AS slow")
    query("SELECT 1 AS quick")
    query("SELECT 1 AS asks SETTINGS log_queries_min_query_duration_ms = 0")
    query("SYSTEM FLUSH LOGS")
    logged = query("SELECT query FROM system.query_log WHERE type = 'QueryFinish' FORMAT TSVRaw").text
    assert "AS slow" in logged
    assert "AS asks" in logged
    assert "AS quick" not in logged


def test_a_slow_result_streams_from_its_first_block(writer: ClickHouseConnection) -> None:
    sql = "SELECT number, sleepEachRow(0.5) FROM numbers(20) SETTINGS max_block_size = 1, "
    began = time.monotonic()
    client = begin(writer, sql + "function_sleep_max_microseconds_per_block = 0 FORMAT TSV", default_format="TSV")
    head = client.recv(1 << 16)
    while b"\r\n\r\n" not in head or not head.partition(b"\r\n\r\n")[2]:
        head += client.recv(1 << 16)
    assert time.monotonic() - began < 8  # the whole takes 10 s
    client.close()


def test_an_error_in_the_middle_is_marked_as_a_server_marks_it(query: Query, writer: ClickHouseConnection) -> None:
    sql = (
        "SELECT number, sleepEachRow(0.2), throwIf(number = 8) FROM numbers(20) SETTINGS max_block_size = 1 FORMAT TSV"
    )
    client = begin(writer, sql)
    answer = b""
    while piece := client.recv(1 << 16):
        answer += piece
    client.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    tag = re.search(rb"X-ClickHouse-Exception-Tag: (\w+)", head)
    assert head.startswith(b"HTTP/1.1 200")
    assert tag is not None
    assert b"0\t0\t0\n" in body
    marked = re.search(
        rb"\r\n__exception__\r\n%b\r\n(Code: 395.*\n)(\d+) %b\r\n__exception__\r\n" % (tag[1], tag[1]), body
    )
    assert marked is not None
    assert len(marked[1]) == int(marked[2])
    assert not body.endswith(b"0\r\n\r\n")
    # An error before the first block is a plain answer.
    assert query("SELECT throwIf(number = 8) FROM numbers(20) FORMAT TSV").code == 395


def test_bad_bytes_have_a_clear_answer(query: Query, writer: ClickHouseConnection) -> None:
    for options in ({"query_id": "a\r\nX: 1"}, {"query_id": "a\x00"}, {"session_id": "\x07"}, {"database": "a\nb"}):
        answer = query("SELECT 1", **options)
        assert (answer.status, answer.code) == (400, 36), options
        assert "cannot be printed" in answer.text
    assert query(b"SELECT hex('\xff')").text == "FF\n"
    answer = query(b"SELECT \xff\xfe")
    assert (answer.status, answer.code) == (400, 62)
    assert (
        query("SELECT 1", query_id="запрос 1").headers["x-clickhouse-query-id"].encode("latin-1").decode() == "запрос 1"
    )
    for name in ("X-ClickHouse-User", "X-ClickHouse-Query-Id", "X-ClickHouse-Format", "X-ClickHouse-Database"):
        answer = ask(writer, "SELECT 1", headers={name: b"\xff\xfe"})  # type: ignore[dict-item]
        assert 400 <= answer.status < 500, name
    for line in (b"Bad\x01Header: x", b"X: a\x00b", b"no colon"):
        with socket.create_connection((writer.host, writer.port), timeout=30) as client:
            client.sendall(b"GET /ping HTTP/1.1\r\nHost: x\r\n" + line + b"\r\n\r\n")
            assert client.recv(1000).split()[1] == b"400"


def test_a_client_of_the_native_protocol_is_told_what_this_port_speaks(writer: ClickHouseConnection) -> None:
    with socket.create_connection((writer.host, writer.port), timeout=30) as client:
        client.sendall(b"\x00\x11ClickHouse client\x18\x02\xb0\xa9\x03\x00\x08gospulse\x00")
        answer = client.recv(1000)
        assert client.recv(1000) == b""
    # Packet Exception: code 210, name, message.
    assert answer.startswith(b"\x02\xd2\x00\x00\x00\x0dDB::Exception")
    assert b"This port speaks HTTP" in answer


def test_a_piece_of_a_body_is_not_taken_for_the_native_protocol(analyst: ClickHouseConnection) -> None:
    login = base64.b64encode(f"{analyst.username}:{analyst.password.reveal()}".encode()).decode()
    head = f"POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {login}\r\nContent-Length: 9\r\n\r\n"
    with socket.create_connection((analyst.host, analyst.port), timeout=30) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(50):
            # Pieces that arrive before the request has begun to be handled.
            client.sendall(head.encode())
            client.sendall(b"\0SELECT 1")
            assert client.recv(4000).startswith(b"HTTP/1.1 4")


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "lz4", "zstd"])
def test_compression_both_ways(query: Query, encoding: str) -> None:
    unpack = {
        "gzip": gzip.decompress,
        "deflate": zlib.decompress,
        "lz4": lz4.frame.decompress,
        "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
    }[encoding]
    pack = {"gzip": gzip.compress, "deflate": zlib.compress, "lz4": lz4.frame.compress, "zstd": zstandard.compress}[
        encoding
    ]
    sql = "SELECT number FROM numbers(200000) FORMAT TSV"
    packed = query(sql, headers={"Accept-Encoding": encoding}, enable_http_compression=1)
    assert packed.headers["content-encoding"] == encoding
    assert unpack(packed.body) == b"".join(b"%d\n" % n for n in range(200_000))
    # As a server does: only who asks for it by the setting gets it.
    assert "content-encoding" not in query("SELECT 1", headers={"Accept-Encoding": encoding}).headers
    assert query("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a").status == 200
    body = pack(b"INSERT INTO t FORMAT TSV\n" + b"".join(b"%d\n" % n for n in range(200_000)))
    assert query(body, headers={"Content-Encoding": encoding}).status == 200
    assert query("SELECT count(), sum(a) FROM t").text == f"200000\t{200_000 * 199_999 // 2}\n"
    cut = query(body[: len(body) // 2], headers={"Content-Encoding": encoding})
    assert cut.status != 200
    assert query("SELECT count() FROM t").text == "200000\n"
    assert query(b"not compressed", headers={"Content-Encoding": encoding}).status != 200
    assert query(b"x", headers={"Content-Encoding": "rot13"}).code == 48


def _checksum(block: bytes) -> bytes:
    value: int = CityHash128(block)
    return struct.pack("<QQ", value >> 64, value % (1 << 64))


def _blocks(wire: bytes) -> bytes:
    parts = []
    while wire:
        _, _, method, size, plain = struct.unpack_from("<QQBII", wire)
        assert method == 0x82
        assert wire[:16] == _checksum(wire[16 : 16 + size])
        parts.append(lz4.block.decompress(wire[25 : 16 + size], uncompressed_size=plain))
        wire = wire[16 + size :]
    return b"".join(parts)


def test_clickhouse_own_framing_both_ways(query: Query) -> None:
    text = b"".join(b"%d\n" % n for n in range(200_000))
    assert _blocks(query("SELECT number FROM numbers(200000) FORMAT TSV", compress=1).body) == text
    assert query("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a").status == 200
    packed = lz4.block.compress(text, store_size=False)
    block = struct.pack("<BII", 0x82, len(packed) + 9, len(text)) + packed
    wire = _checksum(block) + block
    assert query(wire, query="INSERT INTO t FORMAT TSV", decompress=1).status == 200
    assert query("SELECT count() FROM t").text == "200000\n"
    damaged = wire[:40] + bytes([wire[40] ^ 1]) + wire[41:]
    assert query(damaged, query="INSERT INTO t FORMAT TSV", decompress=1).code == 40
    assert query(wire[:-1], query="INSERT INTO t FORMAT TSV", decompress=1).status != 200
    assert query("SELECT count() FROM t").text == "200000\n"


def test_clickhouse_go_is_told_revision_zero(query: Query) -> None:
    sql = "SELECT displayName(), version(), revision(), timezone()"
    version = query("SELECT version()").text.strip()
    answer = query(sql, client_protocol_version=54460, default_format="Native")
    assert answer.body == hello_block("gospulse", version, "UTC")
    assert answer.body.startswith(
        b"\x01\x00\x02\xff\xff\xff\xff\x00\x04\x01\x0ddisplayName()\x06String\x00\x08gospulse"
    )
    assert _blocks(query(sql, client_protocol_version=54460, compress=1).body) == answer.body
    # What follows is the plain Native of revision 0, zero rows are zero bytes.
    assert (
        query("SELECT 1", client_protocol_version=54460, default_format="Native").body == b"\x01\x01\x011\x05UInt8\x01"
    )
    assert query("SELECT 1 WHERE 0", default_format="Native").body == b""


def test_waiting_for_the_end_holds_everything_back(query: Query) -> None:
    sql = "SELECT number, throwIf(number = 2000000) FROM numbers(3000000) FORMAT TSV"
    held = query(sql, wait_end_of_query=1)
    assert (held.status, held.code) == (500, 395)
    whole = query("SELECT number FROM numbers(3000000) FORMAT TSV", wait_end_of_query=1)
    assert (whole.status, int(whole.headers["content-length"])) == (200, len(whole.body))
    assert whole.body.count(b"\n") == 3_000_000


def test_a_setting_may_be_named_like_the_types_of_an_external_table(query: Query) -> None:
    name = "allow_suspicious_low_cardinality_types"
    assert query(f"SELECT getSetting('{name}')", **{name: 1}).text == "true\n"


def test_a_dictionary_reads_a_table_of_this_engine(query: Query) -> None:
    query("CREATE TABLE names (id UInt64, name String) ENGINE = MergeTree ORDER BY id")
    query("INSERT INTO names VALUES (1, 'one')")
    source = "SOURCE(CLICKHOUSE(DB 'endpoint_tests' TABLE 'names' USER 'default'))"
    query(f"CREATE DICTIONARY by_id (id UInt64, name String) PRIMARY KEY id {source} LAYOUT(FLAT()) LIFETIME(0)")
    assert query("SYSTEM RELOAD DICTIONARY by_id").text == ""
    assert query("SELECT dictGet('endpoint_tests.by_id', 'name', 1)").text == "one\n"
