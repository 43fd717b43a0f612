"""``gospulse grafana check``: every query of every board against the running ClickHouse."""

from __future__ import annotations

import argparse
import time
from typing import Final

from dashboards.boards import BOARDS
from dashboards.checker import Finding, check, problems
from dashboards.datasource.macros import Window
from deploy.cli.tables import show
from deploy.clickhouse.asking import asking
from deploy.clickhouse.client import clickhouse
from deploy.errors import FAILURE, GOOD, WRONG_USE, UserError
from deploy.settings import Settings

_PATIENCE_S: Final = 120.0
_HOUR_MS: Final = 3_600_000


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("--hours", type=float, help="length of the period that ends now (default: the board's own)")
    parser.add_argument("--empty", action="store_true", help="rows are not needed: the database may be empty")
    parser.add_argument("--all", action="store_true", help="print every query, not only what is wrong and all at «Все»")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Exit code 1 where a query fails, gives other columns, or no row."""
    if args.hours is not None and not 0 < args.hours <= 24 * 366:
        raise UserError("--hours is between 0 and 8784", WRONG_USE)
    to_ms = int(time.time() * 1000)
    found: list[Finding] = []
    with clickhouse(settings.analyst, timeout_s=_PATIENCE_S) as client:
        for board in BOARDS:
            hours = args.hours or _hours(board.since)
            window = Window(to_ms - int(hours * _HOUR_MS), to_ms)
            found += check(board, window, asking(client), rows_needed=not args.empty)
    shown = [finding for finding in found if args.all or finding.selection == "all" or finding.problem]
    show(
        ["board", "selection", "query", "rows", "ms", "problem"],
        [
            [each.board, each.selection, each.panel, each.rows, round(each.seconds * 1000), each.problem]
            for each in shown
        ],
        right=["rows", "ms"],
    )
    wrong = problems(found)
    print(f"{len(found)} queries, {len(wrong)} with a problem")
    return FAILURE if wrong else GOOD


def _hours(since: str) -> float:
    number, unit = int(since.removeprefix("now-")[:-1]), since[-1]
    return number * {"h": 1, "d": 24}[unit]
