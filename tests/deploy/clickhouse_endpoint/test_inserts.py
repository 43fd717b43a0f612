"""INSERTs by plain HTTP: wherever the SQL ends and the data begin, all rows go in or the error says why."""

from __future__ import annotations

import socket
from collections.abc import Callable

from schemas.connections import ClickHouseConnection
from tests.deploy.clickhouse_endpoint.builders.plain_http import Answer, ask, authorization
from tests.deploy.clickhouse_endpoint.conftest import DATABASE

Query = Callable[..., Answer]


def test_data_may_follow_in_many_ways(query: Query) -> None:
    assert query("CREATE TABLE t (a UInt64, b String) ENGINE = MergeTree ORDER BY a").status == 200
    for sql, body in (
        ("", "INSERT INTO t VALUES (1, 'a'), (1 + 1, concat('b', ';'))"),
        ("", "INSERT INTO t FORMAT CSV\n3,c\n"),
        ("", "INSERT INTO t FORMAT CSV 4,d\n"),
        ("", "INSERT INTO t (b, a) FORMAT TSV\r\ne\t5\n"),
        ("INSERT INTO t FORMAT JSONEachRow", '{"a":6,"b":"f"}'),
        ("INSERT INTO t (a, b) VALUES", "(7, 'g')"),
        ("", 'INSERT INTO `t` SETTINGS async_insert = 0 FORMAT JSONEachRow {"a":8,"b":"h"}'),
        ("", f"INSERT INTO TABLE {DATABASE}.t SELECT 9, 'i'"),
        ("", "INSERT INTO t WITH 10 AS x SELECT x, 'j'"),
        ("", "WITH 11 AS x INSERT INTO t SELECT x, 'k'"),
        ("", "INSERT INTO t(a, b) (SELECT 12, 'l');"),
        ("", "INSERT INTO t SELECT a + 1, upper(b) FROM input('a UInt64, b String') FORMAT CSV\n12,m\n"),
        ("INSERT INTO t SELECT a, $x$n$x$ FROM input($$a UInt64$$) FORMAT TSV", "14\n"),
        ("", "INSERT INTO t FORMAT Values (15, 'o')"),
    ):
        answer = query(body, query=sql)
        assert answer.status == 200, (body, answer.text)
    assert (
        query("SELECT groupArray(a), count() FROM (SELECT a FROM t ORDER BY a)").text
        == f"[{','.join(map(str, range(1, 16)))}]\t15\n"
    )
    assert query("SELECT b FROM t WHERE a IN (2, 13) ORDER BY a").text == "b;\nM\n"


def test_data_behind_with_insert_keep_every_byte(query: Query) -> None:
    assert query("CREATE TABLE t (a UInt64, b String) ENGINE = MergeTree ORDER BY a").status == 200
    for head in (
        "WITH 1 AS x INSERT INTO t SELECT a + x, b FROM input('a UInt64, b String') FORMAT TSV\n",
        "WITH (SELECT 1) AS x, (SELECT 'INSERT') AS y INSERT INTO t SELECT a + x, b FROM input('a UInt64, b String') "
        "FORMAT TSV\n",
        "INSERT INTO t WITH 1 AS x SELECT a + x, b FROM input('a UInt64, b String') FORMAT TSV\n",
    ):
        assert query(head + "1\tend;").status == 200, head
        assert query("SELECT a, b FROM t").text == "2\tend;\n"
        assert query("TRUNCATE TABLE t").status == 200


def test_a_table_may_bear_the_name_of_a_clause(query: Query) -> None:
    for name in ("values", "format", "select_", "`we ird`", '"FROM"'):
        assert query(f"CREATE TABLE {name} (a UInt8) ENGINE = Memory").status == 200
        assert query(f"INSERT INTO {name} VALUES (1)").status == 200
        assert query(f"INSERT INTO {DATABASE}.{name} (a) FORMAT CSV\n2\n").status == 200
        assert query(f"SELECT sum(a) FROM {name}").text == "3\n"


def test_a_large_body_goes_in_whole(query: Query) -> None:
    assert query("CREATE TABLE t (a UInt64, b String) ENGINE = MergeTree ORDER BY a").status == 200
    body = b"".join(b"%d\ttext %d\n" % (n, n) for n in range(500_000))
    assert query(b"INSERT INTO t FORMAT TSV\n" + body).status == 200
    assert query("SELECT count(), sum(a), uniqExact(b) FROM t").text == f"500000\t{500_000 * 499_999 // 2}\t500000\n"
    assert query(b"INSERT INTO t FORMAT TSV\n" + body * 2).status == 200  # more than is held in memory
    assert query("SELECT count(), uniqExact(b) FROM t").text == "1500000\t500000\n"


