"""Macros of the data source: the expectations of its own tests (pkg/macros/macros_test.go), retyped."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dashboards.datasource.macros import MacroError, Window, expand


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


MACROS = Window(ms("2014-11-12T11:45:26.371"), ms("2015-11-12T11:45:26.371"), 20_000)
WHOLE = Window(ms("2014-11-12T11:45:26.123"), ms("2015-11-12T11:45:26.456"), 60_000)
FROM, TO = "toDateTime(1415792726)", "toDateTime(1447328726)"
FROM_MS, TO_MS = "fromUnixTimestamp64Milli(1415792726123)", "fromUnixTimestamp64Milli(1447328726456)"


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("$__fromTime", FROM),
        ("$__toTime", TO),
        ("$__fromTime_ms", "fromUnixTimestamp64Milli(1415792726371)"),
        ("$__toTime_ms", "fromUnixTimestamp64Milli(1447328726371)"),
        ("$__dateFilter(dateCol)", "dateCol >= toDate('2014-11-12') AND dateCol <= toDate('2015-11-12')"),
        (
            "$__dateTimeFilter(dateCol, timeCol)",
            "(dateCol >= toDate('2014-11-12') AND dateCol <= toDate('2015-11-12')) AND "
            f"(timeCol >= {FROM} AND timeCol <= {TO})",
        ),
        ("$__timeInterval(col)", "toStartOfInterval(toDateTime(col), INTERVAL 20 second)"),
        ("$__timeInterval_ms(col)", "toStartOfInterval(toDateTime64(col, 3), INTERVAL 20000 millisecond)"),
        ("$__interval_s", "20"),
        ("$__timeFrom(ts)", f"ts >= {FROM}"),
        ("$__timeTo(ts)", f"ts <= {TO}"),
        ("$__timeGroup(ts, 5m)", "toStartOfInterval(toDateTime(ts), INTERVAL 300 second)"),
        ("$__timeGroup(ts, 1h)", "toStartOfInterval(toDateTime(ts), INTERVAL 3600 second)"),
    ],
)
def test_a_macro_expands_as_the_plugin_does(call: str, expected: str) -> None:
    assert expand(call, MACROS) == expected


@pytest.mark.parametrize(
    "call",
    [
        "$__timeFilter()",
        "$__timeFilter_ms()",
        "$__dateFilter()",
        "$__dateTimeFilter(d)",
        "$__timeInterval()",
        "$__timeInterval_ms()",
        "$__timeFrom()",
        "$__timeTo()",
        "$__timeGroup(ts)",
        "$__timeGroup(ts, not-a-duration)",
    ],
)
def test_a_wrong_call_is_an_error(call: str) -> None:
    with pytest.raises(MacroError, match=r"\$__"):
        expand(call, MACROS)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "select * from foo where $__timeFilter(cast(sth as timestamp))",
            f"select * from foo where cast(sth as timestamp) >= {FROM} AND cast(sth as timestamp) <= {TO}",
        ),
        (
            "select * from foo where $__timeFilter(cast(sth as timestamp) )",
            f"select * from foo where cast(sth as timestamp) >= {FROM} AND cast(sth as timestamp) <= {TO}",
        ),
        (
            "select * from foo where $__timeFilter_ms(cast(sth as timestamp) )",
            f"select * from foo where cast(sth as timestamp) >= {FROM_MS} AND cast(sth as timestamp) <= {TO_MS}",
        ),
        (
            "select * from foo where ( date >= $__fromTime and date <= $__toTime ) limit 100",
            f"select * from foo where ( date >= {FROM} and date <= {TO} ) limit 100",
        ),
        (
            "select * from foo where ( date >= $__fromTime_ms ) and ( date <= $__toTime_ms ) limit 100",
            f"select * from foo where ( date >= {FROM_MS} ) and ( date <= {TO_MS} ) limit 100",
        ),
        # A macro as an argument of another one.
        (
            "SELECT $__timeInterval($__fromTime) AS from_time",
            f"SELECT toStartOfInterval(toDateTime({FROM}), INTERVAL 60 second) AS from_time",
        ),
        (
            "SELECT $__timeInterval_ms($__fromTime_ms)",
            f"SELECT toStartOfInterval(toDateTime64({FROM_MS}, 3), INTERVAL 60000 millisecond)",
        ),
        (
            "select * from foo where $__timeFilter(coalesce(closed_at, $__toTime))",
            f"select * from foo where coalesce(closed_at, {TO}) >= {FROM} AND coalesce(closed_at, {TO}) <= {TO}",
        ),
        # Quotes, which hide what looks like a comment.
        (
            r"select * from foo where msg = 'it\'s -- fine' and $__fromTime",
            rf"select * from foo where msg = 'it\'s -- fine' and {FROM}",
        ),
        (
            r"select * from foo where msg = 'a\'/*x' and $__toTime",
            rf"select * from foo where msg = 'a\'/*x' and {TO}",
        ),
        (
            "select * from foo where msg = 'it''s' and $__fromTime",
            f"select * from foo where msg = 'it''s' and {FROM}",
        ),
        (
            "SELECT `it's` AS x, msg FROM t WHERE msg = 'a--b' AND $__timeFilter(ts)",
            f"SELECT `it's` AS x, msg FROM t WHERE msg = 'a--b' AND ts >= {FROM} AND ts <= {TO}",
        ),
        ("SELECT `a--b`, `c/*d` FROM t WHERE $__fromTime", f"SELECT `a--b`, `c/*d` FROM t WHERE {FROM}"),
        (
            "SELECT $doc$a--b$doc$ AS x FROM t WHERE $__toTime",
            f"SELECT $doc$a--b$doc$ AS x FROM t WHERE {TO}",
        ),
        # Comments go with the macros in them; an unknown macro stays.
        ("SELECT 1 -- $__timeFilter(\nFROM t", "SELECT 1 \nFROM t"),
        ("SELECT $__nothing(1)", "SELECT $__nothing(1)"),
    ],
)
def test_a_whole_query_expands_as_the_plugin_does(sql: str, expected: str) -> None:
    assert expand(sql, WHOLE) == expected
