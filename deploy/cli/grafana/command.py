"""``gospulse grafana``: the boards in a Grafana, and the check of their queries."""

from __future__ import annotations

import argparse

from deploy.cli.grafana import check
from deploy.settings import Settings

NAME = "grafana"
HELP = "bring the boards into a Grafana, compare them, check their queries"
EXAMPLES = """
  gospulse grafana check                   every query of every board: errors, columns, rows, times
  gospulse grafana check --empty           on a database without rows
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the actions."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check.configure(actions.add_parser("check", help="run every query of the boards against ClickHouse"))


def run(args: argparse.Namespace, settings: Settings) -> int:
    """The exit code of the action."""
    return check.run(args, settings)
