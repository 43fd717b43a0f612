"""Compares facts: the earliest copy in the log, with all that it says, is what the table must hold."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import Struct

from streams.positions import Position
from streams.verify.extents import Extents
from streams.verify.findings import Findings
from streams.verify.recount.ledger import FactCopy
from streams.verify.recount.spill import SpillReader
from streams.verify.stored.tables import StoredFact, StoredRows

#: Spilled bytes that are compared at once; as objects they take about ten times as much memory.
RANGE_BYTES = 32 * 1024 * 1024


class FactTally(Struct):
    """What the copies of one kind of fact say beyond equality."""

    facts: int = 0
    copies: int = 0
    #: Copies that the window dropped.
    within_window: int = 0
    #: Copies that were counted again in ``page_hour``.
    beyond_window: int = 0
    #: Identities that appear under two or more days.
    two_days: int = 0


class _Copies(Struct, gc=False):
    acknowledged: FactCopy | None
    earliest: FactCopy
    copies: int = 0
    counted: int = 0


def compare_facts(
    findings: Findings,
    table: str,
    log: int,
    spilled: SpillReader,
    stored: StoredRows,
    extents: Extents,
    kept_from: str = "",
) -> FactTally:
    """Compare every fact of ``table``; the spilled copies stand in ``log``. Returns what the copies say.

    Facts of days (ISO) before ``kept_from`` may be absent.
    """
    tally = FactTally()
    for buckets in spilled.ranges(table, RANGE_BYTES):
        recounted = _earliest(spilled, table, buckets)
        _tell(tally, recounted)
        _compare(findings, table, log, recounted, stored.facts(table, buckets), extents, kept_from)
    return tally


def _earliest(spilled: SpillReader, table: str, buckets: range) -> dict[tuple[str, str], _Copies]:
    decode = msgspec.msgpack.Decoder(FactCopy).decode
    found: dict[tuple[str, str], _Copies] = {}
    for copy in map(decode, spilled.payloads(table, buckets)):
        copies = found.get((copy.day, copy.key))
        if copies is None:
            copies = found[copy.day, copy.key] = _Copies(None, copy)
        if (copy.part, copy.off) < (copies.earliest.part, copies.earliest.off):
            copies.earliest = copy
        before = copies.acknowledged
        if copy.acknowledged and (before is None or (copy.part, copy.off) < (before.part, before.off)):
            copies.acknowledged = copy
        copies.copies += 1
        copies.counted += copy.counted
    return found


def _tell(tally: FactTally, recounted: dict[tuple[str, str], _Copies]) -> None:
    days: dict[str, int] = {}
    for (_day, key), copies in recounted.items():
        tally.facts += 1
        tally.copies += copies.copies
        tally.within_window += copies.copies - copies.counted
        tally.beyond_window += max(0, copies.counted - 1)
        days[key] = days.get(key, 0) + 1
    tally.two_days += sum(1 for number in days.values() if number > 1)


def _compare(
    findings: Findings,
    table: str,
    log: int,
    recounted: dict[tuple[str, str], _Copies],
    stored: Iterator[StoredFact],
    extents: Extents,
    kept_from: str,
) -> None:
    for row in stored:
        copies = recounted.pop((row.day, row.key), None)
        standing = extents.standing(row.log, row.part, row.off)
        where = f"{row.day} {row.key}"
        if copies is None:
            if standing == "read":
                findings.differ(table, where, None, _position(Position(row.log, row.part, row.off)))
            else:
                findings.count(findings.gone if standing == "gone" else findings.later, table)
            continue
        _compare_one(findings, table, where, row, copies, log, standing == "read", kept_from)
    for (day, key), copies in recounted.items():
        if copies.acknowledged is None:
            findings.count(findings.bracketed, table)
        elif day < kept_from:
            findings.count(findings.expired, table)
        else:
            missing = copies.acknowledged
            findings.differ(table, f"{day} {key}", _position(Position(log, missing.part, missing.off)), None)


def _compare_one(
    findings: Findings,
    table: str,
    where: str,
    row: StoredFact,
    copies: _Copies,
    log: int,
    readable: bool,
    kept_from: str,
) -> None:
    position = Position(row.log, row.part, row.off)
    for copy in (copies.earliest, copies.acknowledged):
        if copy is not None and position == (log, copy.part, copy.off):
            same = copies.acknowledged is copies.earliest
            findings.count(findings.compared if same else findings.bracketed, table)
            if row.said != copy.said:
                findings.differ(table, where, *_unlike(copy.said, row.said))
            return
    latest = copies.acknowledged
    earliest = Position(log, copies.earliest.part, copies.earliest.off)
    too_late = latest is not None and position > (log, latest.part, latest.off)
    if too_late and row.day < kept_from:
        # The row of the earliest copy went before that of a later one.
        findings.count(findings.expired, table)
    elif too_late or (readable and position < earliest):
        findings.differ(table, where, _position(earliest), _position(position))
    else:
        findings.count(findings.bracketed if readable else findings.gone, table)


def _position(position: Position) -> str:
    return f"log {position.log} partition {position.part} offset {position.off}"


def _unlike(recounted: tuple[object, ...], stored: tuple[object, ...]) -> tuple[str, str]:
    unlike = [number for number, pair in enumerate(zip(recounted, stored, strict=True)) if pair[0] != pair[1]]
    return (
        ", ".join(str(recounted[number]) for number in unlike),
        ", ".join(str(stored[number]) for number in unlike),
    )
