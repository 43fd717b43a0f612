"""Import of a register file: what would change, the rows with a problem, then the writing."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime

from clickhouse_connect.driver.client import Client

from deploy.cli.tables import show
from deploy.errors import FAILURE, GOOD, WRONG_USE, UserError
from ingest.registers.history import Problem, Write
from ingest.registers.page_register import SINCE_EVER
from ingest.registers.plan import Histories, Options, Plan, Surroundings, changed_fields, plan, summary
from ingest.registers.registers import ORGANISATIONS, PAGES, PLACES, Register
from ingest.registers.store import moscow_today, read_histories, write_points
from ingest.registers.table_file import RegisterFileError, read_file

_KINDS = ("new", "changed", "ended", "cancelled")


def import_file(client: Client, register: Register, args: argparse.Namespace) -> int:
    """Exit code 1 where a row has a problem: the other rows are imported all the same."""
    try:
        file = read_file(args.file, register, args.ignore)
    except RegisterFileError as error:
        raise UserError(str(error), WRONG_USE) from error
    stored = read_histories(client, register)
    around = surroundings(client, register, stored)
    options = Options(today=moscow_today(client), since=args.since, complete=args.complete)
    found = plan(register, file, around, options)
    return carry_out(client, register, found, stored, dry_run=args.dry_run, limit=args.limit)


def surroundings(client: Client, register: Register, stored: Histories) -> Surroundings:
    """What rows of the register may refer to."""
    places = {} if register is PLACES else read_histories(client, PLACES)
    organisations = read_histories(client, ORGANISATIONS) if register is PAGES else {}
    return Surroundings(stored, places, organisations)


def carry_out(client: Client, register: Register, found: Plan, stored: Histories, *, dry_run: bool, limit: int) -> int:
    """Show a plan, write it unless ``dry_run``, and say what was done."""
    kinds = summary(found, stored)
    if dry_run:
        _show_changes(register, found.writes, limit)
    elif found.writes:
        write_points(client, register, found.writes, datetime.now(UTC))
    _show_problems(found.problems)
    counts = ", ".join(f"{kinds[kind]:,} {kind}" for kind in _KINDS if kinds[kind])
    if not counts:
        counts = "nothing would change" if dry_run else "no change"
    elif dry_run:
        counts = f"would be {counts}"
    print(f"{register.name}: {found.rows:,} rows read, {found.unchanged:,} unchanged; {counts}.")
    if found.problems:
        print(f"{len(found.problems):,} rows have a problem and do not count; mend them and import the file again.")
    if found.not_ended:
        print("Nothing was ended: with a problem in the file it is not known which entries it leaves out.")
    return FAILURE if found.problems else GOOD


def _show_changes(register: Register, writes: Sequence[Write], limit: int) -> None:
    if not writes:
        return
    shown = writes if limit == 0 else writes[:limit]
    rows = [
        (write.key, "since ever" if write.valid_from == SINCE_EVER else write.valid_from, _what(register, write))
        for write in shown
    ]
    show((register.singular, "from", "change"), rows)
    if len(shown) < len(writes):
        print(f"{len(writes) - len(shown):,} more changes are not shown (--limit 0 shows all).")


def _what(register: Register, write: Write) -> str:
    if write.state == "ended":
        return "ends"
    if write.state == "cancelled":
        return "the row that began then is taken back"
    new = "" if write.before is not None else "new: "
    return new + "; ".join(changed_fields(register, write))


def _show_problems(problems: Sequence[Problem]) -> None:
    if problems:
        rows = [(problem.line, problem.key, problem.field, problem.reason) for problem in problems]
        show(("line", "key", "field", "problem"), rows, right=("line",))
