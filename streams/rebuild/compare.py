"""Compares two generations up to the offsets that both have acknowledged, so that it holds under load as well."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

from clickhouse_connect.driver.client import Client
from msgspec import Struct

from schemas.contract.events import KINDS
from streams.bookkeeping.progress import folded_offsets
from streams.definition import Definition
from streams.positions import Partition
from streams.rebuild.carry import CHUNK_OF_ROW, DATA, FACTS
from streams.rebuild.plan import ACCOUNTS

#: How often a comparison that found something is made again: a fact whose copies lie in two partitions may stand on
#: either side of the common offsets for a moment.
_ATTEMPTS: Final = 3


class Total(Struct, frozen=True):
    """One figure of both generations. ``day`` is empty for a figure of the whole history."""

    what: str
    day: str
    old: int
    new: int


class Comparison(Struct, frozen=True):
    """The figures that differ, and each figure's total; ``skipped`` are tables that changed during the comparison."""

    totals: list[Total]
    differences: list[Total]
    skipped: list[str]


class _Pair(Struct, frozen=True):
    """One figure by day, of the old generation and of the new."""

    what: str
    old: dict[str, int]
    new: dict[str, int]


class Compared(Struct, frozen=True):
    """What is compared: the two definitions, and logs of deleted topics, whose rows are only carried over."""

    old: Definition
    new: Definition
    gone_logs: frozenset[int]


def compare(client: Client, compared: Compared) -> Comparison:
    """Compare facts, counters and rejections by day and kind.

    Readings and audiences are compared where neither generation advances.
    """
    found = _compare(client, compared)
    for _ in range(_ATTEMPTS - 1):
        if not found.differences:
            break
        found = _compare(client, compared)
    return found


def _compare(client: Client, compared: Compared) -> Comparison:
    old_at = folded_offsets(client, compared.old.generation)
    new_at = folded_offsets(client, compared.new.generation)
    # Offsets that both have acknowledged: whatever is written meanwhile lies beyond them.
    common = {key: min(old_at[key], new_at[key]) for key in old_at.keys() & new_at.keys()}
    old, new = compared.old, compared.new
    pairs = [
        _Pair(
            table,
            _facts(client, old.generation, table, common, compared),
            _facts(client, new.generation, table, common, compared),
        )
        for table in FACTS
    ]
    old_counters, new_counters = (_counters(client, each, common, compared) for each in (old, new))
    pairs += [_Pair(kind, old_counters.get(kind, {}), new_counters.get(kind, {})) for kind in KINDS]
    pairs.append(
        _Pair(
            "rejected",
            _rejected(client, old.generation, common, compared),
            _rejected(client, new.generation, common, compared),
        )
    )
    # Readings are replaced and sketches merged: they can be compared only while neither generation moves.
    unmoved = [
        _Pair(name, *(_by_day(client, query.format(g=each.generation)) for each in (old, new)))
        for name, query in ((READINGS, _READINGS), (ACCOUNTS, _PEOPLE))
    ]
    moved = _moving(old_at, new_at) or any(
        _moving(before, folded_offsets(client, each.generation)) for before, each in ((old_at, old), (new_at, new))
    )
    pairs += [] if moved else unmoved
    totals = [Total(pair.what, "", sum(pair.old.values()), sum(pair.new.values())) for pair in pairs]
    differences = [
        Total(pair.what, day, pair.old.get(day, 0), pair.new.get(day, 0))
        for pair in pairs
        for day in sorted(pair.old.keys() | pair.new.keys())
        if pair.old.get(day, 0) != pair.new.get(day, 0)
    ]
    return Comparison(totals, differences, [pair.what for pair in unmoved] if moved else [])


READINGS: Final = "readings (sum of values)"
_READINGS: Final = (
    "SELECT toString(toDate(period_from)), sum(tupleElement(f, 'value')) FROM (SELECT period_from, max(latest) AS f "
    "FROM " + DATA + ".readings_g{g} GROUP BY metric, object, period_from, period_to, source) GROUP BY 1"
)
_PEOPLE: Final = (
    "SELECT toString(day), sum(n) FROM (SELECT day, uniqCombined64Merge(people) AS n FROM " + DATA + ".people_day_g{g} "
    "GROUP BY day, place, page) GROUP BY day"
)


def _facts(
    client: Client, generation: int, table: str, common: Mapping[Partition, int], compared: Compared
) -> dict[str, int]:
    where = _below(common, compared, "tupleElement(f, 'log')", "tupleElement(f, 'part')", "tupleElement(f, 'off')")
    return _by_day(
        client,
        "SELECT toString(toDate(tupleElement(f, 'at'))) AS day, count() FROM "
        f"(SELECT min(first) AS f FROM {DATA}.{table}_g{generation} GROUP BY {FACTS[table]}) "
        f"WHERE {where} GROUP BY day",
    )


def _counters(
    client: Client, definition: Definition, common: Mapping[Partition, int], compared: Compared
) -> dict[str, dict[str, int]]:
    step = math.lcm(compared.old.chunk, compared.new.chunk)
    chunks = {key: offset // step * step // definition.chunk for key, offset in common.items()}
    sums = ", ".join(f"sum(max_{kind})" for kind in KINDS)
    rows = client.query(
        f"SELECT toString(toDate(hour)) AS day, {sums} FROM (SELECT hour, "
        f"{', '.join(f'max({kind}) AS max_{kind}' for kind in KINDS)} FROM {DATA}.page_hour_g{definition.generation} "
        f"WHERE {_below(chunks, compared, 'log', 'part', CHUNK_OF_ROW)} GROUP BY hour, page, place, log, part, chunk) "
        "GROUP BY day"
    ).result_rows
    by_kind: dict[str, dict[str, int]] = {}
    for day, *numbers in rows:
        for kind, number in zip(KINDS, numbers, strict=True):
            if number:
                by_kind.setdefault(kind, {})[str(day)] = int(number)
    return by_kind


def _rejected(client: Client, generation: int, common: Mapping[Partition, int], compared: Compared) -> dict[str, int]:
    return _by_day(
        client,
        f"SELECT toString(toDate(appended)), count() FROM {DATA}.rejected_g{generation} FINAL "
        f"WHERE {_below(common, compared, 'log', 'part', 'off')} GROUP BY 1",
    )


def _by_day(client: Client, sql: str) -> dict[str, int]:
    return {str(day): int(number) for day, number in client.query(sql).result_rows}


def _below(bounds: Mapping[Partition, int], compared: Compared, log: str, part: str, off: str) -> str:
    conditions = [f"({log} = {of} AND {part} = {at} AND {off} < {bound})" for (of, at), bound in sorted(bounds.items())]
    if compared.gone_logs:
        conditions.append(f"{log} IN ({', '.join(map(str, sorted(compared.gone_logs)))})")
    return "(" + " OR ".join(conditions or ["0"]) + ")"


def _moving(before: Mapping[Partition, int], after: Mapping[Partition, int]) -> bool:
    """Whether two states of progress differ in a partition that both know."""
    return any(before[key] != after[key] for key in before.keys() & after.keys())
