"""``gospulse places``: the register of municipalities, and what a reform moves from one to another."""

from __future__ import annotations

import argparse
from datetime import date

from clickhouse_connect.driver.client import Client

from deploy.cli.registers import actions
from deploy.cli.registers.importing import carry_out, surroundings
from deploy.errors import FAILURE, GOOD, WRONG_USE, UserError
from deploy.settings import Settings
from ingest.registers import cells
from ingest.registers.move import rows_of_a_move
from ingest.registers.plan import Options, plan
from ingest.registers.registers import ORGANISATIONS, PAGES, PLACES
from ingest.registers.store import moscow_today, read_histories

NAME = "places"
HELP = "the register of municipalities: import, export, show, check, move after a reform"
EXAMPLES = """
  gospulse places import municipalities.csv --dry-run     show what would change
  gospulse places import reform.csv --from 2027-01-01     rows are in force from that day on
  gospulse places move 05617000 05517000 --from 2027-01-01
                                                          pages and organisations of the old municipality
  gospulse places export places.csv --history             all rows with their validity
  gospulse places show 05701000
  gospulse places check                                   pages and organisations that a reform left behind

Exit code 0: good; 1: rows with a problem (the others are imported), or findings; 2: wrong use. docs/registers.md
explains the files.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the actions."""
    move = actions.configure(parser, PLACES).add_parser(
        "move", help="give pages and organisations of a municipality to another, from a day on"
    )
    move.add_argument("old", type=_place, metavar="OLD", help="OKTMO code of the municipality that ends")
    move.add_argument("new", type=_place, metavar="NEW", help="OKTMO code of the municipality that follows")
    move.add_argument(
        "--from", dest="since", type=actions.day, required=True, metavar="DAY", help="first day in the new one"
    )
    move.add_argument("--dry-run", action="store_true", help="show what would change and change nothing")
    move.add_argument("--limit", type=int, default=50, metavar="N", help="changes to show (50; 0: all)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Exit code 1 where a row has a problem or something does not fit together."""
    if args.action != "move":
        return actions.run(args, settings, PLACES)
    with actions.opened(settings, PLACES) as client:
        return _move(client, args.old, args.new, args.since, dry_run=args.dry_run, limit=args.limit)


def _move(client: Client, old: str, new: str, since: date, *, dry_run: bool, limit: int) -> int:
    if new not in read_histories(client, PLACES):
        raise UserError(f"the register of places does not hold {new}: import it first", WRONG_USE)
    code = GOOD
    # Organisations first: a page may only belong to one that is in force.
    for register in (ORGANISATIONS, PAGES):
        stored = read_histories(client, register)
        options = Options(today=moscow_today(client))
        found = plan(
            register, rows_of_a_move(register, stored, old, new, since), surroundings(client, register, stored), options
        )
        if carry_out(client, register, found, stored, dry_run=dry_run, limit=limit) != GOOD:
            code = FAILURE
    return code


def _place(text: str) -> str:
    try:
        return cells.oktmo(text)
    except cells.CellError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
