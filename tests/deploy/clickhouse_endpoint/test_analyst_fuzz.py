"""Every function of the engine, in every position that a name can have: an analyst reaches no file and no network.

The canary lies in the data directory, which the process may read: so the check of functions alone is tried here.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from urllib.parse import urlencode

import pytest

from deploy.clickhouse_endpoint.engine.functions import read_lists
from tests.conftest import ClickHouseServer
from tests.deploy.clickhouse_endpoint.builders.canary import Canary
from tests.deploy.clickhouse_endpoint.builders.plain_http import ask, authorization

# {f} is the name, {p} the canary's path, {u} its URL.
CALLS = (
    "SELECT {f}('{p}')",
    "SELECT {f}('{p}', '{u}')",
    "SELECT arrayMap(x -> {f}(x), ['{p}'])",
    "SELECT 1 AS a, '{p}' AS p WHERE toString({f}(p)) != '' ORDER BY {f}(p)",
    "SELECT any(1) OVER (PARTITION BY {f}('{p}')) QUALIFY {f}('{p}') = ''",
    "WITH {f}('{p}') AS x SELECT x",
    "SELECT * REPLACE({f}(x) AS x) FROM (SELECT '{p}' AS x)",
    "SELECT * APPLY(x -> {f}(x)) FROM (SELECT '{p}' AS x)",
    "SHOW TABLES WHERE {f}('{p}') != ''",
    "DESCRIBE TABLE (SELECT {f}('{p}'))",
    "SELECT 'x' IN {f}('{p}')",
    "SELECT 'x' IN format(TSV, 'x String, y String DEFAULT {f}(''{p}'')', 'x')",
    "SELECT * FROM {f}('{p}')",
    "SELECT * FROM {f}('{u}', 'LineAsString')",
    "SELECT * FROM view(SELECT {f}('{p}') AS x)",
    "SELECT * FROM values('x String, y String DEFAULT {f}(''{p}'')', ('a', 'b'))",
    "SELECT * FROM values(concat('x String, y String DEF', 'AULT {f}(''{p}'')'), ('a', 'b'))",
    "SELECT * FROM values(`x String, y String DEFAULT {f}('{p}')`, ('a', 'b'))",
    "SELECT * FROM null('x String, y String ALIAS {f}(''{p}'')')",
    "SELECT * FROM generateRandom('x String DEFAULT {f}(''{p}'')') LIMIT 1",
)
NAMES = (
    "SELECT arrayMap({f}, ['{p}'])",
    "SELECT arrayMap(`{f}`, ['{p}'])",
    "SELECT arrayFold({f}, ['{p}'], '')",
    "SELECT arrayFilter({f}, ['{p}']) AS {f}",
    "SELECT mapApply({f}, map('a', '{p}'))",
    "SELECT 1 WHERE has(arrayMap({f}, ['{p}']), '')",
    "SELECT {f} AS f, arrayMap(f, ['{p}'])",
    "SELECT * APPLY({f}) FROM (SELECT '{p}' AS x)",
    "SELECT arrayReduce('{f}', ['{p}'])",
    "SELECT arrayReduceInRanges('{f}', [(1, 1)], ['{p}'])",
    "SELECT initializeAggregation('{f}', '{p}')",
)
PARAMETERS = (
    "SELECT arrayMap({{f:Identifier}}, ['{p}'])",
    "SELECT arrayMap(x -> arrayMap({{f:Identifier}}, [x]), ['{p}'])",
    "SELECT * APPLY(x -> arrayMap({{f:Identifier}}, [x])) FROM (SELECT '{p}' AS x)",
    "SELECT * FROM {{f:Identifier}}",
)


@pytest.fixture
def canary(clickhouse_server: ClickHouseServer) -> Iterator[Canary]:
    assert ask(clickhouse_server.connection, "CREATE DATABASE IF NOT EXISTS gospulse").status == 200
    made = Canary(clickhouse_server.folder / "data" / "canary")
    yield made
    made.close()


def _try(server: ClickHouseServer, canary: Canary, names: list[str]) -> int:
    """Every name in every position, over one connection: a new one for each takes as long as the query."""
    client = http.client.HTTPConnection(server.analyst.host, server.analyst.port, timeout=240)
    headers, tried = authorization(server.analyst), 0
    for name in names:
        path = f"/?{urlencode({'param_f': name, 'max_execution_time': 5})}"
        for form in (*CALLS, *NAMES, *PARAMETERS):
            sql = form.format(f=name, p=canary.path, u=canary.url)
            client.request("POST", path, sql.encode(), headers)
            assert canary.secret.encode() not in client.getresponse().read(), sql
            assert not (used := canary.uses()), (used, sql)
            tried += 1
    client.close()
    return tried


def test_the_canary_sings(clickhouse_server: ClickHouseServer, canary: Canary) -> None:
    # The login that writes may load its own data directory: the guard of the analyst is what is tried below.
    sql = f"INSERT INTO FUNCTION null('x String') SELECT arrayMap(x -> {{f:Identifier}}(x), ['{canary.path}'])"
    ask(clickhouse_server.connection, sql, param_f="file")
    canary.path.read_text()
    assert canary.uses()


@pytest.mark.long
def test_no_denied_function_reaches_a_file_or_the_network(clickhouse_server: ClickHouseServer, canary: Canary) -> None:
    # Of many functions of one kind a few stand for all.
    many = ("dictGet", "region", "ai", "address", "__", "transaction")
    denied = sorted(name for name in read_lists().denied if not name.startswith(many))
    some = ("dictGet", "regionToName", "aiGenerate", "addressToLine", "__actionName")
    assert _try(clickhouse_server, canary, [*denied, *some]) > 1000


@pytest.mark.endpoint
@pytest.mark.timeout(1200)
def test_no_function_reaches_a_file_or_the_network(clickhouse_server: ClickHouseServer, canary: Canary) -> None:
    both = "SELECT name FROM system.functions UNION DISTINCT SELECT name FROM system.table_functions"
    names = ask(clickhouse_server.connection, both).text.split()
    assert _try(clickhouse_server, canary, names) > 50_000
