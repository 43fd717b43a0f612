"""Holds what ClickHouse shows against the simulator's truth: every appeal, every cell of engagement, every reading."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ingest.simulator.truth import Truth
from schemas.events import APPEAL_KINDS, KINDS

Query = Callable[[str], Sequence[Sequence[Any]]]
Counts = Mapping[tuple[Any, ...], int]

#: How many differences of one kind are worth printing.
SHOWN = 5


def differences(truth: Truth, query: Query) -> list[str]:
    """What is not as the truth has it, a sentence each; empty when all is equal.

    Engagement: within the window a repeat must not count, beyond it it must (it is reported, not hidden), and where
    that depends on the grid's place (``between``) both are right.
    """
    found = _compare("appeals by day, entrance, channel and place", _true_appeals(truth), _stored_appeals(query))
    xor = query(
        "SELECT groupBitXor(reinterpretAsUInt64(reverse(unhex(substring(appeal, 1, 16))))) FROM gospulse.appeals"
    )
    if f"{int(xor[0][0]):016x}" != truth.summary.appeals_xor:
        found.append("the identities of the appeals are not those that were sent")
    found += _engagement(truth, query)
    found += _compare("active accounts", _true_people(truth), _stored_people(query), tolerance=0.02)
    found += _compare("readings", _true_readings(truth), _stored_readings(query))
    return found


def _true_appeals(truth: Truth) -> Counts:
    return {(day, entrance, channel, place): n for day, entrance, channel, place, n in truth.appeals.iter_rows()}


def _stored_appeals(query: Query) -> Counts:
    rows = query(
        "SELECT toString(toDate(received_at, 'Europe/Moscow')), entrance, channel, place, count() "
        "FROM gospulse.appeals GROUP BY ALL"
    )
    return {(day, entrance, channel, place): int(n) for day, entrance, channel, place, n in rows}


def _engagement(truth: Truth, query: Query) -> list[str]:
    kinds = [kind for kind in KINDS if kind not in APPEAL_KINDS]
    rows = query(f"SELECT toUnixTimestamp(hour), place, page, {', '.join(kinds)} FROM gospulse.page_hour")
    stored = {
        (int(hour), place, page or "", kind): int(count)
        for hour, place, page, *counts in rows
        for kind, count in zip(kinds, counts, strict=True)
        if count
    }
    wrong = []
    for hour, place, page, kind, first, between, beyond in truth.cells.iter_rows():
        if kind in APPEAL_KINDS:
            continue
        count = stored.pop((hour, place, page, kind), 0)
        if not first + beyond <= count <= first + between + beyond:
            wrong.append(f"{kind} at {page or 'no page'}, hour {hour}, {place}: {count}, not {first} + {beyond}")
    wrong += [f"{key}: {count}, but none was sent" for key, count in stored.items()]
    return _shown("cells of engagement", wrong)


def _true_people(truth: Truth) -> Counts:
    # The view is by page: who was active without one is in the views by place and above.
    return {(day, place, page): n for day, place, page, n in truth.people.iter_rows() if page}


def _stored_people(query: Query) -> Counts:
    rows = query("SELECT toString(day), place, page, accounts FROM gospulse.people_day")
    return {(day, place, page): int(n) for day, place, page, n in rows}


def _true_readings(truth: Truth) -> Counts:
    # Signs of life of the feeds have a view of their own.
    rows = (row for row in truth.readings.to_dicts() if row["metric"] != "source_up")
    return {(row["metric"], row["object"], row["period_from"]): row["value"] for row in rows}


def _stored_readings(query: Query) -> Counts:
    rows = query(
        "SELECT metric, object, toUnixTimestamp64Milli(period_from), value FROM gospulse.page_readings UNION ALL "
        "SELECT 'appeals', object, toUnixTimestamp64Milli(period_from), value FROM gospulse.outside_totals"
    )
    return {(metric, name, int(start)): int(value) for metric, name, start, value in rows}


def _compare(what: str, true: Counts, stored: Counts, tolerance: float = 0.0) -> list[str]:
    wrong = []
    for key in true.keys() | stored.keys():
        expected, found = true.get(key, 0), stored.get(key, 0)
        # A sketch may be off by one where sets are tiny and by its relative error where they are not.
        if abs(expected - found) > (max(1.0, tolerance * expected) if tolerance else 0):
            wrong.append(f"{key}: {found}, not {expected}")
    return _shown(what, wrong)


def _shown(what: str, wrong: Iterable[str]) -> list[str]:
    found = sorted(wrong)
    if not found:
        return []
    return [f"{what}: {len(found)} differ: {'; '.join(found[:SHOWN])}"]
