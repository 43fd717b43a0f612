"""Boards: committed as they are generated, within the rules, and one label with one meaning everywhere."""

from __future__ import annotations

import copy
import json
import re
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dashboards.boards import BOARDS
from dashboards.builders.board import Board
from dashboards.generate import FOLDER, files
from dashboards.lint import faults
from schemas.clickhouse.view_catalogue import views
from schemas.metric_catalogue import METRICS, document

ROOT = Path(__file__).resolve().parents[2]
Change = Callable[[dict[str, Any]], object]


def test_the_committed_files_are_what_the_code_makes() -> None:
    assert {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()} == files(), (
        "run python -m dashboards.generate"
    )


@pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)
def test_a_board_keeps_the_rules(board: Board) -> None:
    assert list(faults(board.json())) == []


def _panel(board: dict[str, Any], number: int) -> dict[str, Any]:
    found: dict[str, Any] = next(panel for panel in board["panels"] if panel["id"] == number)
    return found


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda board: _panel(board, 2).update(id=1), "unique"),
        (lambda board: _panel(board, 2).update(description="Доля."), "Что делать"),
        (lambda board: _panel(board, 2)["gridPos"].update(x=23, w=4), "leaves the grid"),
        (lambda board: _panel(board, 2)["gridPos"].update(x=0), "overlap"),
        (lambda board: _panel(board, 1)["targets"][0].update(format="timeseries"), "format"),
        (lambda board: _panel(board, 1)["targets"][0].update(rawSql="SELECT 1 AS a"), "time filter"),
        (lambda board: _panel(board, 7)["targets"][0].update(rawSql="SELECT 1 WHERE $__fromTime"), "ordered by time"),
        (lambda board: _panel(board, 9)["targets"][0].update(rawSql="SELECT * FROM t"), r"SELECT \*"),
        (lambda board: _panel(board, 9)["targets"][0].update(rawSql="SELECT a IN ($region)"), "format"),
        (lambda board: _panel(board, 9)["targets"][0].update(rawSql="SELECT '$__fromTime'"), "inside quotes"),
        (lambda board: _panel(board, 9)["targets"][0].update(rawSql="SELECT 1 FROM gospulse_data.x"), "documented"),
        (lambda board: _panel(board, 9)["targets"][0].update(rawSql="SELECT avg(answer_s)"), "means"),
        (lambda board: _panel(board, 9)["fieldConfig"]["defaults"].pop("unit"), "unit"),
        (lambda board: _panel(board, 2)["fieldConfig"]["defaults"].pop("mappings"), "NULL needs a mapping"),
        (lambda board: _panel(board, 8)["fieldConfig"]["defaults"].pop("mappings"), "NULL needs a mapping"),
        (
            lambda board: _panel(board, 8)["options"]["layers"][3]["config"]["style"].update(opacity=1),
            "layer of its own",
        ),
        (lambda board: _panel(board, 9)["fieldConfig"]["defaults"]["custom"].pop("wrapHeaderText"), "must wrap"),
        (lambda board: _panel(board, 9)["fieldConfig"]["overrides"].extend(_gauge("Тема")), "begin at 0"),
        (lambda board: _panel(board, 11)["fieldConfig"]["overrides"].clear(), "names of bars"),
        (lambda board: _panel(board, 8)["fieldConfig"]["overrides"].clear(), "Код stands in a link"),
        (lambda board: board.update(refresh="5s"), "30 seconds"),
        (lambda board: board.update(timezone="browser"), "IANA"),
        (lambda board: board.update(editable=True), "editable"),
        (lambda board: board["links"][0].update(keepTime=False), "keep time"),
        (lambda board: board["templating"]["list"][0].update(refresh=1), "time range"),
        (lambda board: board["panels"].extend(_many(board)), "more than 12"),
    ],
)
def test_a_broken_rule_is_found(change: Change, fault: str) -> None:
    board = copy.deepcopy(BOARDS[0].json())
    change(board)
    assert any(True for found in faults(board) if _matches(fault, found)), list(faults(board))


