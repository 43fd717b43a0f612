"""Panels: every query of the four boards as the data source sends it, with a board's own period and with a month."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from dashboards.boards import BOARDS
from dashboards.builders.board import Board
from dashboards.checker import selections
from dashboards.datasource.macros import Window
from dashboards.datasource.request import Ask, resolve, sql_of

_HOURS: Final = {"h": 1, "d": 24}
_MONTH_H: Final = 30 * 24


def panel_questions(ask: Ask, now_ms: int) -> Iterator[tuple[str, str, str]]:
    """Board, panel with its period and selection, SQL; also the variables, which a board asks first.

    ``now_ms``: the end of the periods, milliseconds UTC. ``ask`` resolves the variables. Raises QueryFailedError.
    """
    for board in BOARDS:
        model = board.json()
        for hours in sorted({_since_hours(board), _MONTH_H}):
            window = Window(now_ms - hours * 3_600_000, now_ms)
            full = resolve(model, {}, window, ask)
            span = f"{hours // 24} d"
            for variable in model["templating"]["list"]:
                yield board.uid, f"variable {variable['name']}, {span}", sql_of(variable["query"], full, window)
            for selection, chosen in selections(full, each_variable=False):
                for panel in board.panels:
                    for number, target in enumerate(panel.json([])["targets"]):
                        name = f"{panel.title}{f' {number}' if number else ''}, {span}, {selection}"
                        yield board.uid, name, sql_of(target, chosen, window)


def _since_hours(board: Board) -> int:
    found = re.fullmatch(r"now-(?P<number>\d+)(?P<unit>[hd])", board.since)
    assert found is not None, board.since
    return int(found["number"]) * _HOURS[found["unit"]]
