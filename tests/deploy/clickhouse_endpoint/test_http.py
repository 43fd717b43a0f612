"""ClickHouse's HTTP interface as curl sees it: answers, headers, errors, formats, compression, sessions."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from collections.abc import Callable

import lz4.block
import lz4.frame
import pytest
import zstandard
from clickhouse_cityhash.cityhash import CityHash128

from deploy.clickhouse_endpoint.wire.hello import hello_block
from schemas.connections import ClickHouseConnection, Secret
from tests.deploy.clickhouse_endpoint.builders.plain_http import Answer, ask

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
    assert query("(SELECT 1)").text == "1\n"
    assert query("WITH x AS (SELECT 3 AS n) SELECT n FROM x FORMAT JSONEachRow").text == '{"n":3}\n'
    assert query("SELECT {x:String} FORMAT TSVRaw", param_x="a\\tb").text == "a\tb\n"
    assert query(" * FROM numbers(2)", query="SELECT").text == "0\n1\n"


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


def test_sessions(query: Query) -> None:
    assert query("SELECT 1", session_id="s", session_check=1).code == 372
    assert query("CREATE TEMPORARY TABLE x (a UInt8)", session_id="s").status == 200
    assert query("SELECT count() FROM x", session_id="s").text == "0\n"
    assert query("SELECT count() FROM x").code == 60
    assert query("SELECT 1", session_id="s", close_session=1).text == "1\n"
    assert query("SELECT count() FROM x", session_id="s").code == 60
    assert query("SELECT 1", session_id="s", session_timeout="long").code == 36
    assert query("SELECT 1", session_id="s", session_timeout=100000).code == 374


def test_waiting_for_the_end_holds_everything_back(query: Query) -> None:
    sql = "SELECT number, throwIf(number = 2000000) FROM numbers(3000000) FORMAT TSV"
    held = query(sql, wait_end_of_query=1)
    assert (held.status, held.code) == (500, 395)
    whole = query("SELECT number FROM numbers(3000000) FORMAT TSV", wait_end_of_query=1)
    assert (whole.status, int(whole.headers["content-length"])) == (200, len(whole.body))
    assert whole.body.count(b"\n") == 3_000_000
