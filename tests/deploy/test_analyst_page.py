"""Every query of the page for analysts runs with their login, on an empty system and on one with appeals."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client

from deploy.clickhouse.client import clickhouse as open_clickhouse
from schemas.clickhouse.generations import FIRST
from streams.refresh.refresher import Refresher
from tests.conftest import ClickHouseServer
from tests.streams.builders.records import event, hex32
from tests.streams.builders.stored_log import StoredLog

PAGE = Path(__file__).resolve().parents[2] / "docs" / "analyst.md"
QUERIES = re.findall(r"\*\*(\d+)\. .*?```sql\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def analyst(clickhouse_server: ClickHouseServer) -> Iterator[Client]:
    clickhouse_server.prepare()
    with open_clickhouse(clickhouse_server.analyst) as client:
        yield client


def test_there_are_ten_queries() -> None:
    assert [number for number, _ in QUERIES] == [str(number) for number in range(1, 11)]


@pytest.mark.parametrize(("number", "sql"), QUERIES)
def test_a_query_runs_on_an_empty_system(analyst: Client, number: str, sql: str) -> None:
    assert analyst.query(sql).result_rows is not None


def test_appeals_of_today_are_in_the_answers(analyst: Client, clickhouse_server: ClickHouseServer) -> None:
    with open_clickhouse(clickhouse_server.connection) as client:
        now = int(client.query("SELECT toUnixTimestamp(now())").result_rows[0][0]) * 1000
        log = StoredLog(client, FIRST)
        records = [
            event(n, "appeal_received", appeal=hex32(n), at=now - 3_600_000, place="57701000", topic="housing.heating")
            for n in range(3)
        ]
        log.append(*records, event("answer", "appeal_answered", appeal=hex32(0), at=now - 60_000), appended=now)
        Refresher(client, FIRST).drain()
    sql = dict(QUERIES)
    assert [tuple(row)[1:] for row in analyst.query(sql["1"]).result_rows] == [("public_page", 3)]
    assert [tuple(row) for row in analyst.query(sql["4"]).result_rows] == [("housing.heating", 3, 0)]
    ((region, appeals, median, slowest),) = analyst.query(sql["5"]).result_rows
    assert (region, appeals, slowest) == ("57000000", 3, float("inf")) and median > 0
    assert [tuple(row) for row in analyst.query(sql["6"]).result_rows] == [("57701000", 2, 0, 0)]
