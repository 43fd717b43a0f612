"""Variables: the expectations of the data source's tests (src/data/CHDatasource.test.ts), and Grafana's formats."""

from __future__ import annotations

import pytest

from dashboards.datasource.macros import Window
from dashboards.datasource.request import sql_of
from dashboards.datasource.variables import ALL, Chosen, Option, conditional_all, formatted, replace

OPTIONS = (Option("a", "А"), Option("o'b", "О"))
SOME = Chosen(OPTIONS, ("a",), many=True)
EVERY = Chosen(OPTIONS, (ALL,), many=True)


@pytest.mark.parametrize(
    ("sql", "variables", "expected"),
    [
        (
            "select stuff from table where $__conditionalAll(fieldVal in ($fieldVal), $fieldVal);",
            {"fieldVal": EVERY},
            "select stuff from table where 1=1;",
        ),
        (
            "select stuff from table where $__conditionalAll(fieldVal in ($fieldVal), $fieldVal);",
            {"fieldVal": SOME},
            "select stuff from table where fieldVal in ($fieldVal);",
        ),
        (
            "select stuff from table where $__conditionalAll(fieldVal in ($fieldVal), $fieldVal) and "
            "$__conditionalAll(fieldVal in ($fieldVal2), $fieldVal2);",
            {"fieldVal": SOME, "fieldVal2": EVERY},
            "select stuff from table where fieldVal in ($fieldVal) and 1=1;",
        ),
        ("$__conditionalAll(foo, $fieldVal)", {"fieldVal": SOME}, " foo".strip()),
        ("$__conditionalAll(foo, $fieldVal)", {"fieldVal": Chosen((), (), many=True)}, "1=1"),
        ("$__conditionalAll(foo)", {}, "$__conditionalAll(foo)"),
    ],
)
def test_a_condition_falls_away_where_all_is_chosen(sql: str, variables: dict[str, Chosen], expected: str) -> None:
    assert conditional_all(sql, variables) == expected


@pytest.mark.parametrize(
    ("chosen", "form", "expected"),
    [
        (EVERY, "singlequote", r"'a','o\'b'"),
        (SOME, "singlequote", "'a'"),
        (EVERY, "doublequote", '"a","o\'b"'),
        (EVERY, "sqlstring", "'a','o''b'"),
        (EVERY, "csv", "a,o'b"),
        (EVERY, None, "'a','o'b'"),
        (Chosen(OPTIONS, ("a",)), None, "a"),
        (EVERY, "queryparam", "var-x=%24__all"),
        (Chosen(OPTIONS, ("a", "o'b"), many=True), "queryparam", "var-x=a&var-x=o%27b"),
        (EVERY, "text", "Все"),
        (Chosen(OPTIONS, ("a", "o'b"), many=True), "text", "А + О"),
    ],
)
def test_formats(chosen: Chosen, form: str | None, expected: str) -> None:
    assert formatted("x", chosen, form) == expected


def test_what_is_no_variable_stays_for_the_back_end() -> None:
    assert replace("$__fromTime ${x} $x [[x]] $other ${__from}", {"x": Chosen((), ("1",))}, {"__from": "7"}) == (
        "$__fromTime 1 1 1 $other 7"
    )


def test_a_value_cannot_leave_its_quotes() -> None:
    attack = Chosen((), ("x') OR 1=1 --",), many=True)
    target = {"rawSql": "SELECT 1 WHERE a IN (${v:singlequote}) AND t >= $__fromTime"}
    assert sql_of(target, {"v": attack}, Window(0, 1000)) == (
        "SELECT 1 WHERE a IN ('x\\') OR 1=1 --') AND t >= toDateTime(0)"
    )
