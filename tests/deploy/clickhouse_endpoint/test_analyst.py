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
        "SELECT count(*) FROM system.tables",
        "SELECT name, value FROM system.settings LIMIT 5",
        "SELECT name FROM system.functions LIMIT 5",
        "SELECT number FROM system.numbers LIMIT 5",
        "SELECT format('{}', 'x'), dateDiff('day', today(), today()), quantile(0.5)(a) FROM facts",
        "SELECT * FROM values('a UInt8', 1, 2) AS v, numbers(3) AS n",
        "SELECT * FROM values((1, 'a'), (2, 'b'))",
        "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS t(a, b)",
        "SELECT * FROM generateRandom('a UInt8, b String', 1) LIMIT 2",
        "SELECT * FROM generateSeries(1, 3) AS s, zeros(2) AS z",
        "SELECT arrayMap((x, y) -> x + y, [1], [2]), arrayFold((s, x) -> s + x, [toUInt64(1)], toUInt64(0)), "
        "mapApply((k, v) -> (k, v), m) FROM (SELECT map('a', 1) AS m)",
        "SELECT sumIf(a, a > 1), quantilesTDigestIf(0.5, 0.9)(a, a > 0), uniqExactArray([a]), countDistinct(a), "
        "argMaxOrNull(b, a), COUNT(DISTINCT b), sumMerge(s) "
        "FROM (SELECT a, b, sumState(a) AS s FROM facts GROUP BY a, b)",
        "SELECT a, row_number() OVER w, lagInFrame(a, 1) OVER w, sum(a) OVER (ORDER BY a ROWS BETWEEN 1 PRECEDING AND "
        "CURRENT ROW) FROM facts WINDOW w AS (PARTITION BY b ORDER BY a) QUALIFY row_number() OVER w = 1",
        "SELECT toStartOfInterval(toDateTime(a), INTERVAL 60 second) AS t, count() FROM facts "
        "WHERE toDateTime(a) >= fromUnixTimestamp64Milli(0) AND t < toDateTime64(1893456000, 3) "
        "GROUP BY t ORDER BY t WITH FILL STEP 60 LIMIT 3",
        "SELECT toStartOfDay(toDateTime(a)), toInt64(toUnixTimestamp(toDateTime(a))) * 1000 FROM facts",
        "SELECT DATE_TRUNC('day', now()), DATE_DIFF('day', today(), now()), now() - INTERVAL 1 DAY, "
        "DATE '2026-01-01', EXTRACT(YEAR FROM now()), CAST('1' AS UInt8), '1'::UInt8, CASE WHEN 1 THEN 2 ELSE 3 END, "
        "CASE 1 WHEN 1 THEN 2 END",
        "WITH RECURSIVE r AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM r WHERE n < 3) SELECT n FROM r",
        "SELECT * FROM facts AS f ASOF LEFT JOIN facts AS g ON f.b = g.b AND f.a >= g.a",
        "SELECT * FROM facts AS f FULL JOIN facts AS g USING (a) ARRAY JOIN [1, 2] AS x WHERE f.a GLOBAL IN (SELECT 1)",
        "SELECT a, b, count() FROM facts GROUP BY GROUPING SETS ((a), (b)) "
        "HAVING grouping(a) = 1 ORDER BY a NULLS FIRST",
        "SELECT a, count() FROM facts GROUP BY a WITH ROLLUP LIMIT 1 BY a LIMIT 5 OFFSET 1",
        "SELECT * EXCEPT (c) REPLACE (a + 1 AS a) FROM facts ORDER BY ALL",
        "SELECT 1 FROM facts WHERE EXISTS (SELECT 1) AND a = ANY (SELECT 1) AND (1, 2) IN ((1, 2))",
        "SELECT [1, 2][1], (1, 'x').2, map('k', 1)['k'], tuple(1).1, 'a' || 'b', 5 % 2, NOT 1, -a FROM facts",
        "EXPLAIN PIPELINE SELECT count() FROM facts",
        "SHOW TABLES LIKE 'f%'",
        "SHOW COLUMNS FROM facts",
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
        "SELECT arrayMap(file, ['/etc/passwd'])",
        "SELECT * FROM format(TSV, 'x String, y String DEFAULT file(''/etc/passwd'')', 'x')",
        "SELECT 'x' IN input('x String')",
        "SELECT arrayMap(`file`, ['/etc/passwd'])",
        r"SELECT arrayMap(`\x66ile`, ['/etc/passwd'])",
        "SELECT 1 WHERE notEmpty(arrayMap(file, ['/etc/passwd']))",
        r"SELECT * APPLY(`\x66ile`) FROM (SELECT '/etc/hostname' AS x)",
        "SHOW TABLES WHERE notEmpty(file('/etc/hostname'))",
        "SELECT data_path FROM system.databases",
        "SELECT d.metadata_path FROM system.databases AS d",
        "SELECT * FROM system.databases",
        "SELECT COLUMNS('path') FROM system.tables",
        "SELECT * APPLY(file) FROM (SELECT '/etc/hostname' AS x)",
        "SELECT * APPLY file FROM (SELECT '/etc/hostname' AS x)",
        "SELECT COLUMNS('x') APPLY(`file`) FROM (SELECT '/etc/hostname' AS x)",
        "SELECT * APPLY(x -> file(x)) FROM (SELECT '/etc/hostname' AS x)",
        "SELECT * APPLY(x -> x IN system.query_log) FROM (SELECT 1 AS x)",
        "SELECT * REPLACE(file(x) AS x) FROM (SELECT '/etc/hostname' AS x)",
        "SELECT arrayMap(x -> file(x), ['/etc/hostname'])",
        "EXPLAIN ANALYZE SELECT * FROM system.query_log",
        "DESCRIBE TABLE file('/etc/passwd', 'LineAsString')",
        "SELECT * FROM url('http://127.0.0.1:1/', 'CSV', 'a Int8')",
        "SELECT * FROM Python('os')",
        "SELECT * FROM executable('a', 'CSV', 'a Int8')",
        "SELECT aiGenerate('x')",
        "SELECT * FROM system.query_log",
        "SELECT * FROM system.processes",
        "SELECT * FROM system.server_settings",
        "SELECT * FROM information_schema.tables",
        "SHOW PROCESSLIST",
        "SHOW GRANTS",
        "SHOW CREATE TABLE gospulse_data.facts",
        "DESCRIBE TABLE gospulse_data.facts",
        "CHECK TABLE facts",
        "EXPLAIN SELECT * FROM gospulse_data.facts",
        "SELECT 'a\nb', * FROM gospulse_data.facts AS `x\n y`",
        "SELECT tuple(*) FROM system.databases",
        "SELECT untuple(tuple(COLUMNS('path'))) FROM system.tables",
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
        "SELECT 1 FORMAT JSON SETTINGS max_memory_usage = 0",
        "SELECT 1 SETTINGS `max_memory_usage` = 0",
        "SELECT 1 SETTINGS allow_ddl = 0",
        "SELECT 1 SETTINGS profile = 'default'",
        "SELECT 1 SETTINGS dialect = 'kusto'",
        "SELECT 1 AS a FORMAT Protobuf SETTINGS output_format_schema = '/tmp/never.proto'",
        "SELECT 1 SETTINGS input_format_record_errors_file_path = '/tmp/never'",
    ],
)
def test_must_not_change(analyst: Ask, sql: str) -> None:
    answer = analyst(sql)
    assert answer.code in (164, 452), answer.text


