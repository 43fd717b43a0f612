"""``gospulse grafana apply`` and ``diff``: the boards in a running Grafana."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Final

from dashboards.boards import BOARDS
from dashboards.grafana.client import Grafana, GrafanaProblemError
from dashboards.grafana.wanted import Change, Reached
from deploy.errors import FAILURE, GOOD, WRONG_USE, UserError
from deploy.settings import Settings

#: Lines of a difference that are printed of one thing, unless all are asked for.
LINES: Final = 20


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds how Grafana reaches ClickHouse."""
    parser.add_argument(
        "--clickhouse-host", metavar="HOST", help="ClickHouse as Grafana reaches it (default: as we do)"
    )
    parser.add_argument("--clickhouse-port", metavar="PORT", type=int, help="its HTTP port (default: as we do)")
    parser.add_argument("--full", action="store_true", help="print every line that differs")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """``diff``: exit code 1 where something differs. ``apply``: exit code 1 where something was refused."""
    if settings.grafana_url is None:
        raise UserError("the address of Grafana is not known: set GOSPULSE_GRAFANA_URL", WRONG_USE)
    token = settings.grafana_access
    if token is None:
        raise UserError(
            "the token for Grafana is not known: set GOSPULSE_GRAFANA_TOKEN_FILE (a file of mode 0600) or "
            "GOSPULSE_GRAFANA_TOKEN",
            WRONG_USE,
        )
    analyst = settings.analyst
    reached = Reached(
        args.clickhouse_host or analyst.host, args.clickhouse_port or analyst.port, analyst.username, analyst.secure
    )
    boards = [board.json() for board in BOARDS]
    applying = args.action == "apply"
    try:
        grafana = Grafana(settings.grafana_url, token.reveal())
        version = grafana.check()
        changes = (
            grafana.apply(boards, reached, analyst.password.reveal()) if applying else grafana.compare(boards, reached)
        )
    except GrafanaProblemError as error:
        raise UserError(str(error)) from error
    refused = [change for change in changes if change.action == "refused"]
    print(f"Grafana {version} at {settings.grafana_url}")
    _print(changes, applied=applying and not refused, full=args.full)
    if refused:
        print("Nothing was changed." if applying else "Applying would change nothing.")
        return FAILURE
    differs = any(change.action != "same" for change in changes)
    return FAILURE if differs and not applying else GOOD


def _print(changes: Sequence[Change], *, applied: bool, full: bool) -> None:
    words = {
        "create": "created" if applied else "would be created",
        "update": "updated" if applied else "would be updated",
        "same": "is as it should be",
        "refused": "is left alone",
    }
    for change in changes:
        print(f"{change.thing} {words[change.action]}{f': {change.reason}' if change.reason else ''}")
        if change.action == "create":
            continue
        shown = change.diff if full else change.diff[:LINES]
        for line in shown:
            print(f"    {line}")
        if len(change.diff) > len(shown):
            print(f"    … {len(change.diff) - len(shown)} more lines: --full prints all")
