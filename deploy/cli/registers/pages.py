"""``gospulse pages``: the register of official pages, pages that it does not know, stamps for past events."""

from __future__ import annotations

import argparse
from pathlib import Path

from deploy.cli.registers import actions
from deploy.cli.registers.unknown import show_unknown, write_stamp_set
from deploy.settings import Settings
from ingest.registers.registers import PAGES

NAME = "pages"
HELP = "the register of official pages: import, export, show, check, unknown pages, stamps"
EXAMPLES = """
  gospulse pages import pages.csv --dry-run         show what would change
  gospulse pages import pages.csv
  gospulse pages export --excel pages.csv           rows in force today, for Excel
  gospulse pages export --history --json all.jsonl  all rows with their validity
  gospulse pages show vk:1234567
  gospulse pages unknown                            pages whose events are kept under place 00000000
  gospulse pages stamps stamps.csv                  then: gospulse rebuild --restamp stamps.csv

Exit code 0: good; 1: rows with a problem (the others are imported), or findings; 2: wrong use. docs/registers.md
explains the files.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the actions."""
    further = actions.configure(parser, PAGES)
    unknown = further.add_parser("unknown", help="pages with events under place 00000000, with their counts")
    unknown.add_argument(
        "--limit", type=int, default=50, metavar="N", help="pages to show, the busiest first (50; 0: all)"
    )
    unknown.add_argument("--json", action="store_true", help="print as JSON")
    stamps = further.add_parser("stamps", help="write the stamp set by which past events get the register's places")
    stamps.add_argument("file", type=Path, metavar="FILE", help="for `gospulse rebuild --restamp FILE`")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Exit code 1 where a row has a problem or something does not fit together."""
    if args.action not in ("unknown", "stamps"):
        return actions.run(args, settings, PAGES)
    with actions.opened(settings, PAGES) as client:
        if args.action == "unknown":
            return show_unknown(client, args.limit, as_json=args.json)
        return write_stamp_set(client, args.file)