def test_refused_data_leave_nothing_behind(query: Query) -> None:
    assert query("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a").status == 200
    good = "\n".join(str(n) for n in range(1000))
    for body, code in (
        (f"INSERT INTO t FORMAT TSV\n{good}\nnot a number\n", 27),
        (f"INSERT INTO t FORMAT Nonsense\n{good}\n", 73),
        (f"INSERT INTO missing FORMAT TSV\n{good}\n", 60),
        (f"INSERT INTO t (b) FORMAT TSV\n{good}\n", 16),
        (f"INSERT INTO t SELECT b FROM input('a UInt64') FORMAT TSV\n{good}\n", 47),
        (f"INSERT INTO t SELECT a FROM input('a Nonsense') FORMAT TSV\n{good}\n", 50),
        (f"INSERT INTO t SELECT throwIf(a = 999) FROM input('a UInt64') FORMAT TSV\n{good}\n", 395),
        ("INSERT INTO t FORMAT Arrow\nnot arrow at all", 117),
    ):
        answer = query(body)
        assert answer.status != 200, body[:80]
        assert answer.code == code, answer.text
    assert query("SELECT count() FROM t").text == "0\n"
    assert query("SELECT count() FROM system.processes WHERE query LIKE 'INSERT%'").text == "0\n"


def test_what_the_table_refuses_is_not_acknowledged(query: Query) -> None:
    # These appear only when the last rows are written. (The engine's own streaming insert does not report them.)
    for sql in (
        "CREATE TABLE c (a UInt64, CONSTRAINT small CHECK a < 5) ENGINE = MergeTree ORDER BY a",
        "CREATE TABLE p (a UInt64) ENGINE = MergeTree ORDER BY a PARTITION BY a",
        "CREATE TABLE m (a UInt64) ENGINE = MergeTree ORDER BY a "
        "SETTINGS parts_to_throw_insert = 1, parts_to_delay_insert = 1",
        "INSERT INTO m VALUES (1)",
        "CREATE TABLE s (a UInt64) ENGINE = MergeTree ORDER BY a",
        "CREATE MATERIALIZED VIEW v ENGINE = MergeTree ORDER BY a AS SELECT throwIf(a > 5) AS a FROM s",
        "CREATE TABLE e (a UInt64, b UInt8 DEFAULT throwIf(a > 5)) ENGINE = MergeTree ORDER BY a",
    ):
        assert query(sql).status == 200, sql
    for table, code in (("c", 469), ("p", 252), ("m", 252), ("s", 395), ("e (a)", 395)):
        for form in ("FORMAT TSV\n", "SELECT a FROM input('a UInt64') FORMAT TSV\n"):
            answer = query(f"INSERT INTO {table} {form}" + "".join(f"{n}\n" for n in range(200)))
            assert answer.code == code, (table, answer.text)
        values = query(f"INSERT INTO {table} VALUES " + ", ".join(f"({n})" for n in range(200)))
        assert values.code == code, (table, values.text)


def test_a_body_that_stops_in_the_middle_is_not_inserted(writer: ClickHouseConnection, query: Query) -> None:
    assert query("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a").status == 200
    client = socket.create_connection((writer.host, writer.port))
    lines = [f"POST /?query=INSERT+INTO+{DATABASE}.t+FORMAT+TSV HTTP/1.1", "Host: endpoint", "Content-Length: 1000"]
    lines += [f"{name}: {value}" for name, value in authorization(writer).items()]
    client.sendall("\r\n".join([*lines, "", ""]).encode() + b"1\n2\n")
    client.close()
    for _ in range(200):
        if query("SELECT count() FROM system.processes WHERE query LIKE 'INSERT%'").text == "0\n":
            break
    assert query("SELECT count() FROM t").text == "0\n"


def test_an_insert_in_a_session_leaves_the_session_usable(writer: ClickHouseConnection, query: Query) -> None:
    assert query("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a").status == 200
    for _ in range(3):
        assert ask(writer, "INSERT INTO t FORMAT TSV\nwrong\n", session_id="failing", database=DATABASE).code == 27
        assert ask(writer, "INSERT INTO t FORMAT TSV\n1\n", session_id="failing", database=DATABASE).status == 200
    assert query("SELECT count() FROM t", session_id="failing").text == "3\n"
