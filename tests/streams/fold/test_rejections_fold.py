"""The fold of rejections: a report of ingest is a row, and so is what is no report."""

from __future__ import annotations

from typing import Any

from streams.definition import Definition
from streams.fold.rejections import RejectionFold
from streams.fold.rows import TABLES
from tests.streams.builders.records import batch, definition, report


def rejected(values: list[bytes | None], rules: Definition | None = None) -> list[dict[str, Any]]:
    fold = RejectionFold(3, 0, 0, rules or definition())
    fold.fold(batch(values))
    rows = fold.flush()
    assert rows is not None
    assert set(rows.tables) <= {"rejected"}
    assert all(frame.schema == TABLES["rejected"] for frame in rows.tables.values())
    return [row for frame in rows.tables.values() for row in frame.to_dicts()]


def test_a_report_becomes_a_row_of_stage_ingest() -> None:
    raw = report(origin="line 7", load="run-1", odd=1)
    (row,) = rejected([raw])
    assert {name: row[name] for name in ("log", "part", "off", "stage", "field", "reason", "source", "origin")} == {
        "log": 3,
        "part": 0,
        "off": 0,
        "stage": "ingest",
        "field": "kind",
        "reason": "Unknown.",
        "source": "vk-callback",
        "origin": "line 7",
    }
    assert row["size"] == len(raw)


def test_what_is_no_report_is_rejected_by_the_worker() -> None:
    values: list[bytes | None] = [
        None,
        b"\xff",
        b"[]",
        report(at="now"),
        report(v=2, at="now"),
        report(v=0),
        report(source=""),
    ]
    rows = rejected(values)
    assert [(row["off"], row["stage"], row["field"], row["source"]) for row in rows] == [
        (0, "fold", "", ""),
        (1, "fold", "", ""),
        (2, "fold", "", ""),
        (3, "fold", "at", ""),
        (4, "fold", "v", ""),
        (5, "fold", "v", ""),
        (6, "fold", "source", ""),
    ]


def test_reports_of_an_excluded_load_are_as_if_absent() -> None:
    assert rejected([report(load="bad")], definition(excluded_loads=("bad",))) == []


def test_many_reports_do_not_pull_the_brake_but_many_broken_records_do() -> None:
    fold = RejectionFold(3, 0, 0, definition())
    fold.fold(batch([report()] * 1_500))
    assert not fold.rejects_most
    fold.fold(batch([b"?"] * 500, 1_500))
    assert fold.rejects_most
