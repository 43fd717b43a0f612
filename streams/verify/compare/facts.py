"""Compares facts: the earliest copy in the log, with all its contents, is what the tables must hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import msgspec
from msgspec import Struct, field

from streams.positions import Position
from streams.verify.extents import Extents
from streams.verify.findings import Findings
from streams.verify.recount.facts import WITHOUT_HOURS
from streams.verify.recount.ledger import FactCopy
from streams.verify.recount.spill import SpillReader
from streams.verify.stored.facts import NOT_RECORDED, StoredFact, StoredHour, fact_hours, facts
from streams.verify.stored.tables import StoredRows

#: Spilled bytes that are compared at once; as objects they take about ten times as much memory.
RANGE_BYTES = 32 * 1024 * 1024
HOURS: Final = "fact_hours"


class FactTally(Struct):
    """What the copies of one kind of fact say beyond equality."""

    facts: int = 0
    copies: int = 0
    #: Copies that the window dropped.
    within_window: int = 0
    #: Copies that were counted again in ``page_hour``.
    beyond_window: int = 0
    #: Identities whose copies lie in two or more hours.
    several_hours: int = 0


class _Earliest(Struct, gc=False):
    """The earliest of some copies, of all and of the acknowledged ones."""

    acknowledged: FactCopy | None
    earliest: FactCopy

    def add(self, copy: FactCopy) -> None:
        if (copy.part, copy.off) < (self.earliest.part, self.earliest.off):
            self.earliest = copy
        before = self.acknowledged
        if copy.acknowledged and (before is None or (copy.part, copy.off) < (before.part, before.off)):
            self.acknowledged = copy


class _Copies(_Earliest):
    """All copies of a fact; by hour the earliest, by name whether an acknowledged copy names it."""

    copies: int = 0
    counted: int = 0
    hours: dict[int, _Earliest] = field(default_factory=dict)
    names: dict[str, bool] = field(default_factory=dict)


class _Compared(Struct):
    """What the comparisons of one table have in common."""

    findings: Findings
    table: str
    log: int
    extents: Extents
    #: Facts that happened before it (ms UTC) may be absent, and so may copies of a fact.
    kept_from: int
    #: The same for hours.
    hours_kept_from: int


def compare_facts(
    findings: Findings,
    table: str,
    log: int,
    spilled: SpillReader,
    stored: StoredRows,
    extents: Extents,
    kept_from: int = 0,
    hours_kept_from: int = 0,
) -> FactTally:
    """Compare every fact of ``table`` and its hours; the spilled copies stand in ``log``. Returns what the copies say.

    Facts before ``kept_from`` and hours before ``hours_kept_from`` (seconds UTC) may be absent.
    """
    tally = FactTally()
    compared = _Compared(findings, table, log, extents, kept_from * 1000, hours_kept_from * 1000)
    for buckets in spilled.ranges(table, RANGE_BYTES):
        recounted = _collected(spilled, table, buckets)
        _tell(tally, recounted)
        if table not in WITHOUT_HOURS:
            _compare_hours(compared, recounted, fact_hours(stored, table, buckets))
        _compare(compared, recounted, facts(stored, table, buckets))
    return tally


def _collected(spilled: SpillReader, table: str, buckets: range) -> dict[str, _Copies]:
    decode = msgspec.msgpack.Decoder(FactCopy).decode
    found: dict[str, _Copies] = {}
    for copy in map(decode, spilled.payloads(table, buckets)):
        sure = copy if copy.acknowledged else None
        copies = found.get(copy.key)
        if copies is None:
            copies = found[copy.key] = _Copies(sure, copy)
        copies.add(copy)
        copies.copies += 1
        copies.counted += copy.counted
        copies.hours.setdefault(copy.hour, _Earliest(sure, copy)).add(copy)
        for name in copy.names:
            copies.names[name] = copies.names.get(name, False) or copy.acknowledged
    return found


def _tell(tally: FactTally, recounted: dict[str, _Copies]) -> None:
    for copies in recounted.values():
        tally.facts += 1
        tally.copies += copies.copies
        tally.within_window += copies.copies - copies.counted
        tally.beyond_window += max(0, copies.counted - 1)
        tally.several_hours += len(copies.hours) > 1


def _compare(compared: _Compared, recounted: dict[str, _Copies], stored: Iterator[StoredFact]) -> None:
    findings, table = compared.findings, compared.table
    missing = set(recounted)
    for row in stored:
        copies = recounted.get(row.key)
        missing.discard(row.key)
        if copies is None:
            _judge_stranger(compared, table, row.key, row.position)
            continue
        _compare_unions(compared, row, copies)
        found = (row.at, row.appended, *row.said)
        old = any(each.earliest.at < compared.kept_from for each in copies.hours.values())
        _compare_one(compared, table, row.key, row.position, found, copies, lambda copy: copy.contents, old)
    for key in missing:
        copies = recounted[key]
        if copies.acknowledged is None:
            findings.count(findings.bracketed, table)
        elif any(copy.earliest.at < compared.kept_from for copy in copies.hours.values()):
            findings.count(findings.expired, table)
        else:
            findings.differ(table, key, _position(_at(compared.log, copies.acknowledged)), None)


def _compare_unions(compared: _Compared, row: StoredFact, copies: _Copies) -> None:
    """Hours and names: at least those of acknowledged copies, at most those of all."""
    if compared.table in WITHOUT_HOURS or any(each.earliest.at < compared.kept_from for each in copies.hours.values()):
        return
    # Positions that the log no longer holds may have told of more.
    known = compared.extents.standing(*row.position) == "read"
    sure_hours = {hour for hour, each in copies.hours.items() if each.acknowledged is not None}
    sure_names = {name for name, sure in copies.names.items() if sure}
    for what, sure, every, found in (
        ("hours", sure_hours, set(copies.hours), set(row.hours)),
        ("names", sure_names, set(copies.names), set(row.names)),
    ):
        if not sure <= found or (known and not found <= every):
            compared.findings.differ(compared.table, f"{row.key} {what}", sorted(every), sorted(found))


def _compare_hours(compared: _Compared, recounted: dict[str, _Copies], stored: Iterator[StoredHour]) -> None:
    findings = compared.findings
    missing = {(key, hour) for key, copies in recounted.items() for hour in copies.hours}
    for row in stored:
        missing.discard((row.key, row.hour))
        where = f"{compared.table} {row.key} hour {row.hour}"
        copies = recounted.get(row.key)
        in_hour = copies.hours.get(row.hour) if copies is not None else None
        if copies is None or in_hour is None:
            _judge_stranger(compared, HOURS, where, row.position)
            continue
        old = row.hour * 1000 < compared.hours_kept_from
        _compare_one(compared, HOURS, where, row.position, row.said, in_hour, lambda copy: copy.where, old)
        # A standing copy before the earliest would hide the fact.
        earliest = _at(compared.log, copies.earliest)
        hidden = row.standing != NOT_RECORDED and row.standing < earliest
        if hidden and compared.extents.standing(*row.standing) == "read":
            findings.differ(HOURS, where, f"stands at {_position(earliest)}", _position(row.standing))
    for key, hour in missing:
        acknowledged = recounted[key].hours[hour].acknowledged
        if acknowledged is None:
            findings.count(findings.bracketed, HOURS)
        elif hour * 1000 < compared.hours_kept_from:
            findings.count(findings.expired, HOURS)
        else:
            where = f"{compared.table} {key} hour {hour}"
            findings.differ(HOURS, where, _position(_at(compared.log, acknowledged)), None)


def _judge_stranger(compared: _Compared, table: str, where: str, position: Position) -> None:
    """A stored row of a fact that the recount did not meet."""
    findings, standing = compared.findings, compared.extents.standing(*position)
    if standing == "read":
        findings.differ(table, where, None, _position(position))
    else:
        findings.count(findings.gone if standing == "gone" else findings.later, table)


def _compare_one(
    compared: _Compared,
    table: str,
    where: str,
    position: Position,
    found: tuple[object, ...],
    copies: _Earliest,
    contents: Callable[[FactCopy], tuple[object, ...]],
    old: bool,
) -> None:
    """Compare the stored copy with the earliest one; ``old``: retention may have removed earlier copies."""
    findings, log = compared.findings, compared.log
    for copy in (copies.earliest, copies.acknowledged):
        if copy is not None and position == _at(log, copy):
            same = copies.acknowledged is copies.earliest
            findings.count(findings.compared if same else findings.bracketed, table)
            if found != contents(copy):
                findings.differ(table, where, *_unlike(contents(copy), found))
            return
    latest, earliest = copies.acknowledged, _at(log, copies.earliest)
    readable = compared.extents.standing(*position) == "read"
    too_late = latest is not None and position > _at(log, latest)
    if too_late and old:
        findings.count(findings.expired, table)
    elif too_late or (readable and position < earliest):
        findings.differ(table, where, _position(earliest), _position(position))
    else:
        findings.count(findings.bracketed if readable else findings.gone, table)


def _at(log: int, copy: FactCopy) -> Position:
    return Position(log, copy.part, copy.off)


def _position(position: Position) -> str:
    return f"log {position.log} partition {position.part} offset {position.off}"


def _unlike(recounted: tuple[object, ...], stored: tuple[object, ...]) -> tuple[str, str]:
    unlike = [number for number, pair in enumerate(zip(recounted, stored, strict=True)) if pair[0] != pair[1]]
    return (
        ", ".join(str(recounted[number]) for number in unlike),
        ", ".join(str(stored[number]) for number in unlike),
    )