def test_other_databases_are_not_even_listed(analyst: Ask) -> None:
    assert analyst("SHOW TABLES FROM gospulse_data").text == ""
    assert "gospulse_data" not in analyst("SHOW DATABASES").text
    assert analyst("SELECT count() FROM system.tables WHERE database = 'gospulse_data'").text == "0\n"
    assert analyst("SELECT * FROM default.t").code == 60


def test_other_ways_to_say_it(analyst: Ask) -> None:
    names = {"param_d": "gospulse_data", "param_t": "facts"}
    assert analyst("SELECT * FROM {d:Identifier}.{t:Identifier}", **names).code == 497
    assert analyst("SELECT arrayMap({f:Identifier}, ['/etc/passwd'])", param_f="file").code == 497
    assert analyst("SELECT 1; DROP VIEW gospulse.facts").code == 62
    assert analyst("SELECT 1 INTO OUTFILE '/tmp/never'").code == 358
    assert analyst("SELECT 1", database="system").code == 497
    assert analyst("SELECT 1", database="gospulse_data").code == 497
    assert analyst("SELECT count() FROM facts", database="default").text == "2\n"
    assert analyst("SELECT getSetting('readonly')", readonly=0).text == "2\n"
    for setting, value in (("allow_ddl", 0), ("allow_introspection_functions", 1), ("max_memory_usage_for_user", 7)):
        assert analyst("SELECT 1", **{setting: value}).code == 452
    assert analyst("SELECT 1", profile="default").code == 452
    # A session of an analyst keeps nothing, so nothing can be prepared in it.
    assert analyst("CREATE TEMPORARY TABLE x (a UInt8)", session_id="forbidden").code == 164
    assert analyst("SELECT 1", session_id="forbidden").text == "1\n"


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1 AS `x (children 2)\n      Function count (children 1)\n       ExpressionList (children 1)`, * "
        "FROM system.databases",
        "SELECT 1 AS `x\n     Function count (children 1)\n      ExpressionList (children 1)`, * FROM system.databases",
        "SELECT {name:Identifier} FROM (SELECT 1)",
    ],
)
def test_a_name_cannot_pass_for_nodes_of_the_syntax_tree(analyst: Ask, sql: str) -> None:
    answer = analyst(sql, param_name="x\\n    Function count (children 1)")
    assert answer.code == 497, answer.text


