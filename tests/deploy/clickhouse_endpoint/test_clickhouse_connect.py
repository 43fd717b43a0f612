"""What clickhouse-connect does with a server it does with the endpoint, too."""

from __future__ import annotations

import asyncio
import datetime as dt
import gzip
import io
from decimal import Decimal
from uuid import UUID

import clickhouse_connect
import lz4.frame
import polars as pl
import pytest
import zstandard
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError
from clickhouse_connect.driver.external import ExternalData

from schemas.connections import ClickHouseConnection
from tests.deploy.clickhouse_endpoint.conftest import DATABASE, connect

ROW_COLUMNS = (
    "n UInt64, name String, maybe Nullable(Int32), at DateTime64(3, 'UTC'), day Date, price Decimal(18, 4), "
    "tags Array(LowCardinality(String)), point Tuple(Float64, Float64), kind Enum8('a' = 1, 'b' = 2), "
    "id UUID, flags Map(String, UInt8), yes Bool"
)
ROWS = [
    (
        number,
        f"название {number} 'quoted' \\ \n",
        None if number % 2 else -number,
        dt.datetime(2026, 11, 21, 12, 0, 0, 123000, dt.UTC).replace(tzinfo=None) + dt.timedelta(seconds=number),
        dt.date(2026, 11, 21),
        Decimal("12.3456"),
        ["a", "b"] * (number % 3),
        (1.5, float(number)),
        "a" if number % 2 else "b",
        UUID(int=number),
        {"k": number % 256},
        number % 2 == 0,
    )
    for number in range(1000)
]


