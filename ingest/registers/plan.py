"""What an import of a file would change: new, changed and ended entries, and the rows with a problem. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Final

from msgspec import Struct

from ingest.registers import history
from ingest.registers.history import NOTHING, History, Problem, Write
from ingest.registers.page_register import SINCE_EVER
from ingest.registers.registers import PLACES, Entry, EntryError, Register, Values, read_values
from ingest.registers.table_file import FileRow, RegisterFile
from schemas.reference.places import district_of, region_of

Histories = Mapping[str, History]
#: ``complete`` of an import whose file holds the whole register.
ALL: Final = "all"
_DAY: Final = timedelta(days=1)


class Surroundings(Struct, frozen=True):
    """What the register holds, and what its rows may refer to: histories by key."""

    stored: Histories
    places: Histories = {}
    organisations: Histories = {}


class Options(Struct, frozen=True):
    """``today`` by Moscow's calendar. ``since``: the day of rows without ``valid_from``.

    ``complete``: the file holds all entries of the register (``all``) or of one region (its code), so that an entry
    that it does not name ends.
    """

    today: date
    since: date | None = None
    complete: str | None = None


class Plan(Struct, frozen=True):
    """What an import would do: ``writes`` bring the register to the file; ``unchanged`` rows agree with it already."""

    rows: int
    unchanged: int
    writes: list[Write]
    problems: list[Problem]
    #: ``complete`` was asked for, and nothing was ended because some rows have problems.
    not_ended: bool


class _Row(Struct, frozen=True):
    line: int
    key: str
    begin: date
    end: date | None
    entry: Entry
    #: Neither the file nor the option names the first day.
    assumed: bool


def plan(register: Register, file: RegisterFile, around: Surroundings, options: Options) -> Plan:
    """Compare a file with the register. Rows with a problem are left out and listed, the others count."""
    problems = list(file.problems)
    by_key: dict[str, list[_Row]] = {}
    cancelled: dict[str, list[tuple[int, date]]] = {}
    named: set[str] = set()
    for file_row in file.rows:
        key: str | None = None
        try:
            values = read_values(register, file_row.texts)
            key = register.key_of(values)
            named.add(key)
            day = values.get("valid_from")
            if day is not None and day == values.get("valid_to"):
                _demand_point(around.stored.get(key, NOTHING), day)
                cancelled.setdefault(key, []).append((file_row.line, day))
            else:
                row = _row(register, file_row, key, values, around, options)
                by_key.setdefault(key, []).append(row)
        except EntryError as error:
            problems.append(Problem(file_row.line, key, error.field, str(error)))
    new: dict[str, History] = {}
    unchanged = 0
    for key, rows in by_key.items():
        before = around.stored.get(key, NOTHING)
        after = before
        sound, conflicts = _without_conflicts(rows)
        problems += conflicts
        for row in sound:
            overlaid = history.overlay(after, row.begin, row.end, row.entry)
            unchanged += overlaid == after
            after = overlaid
        new[key] = after
    for key, points in cancelled.items():
        for _line, day in points:
            new[key] = history.cancel(new.get(key, around.stored.get(key, NOTHING)), day)
    if options.complete is not None and not problems:
        new |= _ended(register, named, around.stored, options)
    found = [
        write for key, after in new.items() for write in history.writes(key, around.stored.get(key, NOTHING), after)
    ]
    problems.sort(key=lambda problem: problem.line)
    rows_read = len(file.rows) + len(file.problems)
    return Plan(rows_read, unchanged, found, problems, options.complete is not None and bool(problems))


def _row(
    register: Register, file_row: FileRow, key: str, values: Values, around: Surroundings, options: Options
) -> _Row:
    stored = around.stored.get(key, NOTHING)
    if register is not PLACES and values.get("place") is not None:
        values["place"] = _municipality(values["place"], around.places)
    begin, end = values.pop("valid_from", None), values.pop("valid_to", None)
    assumed = begin is None
    if begin is None:
        begin = _first_day(stored, end, values, around, options)
    if end is not None and end <= begin:
        first = "the row would begin on" if assumed else "valid_from is"
        raise EntryError("valid_to", f"{end} is not after the first day: {first} {begin}")
    known = history.at(stored, begin)
    complete = (register.values(known) if known is not None else {}) | values
    for field in register.fields:
        if field.required and complete.get(field.name) is None:
            gone = "the file has no such column" if field.name not in values else "the cell is empty"
            raise EntryError(field.name, f"{gone}, but a {register.singular} needs it")
    entry = register.entry(complete)
    if assumed and end is not None and known is not None and entry != known:
        raise EntryError("valid_from", "a row that ends and changes values at once needs its first day too")
    _check_references(register, entry, begin, end, around, options.today)
    return _Row(file_row.line, key, begin, end, entry, assumed)


def _first_day(stored: History, end: date | None, values: Values, around: Surroundings, options: Options) -> date:
    """The first day of a row that names none.

    An end alone ends what is in force. Else it is the day of ``since``, or today for a key that the register knows. A
    key that it does not know counts since ever, but not before its place and its organisation.
    """
    if end is not None and (ending := history.validity_at(stored, end - _DAY)) is not None:
        return ending.valid_from
    day = options.since or options.today
    if options.since is not None or history.at(stored, options.today) is not None:
        return day
    if stored:
        return day
    found = [
        history.validity_at(histories.get(values.get(column) or "", NOTHING), options.today)
        for histories, column in ((around.places, "place"), (around.organisations, "organisation"))
    ]
    return max([SINCE_EVER, *(each.valid_from for each in found if each is not None)])


def _municipality(place: str, places: Histories) -> str:
    """The place itself, or its district where the register of places holds the district and not the settlement."""
    district = district_of(place)
    return district if place not in places and district in places else place


def _check_references(
    register: Register, entry: Entry, begin: date, end: date | None, around: Surroundings, today: date
) -> None:
    """The place and the organisation must be in force on the row's first day, and on its last one or today."""
    if register is PLACES:
        return
    last = max(begin, today if end is None else min(today, end - _DAY))
    place, organisation = register.column(entry, "place"), register.column(entry, "organisation")
    if ":" not in place:
        if place not in around.places:
            raise EntryError(
                "place", f"unknown OKTMO {place}: the register of places does not hold it; import it first"
            )
        _demand_in_force("place", place, around.places[place], begin, last)
    if register.key_fields == ("network", "native_id") and organisation is not None:
        if organisation not in around.organisations:
            raise EntryError(
                "organisation", f"the register of organisations does not hold {organisation}; import it first"
            )
        _demand_in_force("organisation", organisation, around.organisations[organisation], begin, last)


