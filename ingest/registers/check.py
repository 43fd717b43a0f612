"""What does not fit together in the registers today. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date

from msgspec import Struct

from ingest.registers import history
from ingest.registers.history import NOTHING, History
from ingest.registers.plan import Histories
from ingest.registers.registers import ORGANISATIONS, PAGES, Entry


class Finding(Struct, frozen=True):
    """What is wrong with an entry that is in force today."""

    key: str
    name: str
    what: str


def in_force(histories: Histories, today: date) -> Iterator[Entry]:
    """The entries of a register that are in force on a day."""
    for points in histories.values():
        entry = history.at(points, today)
        if entry is not None:
            yield entry


def check_organisations(organisations: Histories, places: Histories, today: date) -> Iterator[Finding]:
    """Organisations in a place that is not in force, and one INN under several keys."""
    by_inn: defaultdict[str, list[Entry]] = defaultdict(list)
    for entry in in_force(organisations, today):
        yield from _left_behind(entry, "place", str(ORGANISATIONS.column(entry, "place")), places, today)
        inn = ORGANISATIONS.column(entry, "inn")
        if inn is not None:
            by_inn[inn].append(entry)
    for inn, entries in by_inn.items():
        for entry in entries[1:]:
            yield Finding(entry[0], _name(entry), f"INN {inn} belongs to {entries[0][0]} too")


def check_pages(pages: Histories, organisations: Histories, places: Histories, today: date) -> Iterator[Finding]:
    """Pages in a place or of an organisation that is not in force."""
    for entry in in_force(pages, today):
        yield from _left_behind(entry, "place", str(PAGES.column(entry, "place")), places, today)
        organisation = PAGES.column(entry, "organisation")
        if organisation is not None:
            yield from _left_behind(entry, "organisation", organisation, organisations, today)


def without_page(organisations: Histories, pages: Histories, today: date) -> list[Entry]:
    """Organisations in force that must keep pages and keep none, by key."""
    keeping = {PAGES.column(entry, "organisation") for entry in in_force(pages, today)}
    found = (
        entry
        for entry in in_force(organisations, today)
        if not ORGANISATIONS.column(entry, "exempt") and entry[0] not in keeping
    )
    return sorted(found, key=lambda entry: str(entry[0]))


def _left_behind(entry: Entry, field: str, key: str, referred: Histories, today: date) -> Iterator[Finding]:
    points: History = referred.get(key, NOTHING)
    if ":" in key or history.at(points, today) is not None:
        return
    ended = [each.valid_to for each in history.validities(points) if each.valid_to is not None]
    what = f"{field} {key} ended on {ended[-1]}" if ended else f"{field} {key} is not in the register"
    yield Finding(entry[0], _name(entry), what)


def _name(entry: Entry) -> str:
    return str(entry[1] if ":" in entry[0] else entry[2])
