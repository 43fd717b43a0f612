"""``gospulse grafana``: the boards in a Grafana, and the check of their queries."""

from __future__ import annotations

import argparse

from deploy.cli.grafana import apply, check
from deploy.settings import Settings

NAME = "grafana"
HELP = "bring the boards into a Grafana, compare them, check their queries"
EXAMPLES = """
  gospulse grafana check                   every query of every board: errors, columns, rows, times
  gospulse grafana check --empty           on a database without rows
  export GOSPULSE_GRAFANA_URL=https://grafana.example.org GOSPULSE_GRAFANA_TOKEN_FILE=~/grafana.token
  gospulse grafana diff                    what applying would change (exit 1 where something differs)
  gospulse grafana apply --clickhouse-host clickhouse.internal

  Grafana 11.6 or later with the plugin grafana-clickhouse-datasource; docs/dashboards.md says how to get the token.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the actions."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    check.configure(actions.add_parser("check", help="run every query of the boards against ClickHouse"))
    apply.configure(actions.add_parser("diff", help="show what applying would change in Grafana"))
    apply.configure(actions.add_parser("apply", help="bring data source, folder and boards into Grafana"))


def run(args: argparse.Namespace, settings: Settings) -> int:
    """The exit code of the action."""
    return check.run(args, settings) if args.action == "check" else apply.run(args, settings)