def _arrow_stream(frame: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    frame.write_ipc_stream(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("compress", [False, True, "lz4", "zstd", "gzip"])
def test_rows_come_back_as_they_were_inserted(writer: ClickHouseConnection, compress: bool | str) -> None:
    with connect(writer, compress=compress) as client:
        client.command(f"CREATE TABLE things ({ROW_COLUMNS}) ENGINE = MergeTree ORDER BY n")
        names = ["n", "name", "maybe", "at", "day", "price", "tags", "point", "kind", "id", "flags", "yes"]
        summary = client.insert("things", ROWS, column_names=names)
        assert summary.written_rows == len(ROWS)
        assert client.query("SELECT * FROM things ORDER BY n").result_rows == ROWS


def test_columns_are_inserted(client: Client) -> None:
    client.command("CREATE TABLE t (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
    client.insert("t", [[1, 2, 3], ["x", "y", "z"]], column_names=["a", "b"], column_oriented=True)
    assert client.query("SELECT b, a FROM t ORDER BY a").result_columns == [["x", "y", "z"], [1, 2, 3]]


@pytest.mark.parametrize("compression", [None, "lz4", "zstd", "gzip"])
def test_arrow_goes_in_and_comes_out(client: Client, compression: str | None) -> None:
    client.command("CREATE TABLE t (a UInt64, b Nullable(String), c Array(UInt32)) ENGINE = MergeTree ORDER BY a")
    frame = pl.DataFrame(
        {"a": [1, 2], "b": ["x", None], "c": [[1], []]},
        schema={"a": pl.UInt64, "b": pl.String, "c": pl.List(pl.UInt32)},
    )
    data = _arrow_stream(frame)
    packed: bytes = {
        "": data,
        "lz4": lz4.frame.compress(data),
        "zstd": zstandard.compress(data),
        "gzip": gzip.compress(data),
    }[compression or ""]
    summary = client.raw_insert("t", ["a", "b", "c"], packed, fmt="ArrowStream", compression=compression)
    assert summary.written_rows == 2
    back = pl.read_ipc_stream(client.raw_query("SELECT * FROM t ORDER BY a", fmt="ArrowStream"))
    assert back.equals(frame)
    assert client.query_arrow("SELECT a FROM t ORDER BY a").column("a").to_pylist() == [1, 2]


def test_an_insert_selects_from_its_own_data(client: Client) -> None:
    client.command(
        "CREATE TABLE s (k UInt64, people AggregateFunction(uniqCombined64, UInt64)) "
        "ENGINE = AggregatingMergeTree ORDER BY k"
    )
    frame = pl.DataFrame({"k": [1, 2], "v": [[1, 2, 2], [7]]}, schema={"k": pl.UInt64, "v": pl.List(pl.UInt64)})
    statement = (
        "INSERT INTO s SELECT k, arrayReduce('uniqCombined64State', v) "
        "FROM input('k UInt64, v Array(UInt64)') FORMAT ArrowStream\n"
    )
    for _ in range(2):
        summary = client.raw_insert("", insert_block=statement.encode() + _arrow_stream(frame))
        assert summary.written_rows == 2
    rows = client.query("SELECT k, uniqCombined64Merge(people) FROM s GROUP BY k ORDER BY k").result_rows
    assert rows == [(1, 2), (2, 1)]
    assert client.query("SHOW TEMPORARY TABLES").result_rows == []


def test_parameters(client: Client) -> None:
    text = 'it\'s a "test" \\ with\ttabs\nand – юникод'
    assert client.query("SELECT {x:String}", parameters={"x": text}).result_rows == [(text,)]
    assert client.query(
        "SELECT {x:Array(UInt16)}, {y:Nullable(String)}", parameters={"x": [1, 2], "y": None}
    ).result_rows == [([1, 2], None)]
    assert client.query("SELECT %(x)s", parameters={"x": text}).result_rows == [(text,)]
    client.command("CREATE TABLE t (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
    client.command("INSERT INTO t VALUES ({a:UInt64}, {b:String})", parameters={"a": 5, "b": text})
    assert client.query("SELECT * FROM {table:Identifier}", parameters={"table": "t"}).result_rows == [(5, text)]


def test_a_session_keeps_temporary_tables_and_settings(writer: ClickHouseConnection) -> None:
    with connect(writer, session_id="first") as first, connect(writer, session_id="second") as second:
        first.command("CREATE TEMPORARY TABLE mine (a UInt8)")
        first.insert("mine", [[1], [2]], column_names=["a"])
        assert first.command("SELECT count() FROM mine") == 2
        first.command("SET max_block_size = 777")
        assert first.command("SELECT getSetting('max_block_size')") == 777
        with pytest.raises(DatabaseError):
            second.command("SELECT count() FROM mine")
        assert second.command("SELECT getSetting('max_block_size')") != 777


def test_settings_of_a_request_do_not_stick_to_its_session(client: Client) -> None:
    before = client.command("SELECT getSetting('max_block_size')")
    assert client.command("SELECT getSetting('max_block_size')", settings={"max_block_size": 123}) == 123
    assert client.command("SELECT getSetting('max_block_size')") == before
    client.command("USE system")
    assert client.command("SELECT currentDatabase()") == DATABASE  # the client names it with every request
    assert client.command("SELECT currentDatabase()", use_database=False) == "system"


def test_errors_have_their_codes(client: Client) -> None:
    for sql, code, name in (
        ("SELECT * FROM nothing_here", 60, "UNKNOWN_TABLE"),
        ("SELECT nothing_here", 47, "UNKNOWN_IDENTIFIER"),
        ("SELECT FROM WHERE", 62, "SYNTAX_ERROR"),
        ("SELECT throwIf(1)", 395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO"),
        ("SELECT 1 FORMAT Nonsense", 73, "UNKNOWN_FORMAT"),
    ):
        with pytest.raises(DatabaseError) as caught:
            client.raw_query(sql)
        assert (caught.value.code, caught.value.name) == (code, name)
    with pytest.raises(DatabaseError) as caught:
        client.command("SELECT 1", settings={"max_threads": "many"})
    assert caught.value.code != 0


def test_an_error_in_the_middle_of_a_stream_is_not_an_end(client: Client) -> None:
    sql = "SELECT number, throwIf(number = 3000000) FROM numbers(10000000)"
    with pytest.raises(StreamFailureError) as caught, client.query_row_block_stream(sql) as stream:
        for _ in stream:
            pass
    assert caught.value.code == 395


def test_empty_results(client: Client) -> None:
    client.command("CREATE TABLE t (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
    result = client.query("SELECT a, b FROM t")
    assert result.result_rows == []
    result = client.query("SELECT a, b FROM t LIMIT 0")
    assert (result.column_names, [kind.name for kind in result.column_types]) == (("a", "b"), ["UInt64", "String"])
    assert client.insert("t", [], column_names=["a", "b"]).written_rows == 0


def test_a_large_result_streams(client: Client) -> None:
    total = rows = 0
    with client.query_column_block_stream("SELECT number FROM numbers(3000000)") as stream:
        for (column,) in stream:
            rows += len(column)
            total += int(sum(column))
    assert (rows, total) == (3_000_000, 3_000_000 * 2_999_999 // 2)


def test_tables_that_come_with_the_query(client: Client) -> None:
    data = ExternalData(
        file_name="movies", fmt="CSV", structure=["movie String", "year UInt16"], data=b"Tootsie,1982\nAlien,1979\n"
    )
    rows = client.query(
        "SELECT movie FROM movies WHERE year < {y:UInt16}", parameters={"y": 1980}, external_data=data
    ).result_rows
    assert rows == [("Alien",)]
    assert client.query("SHOW TEMPORARY TABLES").result_rows == []


def test_the_server_introduces_itself(client: Client) -> None:
    assert str(client.server_version).startswith("26.")
    assert str(client.server_tz) == "UTC"
    assert client.ping()
    assert client.command("EXISTS TABLE nothing_here") == 0
    assert "max_threads" in client.server_settings


async def test_async_clients_work_side_by_side(writer: ClickHouseConnection) -> None:
    client = await clickhouse_connect.get_async_client(
        host=writer.host,
        port=writer.port,
        username=writer.username,
        password=writer.password.reveal(),
        database=DATABASE,
        autogenerate_session_id=False,
    )
    async with client:
        await client.command("CREATE TABLE t (a UInt64, b String) ENGINE = MergeTree ORDER BY a")
        await asyncio.gather(*(client.insert("t", [[n, str(n)]], column_names=["a", "b"]) for n in range(20)))
        results = await asyncio.gather(*(client.query(f"SELECT b FROM t WHERE a = {n}") for n in range(20)))
        assert [result.result_rows for result in results] == [[(str(n),)] for n in range(20)]
        frame = pl.DataFrame({"a": [100], "b": ["x"]}, schema={"a": pl.UInt64, "b": pl.String})
        await client.raw_insert("t", ["a", "b"], _arrow_stream(frame), fmt="ArrowStream")
        assert pl.read_ipc_stream(await client.raw_query("SELECT * FROM t WHERE a = 100", fmt="ArrowStream")).equals(
            frame
        )
        with pytest.raises(DatabaseError) as caught:
            await client.query("SELECT * FROM nothing_here")
        assert caught.value.code == 60
        rows = 0
        async with await client.query_row_block_stream("SELECT number FROM numbers(500000)") as stream:
            async for block in stream:
                rows += len(block)
        assert rows == 500_000
