"""``gospulse query``: SQL on the documented views, as a table, as JSON or as CSV."""

from __future__ import annotations

import argparse
import csv
import re
import sys
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from deploy.cli.tables import show
from deploy.clickhouse.answers import Answer, QueryError, ask
from deploy.clickhouse.client import clickhouse
from deploy.errors import GOOD, WRONG_USE, UserError
from deploy.settings import Settings

NAME = "query"
HELP = "ask ClickHouse in SQL, as the read-only login"
EXAMPLES = """
  gospulse query "SELECT count() FROM gospulse.appeals"
  gospulse query "SELECT entrance, count() FROM gospulse.appeals GROUP BY entrance" --json
  gospulse query "SELECT * FROM gospulse.place_day WHERE day = '2026-10-01'" --csv > day.csv
  gospulse query - < question.sql
  gospulse query "SELECT name, comment FROM system.tables WHERE database = 'gospulse'"      what there is
"""

#: A table is for eyes: beyond this many rows it says so and asks for --csv or LIMIT.
ROWS_OF_A_TABLE: Final = 1_000
_PATIENCE_S: Final = 600.0
_NUMERIC: Final = re.compile(r"(?:Nullable\()?(?:U?Int|Float|Decimal)")


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the question and the form of the answer."""
    parser.add_argument("sql", metavar="SQL", help="the question; - reads it from standard input")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="an array of objects")
    form.add_argument("--csv", action="store_true", help="comma-separated, with a line of names; absent is empty")
    parser.add_argument(
        "--login",
        choices=("analyst", "gospulse"),
        default="analyst",
        help="login to ask as; gospulse also sees the internal tables (default: %(default)s)",
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Exit code 1 when ClickHouse refuses the question."""
    sql = (sys.stdin.read() if args.sql == "-" else args.sql).strip().rstrip(";").strip()
    if not sql:
        raise UserError('the question is empty: try `gospulse query "SELECT count() FROM gospulse.appeals"`', WRONG_USE)
    connection = settings.analyst if args.login == "analyst" else settings.clickhouse
    with clickhouse(connection, timeout_s=_PATIENCE_S) as client:
        try:
            answer = ask(client, sql)
            if args.json:
                _print_json(answer)
            elif args.csv:
                _print_csv(answer)
            else:
                _print_table(answer)
        except QueryError as error:
            raise UserError(str(error)) from error
    return GOOD


def _print_json(answer: Answer) -> None:
    encode = msgspec.json.Encoder().encode
    before = "["
    for row in answer.rows:
        sys.stdout.write(before + encode(dict(zip(answer.columns, row, strict=True))).decode())
        before = ",\n"
    sys.stdout.write("]\n" if before != "[" else "[]\n")


def _print_csv(answer: Answer) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(answer.columns)
    for row in answer.rows:
        writer.writerow(map(_cell, row))


def _print_table(answer: Answer) -> None:
    shown: list[Sequence[Any]] = []
    for row in answer.rows:
        if len(shown) == ROWS_OF_A_TABLE:
            break
        shown.append([None if cell is None else _cell(cell) for cell in row])
    numbers = [name for name, kind in zip(answer.columns, answer.types, strict=True) if _NUMERIC.match(kind)]
    show(answer.columns, shown, right=numbers)
    if next(answer.rows, None) is not None:
        print(
            f"only the first {ROWS_OF_A_TABLE:,} rows: take --csv or --json for all of them, or LIMIT", file=sys.stderr
        )


def _cell(value: Any) -> Any:
    """A value of JSON as text; absent as nothing, arrays and objects as JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return msgspec.json.encode(value).decode() if isinstance(value, list | dict) else value
