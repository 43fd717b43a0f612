"""Export of a register: the rows in force on a day, or all with their validity, as the import reads them back."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any, TextIO

from clickhouse_connect.driver.client import Client

from deploy.errors import GOOD, WRONG_USE, UserError
from ingest.registers import history
from ingest.registers.plan import Histories
from ingest.registers.registers import Register
from ingest.registers.store import moscow_today, read_histories
from ingest.registers.table_file import write_csv, write_json_lines, written_fields


def export(client: Client, register: Register, args: argparse.Namespace) -> int:
    """Writes to the file or to standard output."""
    if args.history and args.at is not None:
        raise UserError("--history writes every day; leave --at out", WRONG_USE)
    histories = read_histories(client, register)
    day = None if args.history else args.at or moscow_today(client)
    fields = written_fields(register, history=args.history)
    with _sink(args) as stream:
        if args.json:
            write_json_lines(stream, fields, rows(register, histories, day))
        else:
            write_csv(stream, fields, rows(register, histories, day), excel=args.excel)
    return GOOD


def rows(register: Register, histories: Histories, day: date | None) -> Iterator[dict[str, Any]]:
    """The rows in force on a day; None: all rows with ``valid_from`` and ``valid_to``."""
    for points in histories.values():
        for each in history.validities(points):
            if day is None:
                yield register.values(each.entry) | {"valid_from": each.valid_from, "valid_to": each.valid_to}
            elif each.valid_from <= day and (each.valid_to is None or day < each.valid_to):
                yield register.values(each.entry)


@contextmanager
def _sink(args: argparse.Namespace) -> Iterator[TextIO]:
    if args.file is None:
        yield sys.stdout
        return
    try:
        with args.file.open("w", encoding="utf-8", newline="") as stream:
            yield stream
    except OSError as error:
        raise UserError(f"{args.file} cannot be written: {error.strerror}") from error
    print(f"The register was written to {args.file}.", file=sys.stderr)
