"""What a Grafana must hold against what it holds, without a Grafana."""

from __future__ import annotations

from typing import Any

import pytest

from dashboards.boards import BOARDS
from dashboards.grafana.wanted import Reached, compare_board, compare_datasource, datasource, version_of

WANTED = datasource(Reached("clickhouse", 8123, "analyst"))


def test_a_data_source_without_password_is_updated() -> None:
    found = WANTED | {"id": 3, "version": 2, "secureJsonFields": {"password": True}, "readOnly": False}
    assert compare_datasource(WANTED, found).action == "same"
    assert compare_datasource(WANTED, found | {"secureJsonFields": {}}).action == "update"
    assert compare_datasource(WANTED, None).action == "create"


def test_a_data_source_of_another_kind_or_owner_is_refused() -> None:
    moved: dict[str, Any] = WANTED | {"secureJsonFields": {"password": True}, "name": "x"}
    assert compare_datasource(WANTED, moved | {"readOnly": True}).action == "refused"
    assert "type prometheus" in compare_datasource(WANTED, moved | {"type": "prometheus"}).reason


def test_what_grafana_adds_to_a_board_is_no_difference() -> None:
    board = BOARDS[0].json()
    stored = {"dashboard": board | {"id": 5, "version": 9}, "meta": {"folderUid": "gospulse", "provisioned": True}}
    assert compare_board(board, stored).action == "same"
    stored["meta"]["folderUid"] = "elsewhere"
    stored["meta"]["provisioned"] = False
    assert compare_board(board, stored).diff[-1] == "+ folder gospulse"


@pytest.mark.parametrize(
    ("text", "version"), [("12.3.0", (12, 3)), ("13.0.0-pre", (13, 0)), ("11.6.1+security-01", (11, 6)), ("", (0, 0))]
)
def test_versions(text: str, version: tuple[int, int]) -> None:
    assert version_of(text) == version
