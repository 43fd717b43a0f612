"""What the three registers' commands have in common: their options, and the action that was asked for."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from clickhouse_connect.driver.client import Client

from deploy.cli.registers.exporting import export
from deploy.cli.registers.importing import import_file
from deploy.cli.registers.showing import check, show_register
from deploy.clickhouse.client import clickhouse
from deploy.errors import WRONG_USE, UserError
from deploy.settings import Settings
from ingest.registers import cells
from ingest.registers.plan import ALL
from ingest.registers.registers import ORGANISATIONS, Register
from schemas.clickhouse.generations import has_table
from schemas.reference.reference_data import regions

#: A register of 200,000 rows is read and written in seconds; a busy server may take longer.
_PATIENCE_S = 300.0


def configure(
    parser: argparse.ArgumentParser, register: Register
) -> argparse._SubParsersAction[argparse.ArgumentParser]:
    """Adds ``import``, ``export``, ``show`` and ``check``; the result takes further actions."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    imported = actions.add_parser("import", help="bring the register to a file: CSV or JSON lines")
    imported.add_argument("file", type=Path, metavar="FILE")
    imported.add_argument("--dry-run", action="store_true", help="show what would change and change nothing")
    imported.add_argument(
        "--from",
        dest="since",
        type=day,
        metavar="DAY",
        help="first day of rows without valid_from (default: today; for a new entry since ever)",
    )
    imported.add_argument(
        "--complete",
        metavar="all|REGION",
        help="the file is complete, for the country or a region's code: what it does not name ends",
    )
    imported.add_argument(
        "--ignore", action="append", default=[], metavar="COLUMN", help="a column of the file to leave out"
    )
    imported.add_argument("--limit", type=int, default=50, metavar="N", help="changes to show (50; 0: all)")
    exported = actions.add_parser("export", help="write the register to a file that `import` reads back")
    exported.add_argument("file", type=Path, nargs="?", metavar="FILE", help="default: standard output")
    exported.add_argument("--history", action="store_true", help="all rows with their validity")
    exported.add_argument("--at", type=day, metavar="DAY", help="rows in force on that day (default: today)")
    form = exported.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="JSON lines instead of CSV")
    form.add_argument("--excel", action="store_true", help="CSV that Russian Excel opens: `;` and a byte order mark")
    shown = actions.add_parser("show", help=f"one {register.singular} with its history, or a summary")
    shown.add_argument("key", nargs="?", metavar="KEY", help=f"key of the {register.singular}; none: a summary")
    if register is ORGANISATIONS:
        shown.add_argument("--without-page", action="store_true", help="those that must keep a page and keep none")
    actions.add_parser("check", help="list what does not fit together (exit 1 where anything is found)")
    return actions


def run(args: argparse.Namespace, settings: Settings, register: Register) -> int:
    """Does ``import``, ``export``, ``show`` or ``check``."""
    if args.action == "import" and args.complete is not None:
        _check_scope(args.complete)
    with opened(settings, register) as client:
        if args.action == "import":
            return import_file(client, register, args)
        if args.action == "export":
            return export(client, register, args)
        if args.action == "show":
            return show_register(client, register, args.key, without=getattr(args, "without_page", False))
        return check(client, register)


@contextmanager
def opened(settings: Settings, register: Register) -> Iterator[Client]:
    """A client for ClickHouse, on which the register's table exists."""
    with clickhouse(settings.clickhouse, timeout_s=_PATIENCE_S) as client:
        if not has_table(client, register.name):
            raise UserError("ClickHouse holds no registers yet: run `gospulse migrate` first")
        yield client


def _check_scope(scope: str) -> None:
    if scope != ALL and scope not in {region.code for region in regions()}:
        raise UserError(f"--complete takes all, or the eight-digit code of a region, not {scope}", WRONG_USE)


def day(text: str) -> date:
    """A day of the command line."""
    try:
        return cells.day(text)
    except cells.CellError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
