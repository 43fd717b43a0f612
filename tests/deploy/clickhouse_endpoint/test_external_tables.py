"""Tables that come with a query: what an analyst sends is columns and data, and never SQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import ClickHouseServer
from tests.deploy.clickhouse_endpoint.builders.canary import Canary
from tests.deploy.clickhouse_endpoint.builders.plain_http import Answer, ask

SECRET = "what-analysts-do-not-read"


@pytest.fixture(scope="module")
def server(clickhouse_server: ClickHouseServer) -> Iterator[ClickHouseServer]:
    """A table that analysts may not read."""
    for sql in (
        "CREATE DATABASE IF NOT EXISTS gospulse",
        "DROP DATABASE IF EXISTS external_tests",
        "CREATE DATABASE external_tests",
        "CREATE TABLE external_tests.t (a String) ENGINE = MergeTree ORDER BY a",
        f"INSERT INTO external_tests.t VALUES ('{SECRET}')",
    ):
        assert ask(clickhouse_server.connection, sql).status == 200
    yield clickhouse_server
    assert ask(clickhouse_server.connection, "DROP DATABASE external_tests").status == 200


def _ask(
    server: ClickHouseServer,
    structure: str,
    data: str = "1",
    table_format: str = "TSV",
    sql: str = "SELECT * FROM x",
    *,
    writer: bool = False,
) -> Answer:
    part = 'Content-Disposition: form-data; name="x"; filename="x"'
    return ask(
        server.connection if writer else server.analyst,
        f"--b\r\n{part}\r\n\r\n{data}\r\n--b--\r\n",
        headers={"Content-Type": "multipart/form-data; boundary=b"},
        query=sql,
        x_structure=structure,
        x_format=table_format,
    )


@pytest.mark.parametrize(
    ("structure", "data", "table_format"),
    [
        ("a UInt8, b Enum8('x' = 1, 'y' = -2), c Nullable(Decimal(9, 2)), `d e` Array(LowCardinality(String))",
         "1\ty\t\\N\t['z']", "TSV"),
        ("t Tuple(a UInt8, b DateTime64(3, 'UTC')), m Map(String, UInt8), u INT UNSIGNED, n String NOT NULL",
         '{"t":{"a":1,"b":"2026-01-01 00:00:00"},"m":{"k":1},"u":3,"n":"q"}', "JSONEachRow"),
        ("a UInt8 -- a comment", "1", "CSV"),
    ],
)  # fmt: skip
def test_columns_of_any_type(server: ClickHouseServer, structure: str, data: str, table_format: str) -> None:
    answer = _ask(server, structure, data, table_format, "SELECT count() FROM x")
    assert (answer.status, answer.text) == (200, "1\n")


@pytest.mark.parametrize("writer", [False, True])
@pytest.mark.parametrize(
    "structure",
    [
        "a String) ENGINE = Memory AS SELECT a FROM external_tests.t -- ",
        "a String) ENGINE = Memory AS SELECT a FROM external_tests.t /*",
        "a String\n) ENGINE = Memory AS SELECT a FROM external_tests.t UNION ALL (SELECT ''",
        "a String) ENGINE = Memory; DROP TABLE external_tests.t; -- ",
        "a String) ENGINE = Memory; DROP TABLE external_tests.t; CREATE TEMPORARY TABLE y (a String",
        "a String) ENGINE = MergeTree ORDER BY (a",
        "a String, CONSTRAINT c CHECK a = ''",
        "a String, INDEX i (a) TYPE minmax",
        "a String, PROJECTION p (SELECT a)",
        "",
    ],
)
def test_a_structure_is_a_list_of_columns(server: ClickHouseServer, structure: str, writer: bool) -> None:
    answer = _ask(server, structure, writer=writer)
    assert (answer.status, answer.code) == (400, 36)
    assert SECRET not in answer.text
    assert ask(server.connection, "SELECT a FROM external_tests.t").text == f"{SECRET}\n"


@pytest.mark.parametrize(
    ("structure", "data", "table_format"),
    [
        ("a UInt8, b String DEFAULT {f}", "1", "TSV"),
        ("a UInt8, b DEFAULT {f}", "1", "TSV"),
        ("a UInt8, b String MATERIALIZED {f}", "1", "TSV"),
        ("a UInt8, b String ALIAS {f}", "1", "TSV"),
        ("a UInt8, b String EPHEMERAL {f}", "1", "TSV"),
        ("a UInt8, b String TTL toDate({f})", "1", "TSV"),
        ("a String", "({f})", "Values"),
        ("a String", "((SELECT any(a) FROM external_tests.t))", "Values"),
    ],
)
def test_an_analysts_table_holds_no_expression(
    server: ClickHouseServer, structure: str, data: str, table_format: str
) -> None:
    # The file lies where the process may read it.
    canary = Canary(server.folder / "data" / "canary")
    call = f"file('{canary.path}')"
    answer = _ask(server, structure.format(f=call), data.format(f=call), table_format)
    assert answer.code == 497
    assert canary.secret not in answer.text
    assert SECRET not in answer.text
    assert not canary.uses()
    canary.close()


def _form(server: ClickHouseServer, body: str) -> Answer:
    return ask(server.analyst, body, headers={"Content-Type": "multipart/form-data; boundary=b"})


def test_a_form_that_cannot_be_read_is_one_sentence(server: ClickHouseServer) -> None:
    head = "Content-Type: multipart/mixed; boundary=c\r\n\r\n"
    for body in ("--b\r\nContent-Disp", f"--b\r\n{head}" + "--c\r\n" * 200, "", "--b--", "x"):
        answer = _form(server, body)
        assert answer.status == 400, body
        assert answer.code in (36, 62), body


def test_many_fields_do_not_stop_the_others(server: ClickHouseServer) -> None:
    part = '--b\r\nContent-Disposition: form-data; name="{}"\r\n\r\n{}\r\n'
    fields = [part.format(f"param_a{number}", 1) for number in range(50_000)]
    query = part.format("query", "SELECT {a1:UInt8} + {a900:UInt8}")
    assert _form(server, "".join([query, *fields[:901], "--b--\r\n"])).text == "2\n"
    answer = _form(server, "".join([query, *fields, "--b--\r\n"]))
    assert (answer.status, answer.code) == (413, 307)
