"""Compares readings: the latest observation in the log, with all that it says, is what the table must hold."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from streams.verify.extents import Extents
from streams.verify.findings import Findings
from streams.verify.recount.ledger import ReadingCopy, ReadingKey
from streams.verify.recount.spill import SpillReader
from streams.verify.stored.tables import StoredReading, StoredRows

TABLE = "readings"
RANGE_BYTES = 32 * 1024 * 1024

#: (known at, log, partition, offset): what decides which observation stands.
_Rank = tuple[int, int, int, int]


class ReadingTally(Struct):
    """How many readings stand, and how many observations the log holds of them."""

    readings: int = 0
    observations: int = 0


class _Observations(Struct, gc=False):
    acknowledged: ReadingCopy | None
    latest: ReadingCopy


def compare_readings(
    findings: Findings, log: int, spilled: SpillReader, stored: StoredRows, extents: Extents, kept_from: int = 0
) -> ReadingTally:
    """Compare every reading; the spilled observations stand in ``log``.

    Those of periods that begin before ``kept_from`` (seconds UTC) may be absent.
    """
    tally = ReadingTally()
    for buckets in spilled.ranges(TABLE, RANGE_BYTES):
        recounted = _latest(spilled, buckets, tally)
        tally.readings += len(recounted)
        _compare(findings, log, recounted, stored.readings(buckets), extents, kept_from * 1000)
    return tally


def _latest(spilled: SpillReader, buckets: range, tally: ReadingTally) -> dict[ReadingKey, _Observations]:
    decode = msgspec.msgpack.Decoder(ReadingCopy).decode
    found: dict[ReadingKey, _Observations] = {}
    for copy in map(decode, spilled.payloads(TABLE, buckets)):
        tally.observations += 1
        known = found.get(copy.key)
        if known is None:
            known = found[copy.key] = _Observations(None, copy)
        if _rank(0, copy) > _rank(0, known.latest):
            known.latest = copy
        if copy.acknowledged and (known.acknowledged is None or _rank(0, copy) > _rank(0, known.acknowledged)):
            known.acknowledged = copy
    return found


def _compare(
    findings: Findings,
    log: int,
    recounted: dict[ReadingKey, _Observations],
    stored: Iterator[StoredReading],
    extents: Extents,
    kept_from: int,
) -> None:
    for row in stored:
        known = recounted.pop(row.key, None)
        standing = extents.standing(row.log, row.part, row.off)
        if known is None:
            if standing == "read":
                findings.differ(TABLE, _where(row.key), None, _shown((row.known_at, row.log, row.part, row.off)))
            else:
                findings.count(findings.gone if standing == "gone" else findings.later, TABLE)
            continue
        _compare_one(findings, row, known, log, standing == "read", kept_from)
    for key, known in recounted.items():
        if known.acknowledged is None:
            findings.count(findings.bracketed, TABLE)
        elif key[2] < kept_from:
            findings.count(findings.expired, TABLE)
        else:
            findings.differ(TABLE, _where(key), _shown(_rank(log, known.acknowledged)), None)


def _compare_one(
    findings: Findings, row: StoredReading, known: _Observations, log: int, readable: bool, kept_from: int
) -> None:
    rank = (row.known_at, row.log, row.part, row.off)
    for copy in (known.latest, known.acknowledged):
        if copy is not None and rank == _rank(log, copy):
            findings.count(findings.compared if known.acknowledged is known.latest else findings.bracketed, TABLE)
            if row.said != copy.said:
                findings.differ(TABLE, _where(row.key), copy.said, row.said)
            return
    lowest, highest = known.acknowledged, _rank(log, known.latest)
    outdated = lowest is not None and rank < _rank(log, lowest)
    if outdated and row.key[2] < kept_from:
        # The row of the latest observation went before that of an earlier one.
        findings.count(findings.expired, TABLE)
    elif outdated or (readable and rank > highest):
        findings.differ(TABLE, _where(row.key), _shown(highest), _shown(rank))
    else:
        findings.count(findings.bracketed if readable else findings.gone, TABLE)


def _rank(log: int, copy: ReadingCopy) -> _Rank:
    return (copy.known_at, log, copy.part, copy.off)


def _where(key: ReadingKey) -> str:
    metric, name, start, end, source = key
    return f"{metric} of {name}, {_moment(start)} to {_moment(end)}, by {source}"


def _shown(rank: _Rank) -> str:
    return f"known {_moment(rank[0])} at log {rank[1]} partition {rank[2]} offset {rank[3]}"


def _moment(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")