def _gauge(column: str) -> list[dict[str, Any]]:
    return [
        {
            "matcher": {"id": "byName", "options": column},
            "properties": [{"id": "custom.cellOptions", "value": {"type": "gauge"}}],
        }
    ]


def _many(board: dict[str, Any]) -> list[dict[str, Any]]:
    made = copy.deepcopy(_panel(board, 12))
    return [made | {"id": 900, "gridPos": {"x": 0, "y": 99, "w": 24, "h": 5}}]


def _matches(fault: str, found: str) -> bool:
    return re.search(fault, found) is not None


def test_every_metric_names_a_view_and_columns_that_exist() -> None:
    known = {view.name: {column.name for column in view.columns} for view in views()}
    assert {metric.key: set(metric.columns) - known[metric.view] for metric in METRICS} == {
        metric.key: set() for metric in METRICS
    }


def test_the_page_of_metrics_is_what_the_catalogue_makes() -> None:
    assert (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8") == document(METRICS), (
        "run python -m schemas.metric_catalogue"
    )


def test_numbers_are_labelled_by_the_catalogue_alone() -> None:
    titles = {metric.title for metric in METRICS}
    helpers = {"Широта плитки", "Долгота плитки"}
    for board in BOARDS:
        for panel in board.panels:
            named = {name for query in panel.queries for name, kind in query.columns if kind == "number"}
            assert named - helpers <= titles, (board.uid, panel.id)
            assert named - helpers <= {metric.title for metric in METRICS if metric.key in panel.metrics}, (
                f"{board.uid}, panel {panel.id}: its description does not explain every number"
            )


def test_titles_and_keys_are_unique() -> None:
    for field in ("key", "title"):
        seen: dict[str, int] = defaultdict(int)
        for metric in METRICS:
            seen[getattr(metric, field)] += 1
        assert [value for value, number in seen.items() if number > 1] == []


def test_times_in_tables_are_written_as_times() -> None:
    for board in BOARDS:
        for panel in board.panels:
            model = panel.json([])
            if model["type"] != "table":
                continue
            written = {
                override["matcher"]["options"]
                for override in model["fieldConfig"]["overrides"]
                for each in override["properties"]
                if each["id"] == "unit" and each["value"].startswith("time:")
            }
            times = {name for query in panel.queries for name, kind in query.columns if kind == "time"}
            assert times == written, (board.uid, panel.id)


def test_every_board_is_reached_from_every_other() -> None:
    uids = {board.uid for board in BOARDS}
    for board in BOARDS:
        assert {link["url"].removeprefix("/d/") for link in board.links} == uids - {board.uid}


def test_links_of_values_name_boards_variables_and_fields_that_exist() -> None:
    variables = {board.uid: {variable.name for variable in board.variables} for board in BOARDS}
    for board in BOARDS:
        for panel in board.panels:
            columns = {name for query in panel.queries for name, _ in query.columns}
            text = json.dumps(panel.json([]), ensure_ascii=False)
            for uid, query in _links(json.loads(text)):
                assert set(re.findall(r"var-(\w+)=", query)) <= variables[uid], (board.uid, panel.id, query)
                assert set(re.findall(r'fields\["([^"]+)"\]', query)) <= columns, (board.uid, panel.id, query)
                assert set(re.findall(r"\$\{(\w+):queryparam\}", query)) <= variables[board.uid], (panel.id, query)


def _links(value: Any) -> list[tuple[str, str]]:
    """Board and query of every link inside a panel."""
    if isinstance(value, dict):
        own = [value["url"]] if str(value.get("url", "")).startswith("/d/") else []
        return [tuple(url.removeprefix("/d/").split("?", 1)) for url in own] + [
            link for each in value.values() for link in _links(each)
        ]
    return [link for each in value for link in _links(each)] if isinstance(value, list) else []
