"""The login `analyst` reads the database `gospulse`, and nothing else, however it is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from schemas.connections import ClickHouseConnection
from tests.conftest import ClickHouseServer
from tests.deploy.clickhouse_endpoint.builders.plain_http import Answer, ask
from tests.deploy.clickhouse_endpoint.conftest import connect

Ask = Callable[..., Answer]


@pytest.fixture(scope="module")
def tables(clickhouse_server: ClickHouseServer) -> Iterator[ClickHouseServer]:
    """An internal table and views on it, as the product has them."""
    for sql in (
        "DROP DATABASE IF EXISTS gospulse",
        "DROP DATABASE IF EXISTS gospulse_data",
        "CREATE DATABASE gospulse",
        "CREATE DATABASE gospulse_data",
        "CREATE TABLE gospulse_data.facts (a UInt64, b String) ENGINE = MergeTree ORDER BY a",
        "INSERT INTO gospulse_data.facts VALUES (1, 'x'), (2, 'y')",
        "CREATE VIEW gospulse.facts AS SELECT f.a, f.b, o.c FROM gospulse_data.facts AS f "
        "LEFT JOIN (SELECT toUInt64(1) AS a, 'other' AS c) AS o ON f.a = o.a SETTINGS join_use_nulls = 1",
        "CREATE VIEW gospulse.picked AS SELECT * FROM gospulse_data.facts WHERE a = {wanted:UInt64}",
    ):
        assert ask(clickhouse_server.connection, sql).status == 200
    yield clickhouse_server
    for database in ("gospulse", "gospulse_data"):
        assert ask(clickhouse_server.connection, f"DROP DATABASE IF EXISTS {database}").status == 200


@pytest.fixture
def reader(tables: ClickHouseServer) -> ClickHouseConnection:
    return tables.analyst


@pytest.fixture
def analyst(reader: ClickHouseConnection) -> Ask:
    def asked(sql: str, **options: str | int) -> Answer:
        return ask(reader, sql, **options)  # type: ignore[arg-type]

    return asked


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count() FROM gospulse.facts",
        "SELECT count() FROM facts FORMAT JSON",
        "WITH x AS (SELECT a FROM facts) SELECT count() FROM x WHERE a IN (SELECT a FROM gospulse.facts)",
        "SELECT * FROM facts SETTINGS join_use_nulls = 1, max_threads = 1, max_execution_time = 5",
        "SELECT * FROM picked(wanted = 2)",
        "SELECT name FROM system.tables WHERE database = 'gospulse_data'",
        "SELECT name, comment FROM system.columns WHERE table = 'facts'",
        "SELECT name FROM system.databases",
        "SELECT name, value FROM system.settings LIMIT 5",
        "SELECT name FROM system.functions LIMIT 5",
        "SELECT number FROM system.numbers LIMIT 5",
        "SELECT format('{}', 'x'), dateDiff('day', today(), today()), quantile(0.5)(a) FROM facts",
        "SELECT * FROM values('a UInt8', 1, 2) AS v, numbers(3) AS n",
        "SHOW TABLES",
        "SHOW CREATE TABLE gospulse.facts",
        "DESCRIBE TABLE gospulse.facts",
        "EXISTS TABLE gospulse.facts",
        "EXPLAIN SELECT * FROM facts",
        "SELECT * APPLY(sum) FROM (SELECT a FROM facts)",
        "SELECT 1 INTERSECT SELECT 1",
        "SELECT 1 AS settings, 2 AS format",
        "SELECT * FROM system.settings s WHERE name = 'max_threads'",
    ],
)
def test_may(analyst: Ask, sql: str) -> None:
    answer = analyst(sql)
    assert answer.status == 200, answer.text


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM gospulse_data.facts",
        "SELECT * FROM `gospulse_data`.facts",
        'SELECT * FROM "gospulse_data" . "facts"',
        "SELECT * FROM gospulse_data/**/.facts",
        "SELECT (SELECT count() FROM gospulse_data.facts)",
        "SELECT 1 IN gospulse_data.facts",
        "SELECT * FROM merge('gospulse_data', '.*')",
        "SELECT * FROM merge(REGEXP('gospulse.*'), '.*')",
        "SELECT * FROM view(SELECT * FROM gospulse_data.facts)",
        "SELECT * FROM loop(gospulse_data.facts)",
        "SELECT * FROM loop('gospulse_data', 'facts')",
        "SELECT * FROM mergeTreeIndex('gospulse_data', 'facts')",
        "SELECT * FROM eval('SELECT * FROM gospulse_data.facts')",
        "SELECT * FROM viewExplain('EXPLAIN', '', (SELECT 1))",
        "SELECT joinGet('gospulse_data.facts', 'b', 1)",
        "SELECT dictGet('gospulse_data.facts', 'b', 1)",
        "SELECT * FROM dictionary('gospulse_data.facts')",
        "SELECT hasColumnInTable('gospulse_data', 'facts', 'a')",
        "SELECT * FROM remote('127.0.0.1', gospulse_data.facts)",
        "SELECT * FROM cluster('default', 'gospulse_data', 'facts')",
        "SELECT file('/etc/passwd')",
        "SELECT `file`('/etc/passwd')",
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
        "SELECT * APPLY(file) FROM (SELECT '/etc/hostname' AS x)",
        "SELECT * APPLY file FROM (SELECT '/etc/hostname' AS x)",
        "SELECT COLUMNS('x') APPLY(`file`) FROM (SELECT '/etc/hostname' AS x)",
        "SELECT * APPLY(x -> file(x)) FROM (SELECT '/etc/hostname' AS x)",
        "SELECT * APPLY(x -> x IN system.query_log) FROM (SELECT 1 AS x)",
        "SELECT * REPLACE(file(x) AS x) FROM (SELECT '/etc/hostname' AS x)",
        "SELECT arrayMap(x -> file(x), ['/etc/hostname'])",
        "EXPLAIN ANALYZE SELECT * FROM system.query_log",
        "SELECT 1 INTERSECT SELECT a FROM default.t",
        "DESCRIBE TABLE file('/etc/passwd', 'LineAsString')",
        "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a Int8')",
        "SELECT * FROM Python('os')",
        "SELECT * FROM executable('a', 'CSV', 'a Int8')",
        "SELECT aiGenerate('x')",
        "SELECT * FROM default.t",
        "SELECT * FROM system.query_log",
        "SELECT * FROM system.processes",
        "SELECT * FROM system.server_settings",
        "SELECT * FROM information_schema.tables",
        "SHOW PROCESSLIST",
        "SHOW GRANTS",
        "SHOW TABLES FROM gospulse_data",
        "SHOW CREATE TABLE gospulse_data.facts",
        "DESCRIBE TABLE gospulse_data.facts",
        "CHECK TABLE facts",
        "EXPLAIN SELECT * FROM gospulse_data.facts",
        "SELECT 'a\nb', * FROM gospulse_data.facts AS `x\n y`",
    ],
)
def test_must_not_read(analyst: Ask, sql: str) -> None:
    answer = analyst(sql)
    assert (answer.status, answer.code) == (403, 497), answer.text


@pytest.mark.parametrize(
    "sql",
    [
        "INSERT INTO gospulse_data.facts VALUES (3, 'z')",
        "INSERT INTO FUNCTION file('/tmp/x', 'CSV', 'a Int8') SELECT 1",
        "WITH 1 AS x INSERT INTO gospulse_data.facts SELECT x, 'y'",
        "DROP VIEW gospulse.facts",
        "ALTER TABLE gospulse_data.facts DELETE WHERE 1",
        "CREATE TEMPORARY TABLE x (a UInt8)",
        "OPTIMIZE TABLE gospulse_data.facts",
        "TRUNCATE TABLE gospulse_data.facts",
        "KILL QUERY WHERE 1",
        "SYSTEM FLUSH LOGS",
        "SET readonly = 0",
        "USE gospulse_data",
        "GRANT ALL ON *.* TO default",
        "BACKUP DATABASE gospulse TO File('/tmp/x')",
        "CREATE FUNCTION f AS x -> x",
        "EXECUTE AS default SELECT 1",
        "SELECT 1 SETTINGS readonly = 0",
        "SELECT 1 SETTINGS max_execution_time = 100000",
        "SELECT 1 SETTINGS max_execution_time = 0",
        "SELECT * FROM (SELECT 1 SETTINGS max_threads = 2, max_memory_usage = 0)",
        "SELECT 1 FORMAT JSON SETTINGS max_memory_usage = 0",
        "SELECT 1 SETTINGS `max_memory_usage` = 0",
        "SELECT 1 SETTINGS allow_ddl = 1",
        "SELECT 1 SETTINGS profile = 'default'",
        "SELECT 1 SETTINGS dialect = 'kusto'",
        "SELECT 1 AS a FORMAT Protobuf SETTINGS output_format_schema = '/tmp/never.proto'",
        "SELECT 1 SETTINGS input_format_record_errors_file_path = '/tmp/never'",
    ],
)
def test_must_not_change(analyst: Ask, sql: str) -> None:
    answer = analyst(sql)
    assert answer.code == 164, answer.text


def test_other_ways_to_say_it(analyst: Ask) -> None:
    names = {"param_d": "gospulse_data", "param_t": "facts"}
    assert analyst("SELECT * FROM {d:Identifier}.{t:Identifier}", **names).code == 497
    assert analyst("SELECT 1; DROP VIEW gospulse.facts").code == 62
    assert analyst("SELECT 1 INTO OUTFILE '/tmp/never'").code == 358
    assert analyst("SELECT 1", database="system").code == 497
    assert analyst("SELECT 1", database="gospulse_data").code == 497
    assert analyst("SELECT count() FROM facts", database="default").text == "2\n"
    assert analyst("SELECT getSetting('readonly')", readonly=0).text == "2\n"
    for setting in ("allow_ddl", "allow_introspection_functions", "max_memory_usage_for_user", "profile"):
        assert analyst("SELECT 1", **{setting: "1"}).code == 164
    # A session of an analyst keeps nothing, so nothing can be prepared in it.
    assert analyst("CREATE TEMPORARY TABLE x (a UInt8)", session_id="s").code == 164
    assert analyst("SELECT 1", session_id="s").text == "1\n"


def test_limits_hold(analyst: Ask) -> None:
    assert analyst("SELECT getSetting('max_execution_time'), getSetting('readonly')").text == "60\t2\n"
    assert analyst("SELECT getSetting('max_execution_time')", max_execution_time=100000).text == "60\n"
    assert analyst("SELECT getSetting('max_execution_time')", max_execution_time=0).text == "60\n"
    assert analyst("SELECT getSetting('max_execution_time')", max_execution_time=5).text == "5\n"
    assert (
        analyst("SELECT sleepEachRow(0.01) FROM numbers(1000) SETTINGS max_block_size = 1", max_execution_time=1).code
        == 159
    )
    assert analyst("SELECT groupArray(number) FROM numbers(1000000000)", max_memory_usage=100_000_000).code == 241


def test_views_give_both_logins_the_same_rows(tables: ClickHouseServer, analyst: Ask) -> None:
    # A view's own SETTINGS count: with readonly = 1 the engine would drop them, and say '' for what is absent.
    sql = "SELECT a, b, c FROM gospulse.facts ORDER BY a"
    assert analyst(sql).text == ask(tables.connection, sql).text == "1\tx\tother\n2\ty\t\\N\n"


def test_clickhouse_connect_works_for_analysts(analyst: Ask, reader: ClickHouseConnection) -> None:
    with connect(reader, database="gospulse") as client:
        assert client.query("SELECT a, c FROM facts ORDER BY a").result_rows == [(1, "other"), (2, None)]
        assert client.query("SELECT a FROM picked(wanted = {w:UInt64})", parameters={"w": 2}).result_rows == [(2,)]
