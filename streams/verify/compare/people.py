"""Compares audiences: a sketch made of the recounted accounts has the same estimate as the stored sketch."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Final

import msgspec

from streams.verify.findings import Findings
from streams.verify.recount.ledger import People, PersonKey, bucket_of_people, unpacked
from streams.verify.recount.spill import SpillReader, SpillWriter
from streams.verify.stored.tables import StoredRows

TABLE: Final = "people_day"
STORED: Final = "stored_people"
RANGE_BYTES: Final = 16 * 1024 * 1024
#: A ``uniqCombined64`` of up to so many values is an array and counts exactly; larger ones are asked of ClickHouse.
EXACT_UP_TO: Final = 16
#: Two sketches of which one holds more may disagree by their error (precision 17: 0.4 %); used under load only.
TOLERANCE: Final = 0.02
_ASKED_AT_ONCE: Final = 200_000


def spill_stored_people(stored: StoredRows, directory: Path, step: int) -> int:
    """Read every stored estimate *before* the end of the log is asked for, and keep them on disk; returns how many."""
    spill = SpillWriter(directory, step)
    number = 0
    for key, estimate in stored.people():
        spill.add(STORED, bucket_of_people(key), msgspec.msgpack.encode((key, estimate)))
        number += 1
    spill.close()
    return number


def uncertain_days(hours: Iterable[str]) -> frozenset[str]:
    """Days whose sketches may hold accounts of records that the log no longer holds: each UTC day with its neighbours
    (a local day may reach into either). ``hours``: ISO days (UTC) of the counters of such records."""
    days: set[str] = set()
    for text in hours:
        day = date.fromisoformat(text)
        days.update((day + timedelta(days=shift)).isoformat() for shift in (-1, 0, 1))
    return frozenset(days)


def compare_people(
    findings: Findings, spilled: SpillReader, stored: StoredRows, uncertain: Collection[str], kept_from: str = ""
) -> None:
    """Compare every (day, place, page). Sketches of ``uncertain`` days must hold at least what was recounted, those of
    days (ISO) before ``kept_from`` at most that."""
    for buckets in spilled.ranges("people", RANGE_BYTES):
        estimates = dict(_stored(spilled, buckets))
        recounted = _recounted(spilled, buckets)
        for key in estimates.keys() - recounted.keys():
            if key[0] in uncertain:
                findings.count(findings.gone, TABLE)
            else:
                findings.differ(TABLE, _where(key), None, estimates[key])
        for key, low, high in _expected(recounted, stored):
            found = estimates.get(key)
            if key[0] < kept_from and (found or 0) < low:
                findings.count(findings.expired, TABLE)
            else:
                _compare_one(findings, key, low, high, found, key[0] in uncertain)


def _compare_one(
    findings: Findings, key: PersonKey, low: int, high: int, estimate: int | None, uncertain: bool
) -> None:
    if low == high and not uncertain:
        findings.count(findings.compared, TABLE)
        if estimate != low:
            findings.differ(TABLE, _where(key), low, estimate)
        return
    findings.count(findings.bracketed, TABLE)
    found = estimate or 0
    lowest = low if low <= EXACT_UP_TO else math.floor(low * (1 - TOLERANCE))
    highest = math.inf if uncertain else high if high <= EXACT_UP_TO else math.ceil(high * (1 + TOLERANCE))
    if not lowest <= found <= highest:
        findings.differ(TABLE, _where(key), f"{low} to {'any' if uncertain else high}", estimate)


def _stored(spilled: SpillReader, buckets: range) -> Iterator[tuple[PersonKey, int]]:
    decode = msgspec.msgpack.Decoder(tuple[PersonKey, int]).decode
    return map(decode, spilled.payloads(STORED, buckets))


def _recounted(spilled: SpillReader, buckets: range) -> dict[PersonKey, tuple[set[int], set[int]]]:
    decode = msgspec.msgpack.Decoder(People).decode
    found: dict[PersonKey, tuple[set[int], set[int]]] = {}
    for people in map(decode, spilled.payloads("people", buckets)):
        known = found.setdefault(people.key, (set(), set()))
        known[0].update(unpacked(people.acknowledged))
        known[1].update(unpacked(people.late))
    return found


def _expected(
    recounted: dict[PersonKey, tuple[set[int], set[int]]], stored: StoredRows
) -> Iterator[tuple[PersonKey, int, int]]:
    """(key, estimate of the acknowledged accounts, estimate of all that were read)."""
    waiting: list[tuple[PersonKey, set[int], set[int]]] = []
    held = 0
    for key, (acknowledged, late) in recounted.items():
        everyone = acknowledged | late if late else acknowledged
        if len(everyone) <= EXACT_UP_TO:
            yield key, len(acknowledged), len(everyone)
            continue
        waiting.append((key, acknowledged, everyone))
        held += len(acknowledged) + len(everyone)
        if held >= _ASKED_AT_ONCE:
            yield from _asked(waiting, stored)
            waiting, held = [], 0
    if waiting:
        yield from _asked(waiting, stored)


def _asked(
    waiting: list[tuple[PersonKey, set[int], set[int]]], stored: StoredRows
) -> Iterator[tuple[PersonKey, int, int]]:
    sets = [authors for _key, low, high in waiting for authors in ((low,) if low is high else (low, high))]
    estimates = iter(stored.estimates(sets))
    for key, low, high in waiting:
        lowest = next(estimates)
        yield key, lowest, lowest if low is high else next(estimates)


def _where(key: PersonKey) -> str:
    return f"{key[0]} {key[1]} {key[2] or 'no page'}"