@pytest.mark.parametrize("separator", ["\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_texts_may_hold_any_separator(analyst: Ask, separator: str) -> None:
    text = f"a{separator}                    Function file (children 3)"
    assert analyst(f"SELECT '{text}' AS a FORMAT TSVRaw").text == f"{text}\n"


def test_limits_hold(analyst: Ask) -> None:
    # Deeper in a statement the engine cuts a setting to its bound.
    for inner in ("max_execution_time = 3600", "max_execution_time = 0"):
        outer = analyst(f"SELECT * FROM (SELECT getSetting('max_execution_time') SETTINGS {inner})")
        assert 0 < float(outer.text) <= 60
    assert analyst("SELECT getSetting('max_execution_time'), getSetting('readonly')").text == "60\t2\n"
    assert analyst("SELECT getSetting('max_execution_time')", max_execution_time=100000).text == "60\n"
    assert analyst("SELECT getSetting('max_execution_time')", max_execution_time=0).text == "60\n"
    assert analyst("SELECT getSetting('max_execution_time')", max_execution_time=5).text == "5\n"
    slow = "SELECT sleepEachRow(0.01) FROM numbers(1000) SETTINGS max_block_size = 1"
    assert analyst(slow, max_execution_time=1, wait_end_of_query=1).code == 159
    assert analyst("SELECT groupArray(number) FROM numbers(1000000000)", max_memory_usage=100_000_000).code == 241


def test_views_give_both_logins_the_same_rows(tables: ClickHouseServer, analyst: Ask) -> None:
    # A view's own SETTINGS count: with readonly = 1 the engine would drop them, and say '' for what is absent.
    sql = "SELECT a, b, c FROM gospulse.facts ORDER BY a"
    assert analyst(sql).text == ask(tables.connection, sql).text == "1\tx\tother\n2\ty\t\\N\n"


def test_clickhouse_connect_works_for_analysts(analyst: Ask, reader: ClickHouseConnection) -> None:
    with connect(reader, database="gospulse") as client:
        assert client.query("SELECT a, c FROM facts ORDER BY a").result_rows == [(1, "other"), (2, None)]
        assert client.query("SELECT a FROM picked(wanted = {w:UInt64})", parameters={"w": 2}).result_rows == [(2,)]


def test_a_function_that_the_writer_makes_is_not_for_analysts(tables: ClickHouseServer, analyst: Ask) -> None:
    assert analyst("SELECT 1 AS twice").text == "1\n"
    assert ask(tables.connection, "CREATE OR REPLACE FUNCTION twice AS x -> x + x").status == 200
    try:
        assert analyst("SELECT twice(1)").code == 497
        assert analyst("SELECT arrayMap(twice, [1])").code == 497
    finally:
        assert ask(tables.connection, "DROP FUNCTION twice").status == 200
    assert analyst("SELECT 1 AS twice").text == "1\n"
