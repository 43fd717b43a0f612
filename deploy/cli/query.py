"""``gospulse query``: SQL on the documented views, as a table, as JSON or as CSV."""

from __future__ import annotations

import argparse
import csv
import difflib
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
  gospulse query "SELECT * FROM gospulse.freshness" --vertical           a column a line
  gospulse query - < question.sql
  gospulse query "SELECT name, comment FROM system.tables WHERE database = 'gospulse'"      what there is
"""

#: Most rows of a table. With more, a note names --csv and LIMIT.
ROWS_OF_A_TABLE: Final = 1_000
_PATIENCE_S: Final = 600.0
_FORMAT: Final = re.compile(
    r"\bFORMAT\s+((?:CSV|TSV|Tab|JSON|Pretty|Vertical|Values|XML|Parquet|Arrow|Native|RowBinary|Markdown|Null|ORC|Avro)\w*)"
    r"\s*(?:SETTINGS\b.*)?$",
    re.IGNORECASE | re.DOTALL,
)
#: Errors for which the query's own form may be the reason: no such syntax, no such statement for this login.
_OF_THE_FORM: Final = ("(SYNTAX_ERROR)", "(READONLY)", "(ACCESS_DENIED)")
_FIRST_WORDS: Final = ("SELECT", "WITH", "SHOW", "DESCRIBE", "EXPLAIN", "EXISTS")
_NUMERIC: Final = re.compile(r"(?:Nullable\()?(?:U?Int|Float|Decimal)")


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the query and the format of the answer."""
    parser.add_argument("sql", metavar="SQL", help="the query; - reads it from standard input")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="an array of objects")
    form.add_argument("--csv", action="store_true", help="comma-separated, with a line of names; NULL is empty")
    form.add_argument("--vertical", action="store_true", help="a table with one column a line, for wide rows")
    parser.add_argument(
        "--login",
        choices=("analyst", "gospulse"),
        default="analyst",
        help="ClickHouse login; gospulse also reads the internal tables (default: %(default)s)",
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Exit code 1 when ClickHouse rejects the query."""
    sql = (sys.stdin.read() if args.sql == "-" else args.sql).strip().rstrip(";").strip()
    if not sql:
        raise UserError('the query is empty: try `gospulse query "SELECT count() FROM gospulse.appeals"`', WRONG_USE)
    connection = settings.analyst if args.login == "analyst" else settings.clickhouse
    with clickhouse(connection, timeout_s=_PATIENCE_S) as client:
        try:
            answer = ask(client, sql)
            if args.json:
                _print_json(answer)
            elif args.csv:
                _print_csv(answer)
            else:
                _print_table(answer, vertical=args.vertical)
        except QueryError as error:
            raise _explained(error, sql) from error
    return GOOD


def _explained(error: QueryError, sql: str) -> UserError:
    """The error with what to do, where ClickHouse's own sentence is about what this command has added."""
    words = sql.split(None, 1)
    if any(name in str(error) for name in _OF_THE_FORM):
        if found := _FORMAT.search(sql):
            return UserError(f"leave FORMAT {found[1]} out: --csv, --json and --vertical choose the format", WRONG_USE)
        near = difflib.get_close_matches(words[0].upper(), _FIRST_WORDS, n=1, cutoff=0.7)
        if near and words[0].upper() not in _FIRST_WORDS:
            return UserError(f"a query does not begin with {words[0]!r}; did you mean {near[0]}?", WRONG_USE)
    return UserError(str(error))


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


def _print_table(answer: Answer, *, vertical: bool) -> None:
    shown: list[Sequence[Any]] = []
    for row in answer.rows:
        if len(shown) == ROWS_OF_A_TABLE:
            break
        shown.append([None if cell is None else _cell(cell) for cell in row])
    numbers = [name for name, kind in zip(answer.columns, answer.types, strict=True) if _NUMERIC.match(kind)]
    show(answer.columns, shown, right=numbers, vertical=vertical)
    if next(answer.rows, None) is not None:
        print(
            f"only the first {ROWS_OF_A_TABLE:,} rows: use --csv or --json for all of them, or LIMIT", file=sys.stderr
        )


def _cell(value: Any) -> Any:
    """A value of JSON as text: NULL is empty, arrays and objects are JSON."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return msgspec.json.encode(value).decode() if isinstance(value, list | dict) else value
