"""Where SQL ends and data begin: pure, for any data and however the text arrives."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.clickhouse_endpoint.errors import ClickHouseError, from_engine
from deploy.clickhouse_endpoint.sql.statements import Statement, changes_functions, kill_condition, read_statement
from deploy.clickhouse_endpoint.sql.tokens import tokens

HEADS = st.sampled_from(
    [
        b"INSERT INTO t FORMAT Native\n",
        b"insert into a.b (x, `format`, \"values\") settings async_insert=0 format CSV\n",
        b"/* INSERT INTO x VALUES */ INSERT INTO TABLE t -- FORMAT CSV\n FORMAT TSV\r\n",
        b"INSERT INTO FUNCTION null('a Int8, b Enum(''FORMAT'' = 1)') FORMAT Arrow\n",
        b"INSERT INTO t SELECT a, 'FORMAT x' FROM input('a UInt64') WHERE a IN (SELECT 1) FORMAT ArrowStream\n",
        b"INSERT INTO values VALUES",
        b"INSERT INTO format(format) FORMAT JSONEachRow\n",
        b"INSERT INTO t SELECT $tag$ FORMAT CSV $tag$, a FROM input ( 'a String' ) FORMAT Values\n",
    ]
)  # fmt: skip


@given(HEADS, st.binary(max_size=200))
def test_an_inserts_data_begin_behind_its_head_whatever_they_are(head: bytes, data: bytes) -> None:
    whole = read_statement(head, complete=False) or read_statement(head, complete=True)
    assert whole is not None
    assert whole.kind in ("insert", "insert_input")
    # A body whose first byte continues the last word, or whose first bytes are white space, belongs to the rules above.
    statement = read_statement(head + b"\x00" + data, complete=True)
    assert statement is not None
    assert (statement.kind, statement.sql, statement.format) == (whole.kind, whole.sql, whole.format)
    assert statement.data == len(head)


@given(HEADS, st.sampled_from([b"", b" ", b" \n", b"\r\n"]), st.binary(max_size=20))
def test_a_text_that_arrives_in_parts_is_understood_the_same(head: bytes, space: bytes, data: bytes) -> None:
    text = head + space + b"\x00" + data
    whole = read_statement(text, complete=True)
    for cut in range(len(text) + 1):
        part = read_statement(text[:cut], complete=False)
        assert part is None or part == whole, cut


@given(st.text())
def test_tokens_cover_any_text_in_order(text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    end = 0
    for token in tokens(data):
        assert token.start >= end
        assert data[token.start : token.end] == token.text
        end = token.end


@given(st.binary(max_size=300))
def test_any_bytes_are_a_statement_or_a_clear_error(text: bytes) -> None:
    try:
        statement = read_statement(text, complete=True)
    except ClickHouseError as error:
        assert error.code in (48, 62, 358)
    else:
        assert isinstance(statement, Statement)


def test_the_condition_of_a_kill() -> None:
    condition = b" Settings['log_comment'] = 'x' AND (user = 'FORMAT') "
    for end in (b"", b"SYNC", b"ASYNC FORMAT JSON", b"TEST"):
        assert kill_condition(b"KILL QUERY WHERE" + condition + end) == condition
    for other in (b"KILL MUTATION WHERE 1", b"SELECT 'KILL QUERY WHERE 1'", b"SHOW TABLES"):
        assert kill_condition(other) is None


@pytest.mark.parametrize("text", ["", ";", "-- nothing", "/* nothing */ ;"])
def test_nothing_is_no_statement(text: str) -> None:
    with pytest.raises(ClickHouseError):
        statement = read_statement(text.encode(), complete=True)
        assert statement is not None
        raise from_engine(RuntimeError("Code: 62. DB::Exception: Syntax error. (SYNTAX_ERROR)"))


def test_an_error_of_the_engine_keeps_number_name_and_text() -> None:
    text = (
        "Code: 164. DB::Exception: Code: 164. DB::Exception: Cannot modify 'x' setting in readonly mode. (READONLY) "
        "(version 26.9.2.1). (READONLY)"
    )
    error = from_engine(RuntimeError(text))
    assert (error.code, error.name, error.message) == (164, "READONLY", "Cannot modify 'x' setting in readonly mode")
    assert error.text("1.2") == (
        "Code: 164. DB::Exception: Cannot modify 'x' setting in readonly mode. (READONLY) (version 1.2)\n"
    )
    strange = from_engine(RuntimeError("no number at all"))
    assert (strange.code, strange.status) == (1002, 500)


@pytest.mark.parametrize(
    ("sql", "changes"),
    [
        (b"CREATE FUNCTION f AS x -> x", True),
        (b"/* mine */ create or replace function f AS x -> x", True),
        (b"DROP FUNCTION IF EXISTS f", True),
        (b"CREATE TABLE t (a SimpleAggregateFunction(min, UInt8)) ENGINE = AggregatingMergeTree ORDER BY a", False),
        (b"SELECT 1 AS function", False),
    ],
)
def test_what_changes_the_functions(sql: bytes, changes: bool) -> None:
    assert changes_functions(sql) is changes
