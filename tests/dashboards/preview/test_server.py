"""The preview's server: what it hands out, what it refuses; and time ranges as Grafana writes them."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from aiohttp.test_utils import TestClient, TestServer

from dashboards.boards import BOARDS
from dashboards.datasource.request import Answer, QueryFailedError
from dashboards.preview.server import application, frame
from dashboards.preview.time_range import RangeError, moment_ms, range_ms

NOW = datetime(2026, 3, 2, 20, 30, tzinfo=UTC)
MOSCOW = ZoneInfo("Europe/Moscow")
MODELS: dict[str, Any] = {board.uid: board.json() for board in BOARDS}


def client(asked: list[str], *, broken: bool = False) -> TestClient[Any, Any]:
    def ask(sql: str) -> Answer:
        asked.append(sql)
        if broken:
            raise QueryFailedError("ClickHouse went away.")
        return Answer(("a", "b"), ("String", "UInt64"), (("x", 1),))

    return TestClient(TestServer(application(MODELS, ask, "UTC", now=lambda: NOW)))


async def test_only_queries_of_the_boards_are_run() -> None:
    asked: list[str] = []
    async with client(asked) as browser:
        body = {"board": "gospulse-country", "panels": [1], "from": "now-24h", "to": "now", "variables": {}}
        answer = await browser.post("/api/rows", data=json.dumps(body))
        assert (await answer.json())["frames"]["1"][0]["rows"] == [["x", 1]]
        attack = body | {"sql": "DROP TABLE x"}
        assert (await browser.post("/api/rows", data=json.dumps(attack))).status == 400
        assert (await browser.post("/api/rows", data="no json")).status == 400
        # A value that is no option is dropped.
        body["variables"] = {"region": ["x'); DROP TABLE y --"]}
        await browser.post("/api/rows", data=json.dumps(body))
    assert not any("DROP" in sql for sql in asked)


async def test_a_foreign_name_of_the_host_is_rejected() -> None:
    async with client([]) as browser:
        answer = await browser.get("/api/boards/gospulse-country", headers={"Host": "evil.example:8321"})
        assert answer.status == 403
        answer = await browser.get("/api/boards/gospulse-country", headers={"Host": "localhost:8321"})
        assert answer.status == 200
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]


async def test_problems_are_sentences() -> None:
    async with client([], broken=True) as browser:
        for path in ("/api/layout", "/api/rows"):
            for change, sentence in (
                ({}, "ClickHouse went away."),
                ({"from": "yesterday"}, "'yesterday' is no time: write now, now-24h, now/d or milliseconds."),
                ({"from": "now", "to": "now-1h"}, "The period ends before it begins."),
                ({"board": "nothing"}, "There is no board nothing."),
            ):
                answer = await browser.post(
                    path, data=json.dumps({"board": "gospulse-country", "panels": [1]} | change)
                )
                assert (await answer.json())["error"] == sentence
        assert (await browser.get("/d/nothing")).status == 404
    await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("text", "end", "expected"),
    [
        ("now", False, "2026-03-02T23:30:00"),
        ("now-24h", False, "2026-03-01T23:30:00"),
        ("now/d", False, "2026-03-02T00:00:00"),
        ("now/d", True, "2026-03-02T23:59:59.999"),
        ("now-1d/d", False, "2026-03-01T00:00:00"),
        ("now/w", False, "2026-03-02T00:00:00"),
        ("now-7d", False, "2026-02-23T23:30:00"),
        ("1772438400000", False, "2026-03-02T11:00:00"),
    ],
)
def test_times_are_read_as_grafana_reads_them(text: str, end: bool, expected: str) -> None:
    found = moment_ms(text, NOW, MOSCOW, end=end)
    assert datetime.fromtimestamp(found / 1000, MOSCOW).replace(tzinfo=None) == datetime.fromisoformat(expected)


def test_a_range_has_bounds() -> None:
    with pytest.raises(RangeError, match="three years"):
        range_ms("1000000000000", "now", NOW, MOSCOW)


def test_times_become_milliseconds_and_days_stay() -> None:
    answer = Answer(
        ("a", "b", "c", "d"),
        ("DateTime", "Nullable(DateTime64(3, 'Europe/Moscow'))", "Nullable(Date)", "Nullable(Float64)"),
        (
            ("2026-03-02 08:00:00", "2026-03-02 11:00:00.000", "2026-03-02", 1.5),
            ("1970-01-01 00:00:00", None, None, None),
        ),
    )
    found = frame(answer, "UTC")
    assert [column["kind"] for column in found["columns"]] == ["time", "time", "day", "number"]
    assert found["rows"][0] == [1_772_438_400_000, 1_772_438_400_000, "2026-03-02", 1.5]
    assert found["rows"][1] == [0, None, None, None]
