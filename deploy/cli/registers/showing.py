"""A register for the eyes: one entry with its history, a summary, and what does not fit together."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from clickhouse_connect.driver.client import Client

from deploy.cli.tables import show
from deploy.errors import FAILURE, GOOD, WRONG_USE, UserError
from ingest.registers import history
from ingest.registers.check import Finding, check_organisations, check_pages, in_force, without_page
from ingest.registers.page_register import SINCE_EVER
from ingest.registers.plan import Histories
from ingest.registers.registers import ORGANISATIONS, PAGES, PLACES, Register
from ingest.registers.store import moscow_today, read_histories
from ingest.registers.table_file import as_text


def show_register(client: Client, register: Register, key: str | None, *, without: bool) -> int:
    """One entry by its key, the organisations without a page, or a summary."""
    histories = read_histories(client, register)
    today = moscow_today(client)
    if without:
        return _show_without_page(histories, read_histories(client, PAGES), today)
    if key is None:
        entries = list(in_force(histories, today))
        print(f"{register.name}: {len(entries):,} in force today, {len(histories):,} in all.")
        if register is ORGANISATIONS:
            number = len(without_page(histories, read_histories(client, PAGES), today))
            exempt = sum(1 for entry in entries if register.column(entry, "exempt"))
            print(
                f"{exempt:,} are exempt; {number:,} must keep a page and keep none (`show --without-page` lists them)."
            )
        return GOOD
    if key not in histories:
        raise UserError(f"the register of {register.name} does not hold {key}", WRONG_USE)
    validities = list(history.validities(histories[key]))
    columns = [_period(each.valid_from, each.valid_to) for each in validities]
    names = [field.name for field in register.fields]
    values = [register.values(each.entry) for each in validities]
    show((register.singular, *columns), [(name, *(as_text(each.get(name)) for each in values)) for name in names])
    if register is ORGANISATIONS:
        kept = sorted(
            e[0] for e in in_force(read_histories(client, PAGES), today) if PAGES.column(e, "organisation") == key
        )
        print(f"Pages in force: {', '.join(kept) or 'none'}.")
    return GOOD


def check(client: Client, register: Register) -> int:
    """Exit code 1 where anything is found."""
    today = moscow_today(client)
    places = read_histories(client, PLACES)
    organisations = read_histories(client, ORGANISATIONS)
    pages = read_histories(client, PAGES)
    found: list[tuple[str, Finding]] = []
    if register in (PLACES, ORGANISATIONS):
        found += _named(ORGANISATIONS, check_organisations(organisations, places, today))
    if register in (PLACES, PAGES):
        found += _named(PAGES, check_pages(pages, organisations, places, today))
    if register is PLACES:
        found = [(name, each) for name, each in found if each.what.startswith("place ")]
    if not found:
        print(f"{register.name}: everything fits together.")
        return GOOD
    show(("register", "key", "name", "problem"), [(name, each.key, each.name, each.what) for name, each in found])
    if any(" ended on " in each.what for _, each in found):
        print("`gospulse places move OLD NEW --from DAY` moves what a reform left behind.")
    return FAILURE


def _named(register: Register, findings: Iterable[Finding]) -> list[tuple[str, Finding]]:
    return [(register.name, each) for each in findings]


def _show_without_page(organisations: Histories, pages: Histories, today: date) -> int:
    rows = [
        (entry[0], *(ORGANISATIONS.column(entry, name) for name in ("name", "place", "level", "kind")))
        for entry in without_page(organisations, pages, today)
    ]
    if rows:
        show(("organisation", "name", "place", "level", "kind"), rows)
    print(f"{len(rows):,} organisations must keep a page and keep none.")
    return GOOD


def _period(begin: date, end: date | None) -> str:
    first = "since ever" if begin == SINCE_EVER else f"from {begin}"
    return first if end is None else f"{first} to {end}"
