"""``gospulse organisations``: the register of organisations that must keep pages, and of those that are exempt."""

from __future__ import annotations

import argparse

from deploy.cli.registers import actions
from deploy.settings import Settings
from ingest.registers.registers import ORGANISATIONS

NAME = "organisations"
HELP = "the register of organisations that must keep pages: import, export, show, check"
EXAMPLES = """
  gospulse organisations import organisations.csv --dry-run
  gospulse organisations import kostroma.csv --complete 34000000     what the file does not name ends
  gospulse organisations export --excel organisations.csv
  gospulse organisations show --without-page                         those that must keep a page and keep none
  gospulse organisations check

Exit code 0: good; 1: rows with a problem (the others are imported), or findings; 2: wrong use. docs/registers.md
explains the files.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the actions."""
    actions.configure(parser, ORGANISATIONS)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Exit code 1 where a row has a problem or something does not fit together."""
    return actions.run(args, settings, ORGANISATIONS)