def _demand_in_force(field: str, key: str, points: History, begin: date, last: date) -> None:
    for day in (begin, last):
        if history.at(points, day) is None:
            periods = ", ".join(
                f"from {each.valid_from}" + (f" to {each.valid_to}" if each.valid_to else "")
                for each in history.validities(points)
            )
            raise EntryError(
                field,
                f"{field} {key} is not in force on {day}; it is {periods or 'never'}: give valid_from and valid_to, "
                f"or another {field}",
            )


def _demand_point(stored: History, day: date) -> None:
    if all(point.valid_from != day for point in stored):
        raise EntryError("valid_to", f"equals valid_from, which cancels a row that begins on {day}; there is none")


def _without_conflicts(rows: list[_Row]) -> tuple[list[_Row], list[Problem]]:
    """The rows of one key by day, and those that contradict each other: of them none counts."""
    if len(rows) == 1:
        return rows, []
    rows = sorted(rows, key=lambda row: (row.begin, row.line))
    problems: list[Problem] = []
    bad: set[int] = set()
    for number, row in enumerate(rows):
        for other in rows[number + 1 :]:
            if other.begin != row.begin and (row.end is None or other.begin >= row.end):
                continue
            if (row.begin, row.end, row.entry) == (other.begin, other.end, other.entry):
                problems.append(Problem(other.line, other.key, None, f"repeats line {row.line}; it counts once"))
                bad.add(other.line)
                continue
            for one, against in ((row, other), (other, row)):
                reason = (
                    f"line {against.line} says otherwise of {one.key} on {max(row.begin, other.begin)}; neither counts"
                )
                problems.append(Problem(one.line, one.key, None, reason))
                bad.add(one.line)
    return [row for row in rows if row.line not in bad], problems


def _ended(register: Register, named: set[str], stored: Histories, options: Options) -> dict[str, History]:
    day = options.since or options.today
    ended: dict[str, History] = {}
    for key, points in stored.items():
        entry = history.at(points, day)
        if key not in named and entry is not None and in_scope(register, entry, options.complete or ALL):
            ended[key] = history.end(points, day)
    return ended


def in_scope(register: Register, entry: Entry, scope: str) -> bool:
    """Whether an entry belongs to ``all`` or to the region whose code ``scope`` is."""
    if scope == ALL:
        return True
    region = region_of(register.column(entry, "place"))
    return region is not None and region.code == scope


def changed_fields(register: Register, write: Write) -> Iterable[str]:
    """What a write changes, as ``field: before → after``."""
    if write.state != "in force":
        return
    before = {} if write.before is None else register.values(write.before)
    for field, value in register.values(write.entry).items():
        if before.get(field) != value:
            yield f"{field}: {_shown(before.get(field))} → {_shown(value)}" if before else f"{field}: {_shown(value)}"


def summary(plan: Plan, stored: Histories) -> Counter[str]:
    """How many keys a plan makes new, changes and ends, and how many points it cancels."""
    kinds: Counter[str] = Counter()
    for key, group in _by_key(plan.writes).items():
        if not stored.get(key):
            kinds["new"] += 1
        elif any(write.state == "in force" for write in group):
            kinds["changed"] += 1
        elif any(write.state == "ended" for write in group):
            kinds["ended"] += 1
        else:
            kinds["cancelled"] += 1
    return kinds


def _by_key(found: list[Write]) -> dict[str, list[Write]]:
    groups: dict[str, list[Write]] = {}
    for write in found:
        groups.setdefault(write.key, []).append(write)
    return groups


def _shown(value: object) -> str:
    return "empty" if value is None else "yes" if value is True else "no" if value is False else str(value)
