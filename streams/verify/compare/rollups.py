"""Compares roll-ups with the cells and facts they are made from; only where nothing changes meanwhile."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import Struct

from schemas.clickhouse.rollup_columns import COLUMNS, COUNTERS, FACTS
from schemas.reference.places import zone_of
from streams.verify.compare.behind import LateDay, late_days, late_hours, late_shares, report_forgotten
from streams.verify.compare.made_of import (
    OF_HOURS,
    OF_PAGE_DAYS,
    OF_READINGS,
    OF_SHARES,
    compare_made_of,
)
from streams.verify.compare.share import compare_share
from streams.verify.findings import Findings
from streams.verify.stored.retention import Limits
from streams.verify.stored.tables import ON_DISK, StoredRows

#: Roll-ups by local day -> their keys.
DAYS: Final = {"place_day": ("day", "place"), "page_day": ("day", "place", "page")}
SHARE: Final = "share_day"


class _Since(Struct, frozen=True):
    """The first hour (UTC) and the first local day that are compared, as ClickHouse writes them; empty: all."""

    hour: str = ""
    day: str = ""

    @classmethod
    def of(cls, kept: Limits) -> _Since:
        governing = ("page_hour", "touched", "place_hour", "appeals", "answers", "appeal_changes")
        seconds = kept.seconds(*governing, "place_day", "page_day")
        if not seconds:
            return cls()
        limit = datetime.fromtimestamp(seconds, UTC)
        # A local day begins up to 14 hours before the day in UTC, and must be whole.
        return cls(f"{limit:%Y-%m-%d %H:%M:%S}", f"{limit + timedelta(days=2):%Y-%m-%d}")


def compare_rollups(findings: Findings, stored: StoredRows, kept: Limits, patience_s: float) -> list[str]:
    """Compare every roll-up; returns the names of those that the refresher has not brought up to date in time.

    Hours and days are skipped if retention may have deleted their cells, facts or marks.
    """
    since = _Since.of(kept)
    zones = _zones(findings, stored)
    late = _late(stored, since)
    # Nobody brings roll-ups up to date where no worker runs.
    deadline = time.monotonic() + (patience_s if late and stored.is_folded_now() else 0)
    while late and time.monotonic() < deadline:
        time.sleep(0.5)
        late = _late(stored, since)
    if "place_hour" in late:
        # Days are made from hours: behind one, all are.
        return ["place_hour", *DAYS, SHARE]
    by_zone = ", ".join(f"zone = '{zone}', toDate(hour, '{zone}')" for zone in zones)
    day = f"multiIf({by_zone}, toDate(hour))"
    _compare(findings, stored, "place_hour", ("hour", "place"), "toString(hour)", since.hour)
    compare_made_of(findings, stored, OF_HOURS, since.hour)
    compare_made_of(findings, stored, OF_READINGS, since.day)
    for rollup, key in DAYS.items():
        report_forgotten(findings, rollup, late.get(rollup, []))
        if rollup not in late and zones:
            _compare(findings, stored, rollup, key, f"toString({day})", since.day)
            compare_made_of(findings, stored, OF_PAGE_DAYS if rollup == "page_day" else (), since.day)
    report_forgotten(findings, SHARE, late.get(SHARE, []))
    if SHARE not in late and "place_day" not in late:
        compare_share(findings, stored, since.day)
        compare_made_of(findings, stored, OF_SHARES, since.day)
    return [rollup for rollup in late if rollup not in findings.differences]


def _late(stored: StoredRows, since: _Since) -> dict[str, list[LateDay]]:
    """The late days of each roll-up that has any; for hours the roll-up alone."""
    if late_hours(stored, since.hour):
        return {"place_hour": []}
    late = {rollup: late_days(stored, rollup, since.day) for rollup in DAYS} | {SHARE: late_shares(stored, since.day)}
    return {rollup: days for rollup, days in late.items() if days}


def _zones(findings: Findings, stored: StoredRows) -> list[str]:
    zones = set()
    for place, zone in stored.values(f"SELECT place, any(zone) FROM {stored.table('place_zones')} GROUP BY place"):
        zones.add(zone)
        if zone != zone_of(place):
            findings.differ("place_zones", place, zone_of(place), zone)
    return sorted(zones)


def _compare(
    findings: Findings, stored: StoredRows, rollup: str, key: tuple[str, ...], period: str, since: str
) -> None:
    """Add what is expected, take away what stands in the roll-up: every sum must be zero.

    ``period`` is the first column of the key by ``hour`` and the ``zone`` of the place; periods before ``since`` are
    passed over. One pass over the cells, in the order of their table.
    """
    names = ", ".join(key)
    grouped = ", ".join(f"{period} AS {name}" if name == key[0] else name for name in key)
    counts = [f"n.{number + 1}" for number in range(len(COUNTERS))]
    cells = (
        f"SELECT hour, place AS cell_place, page, tuple({', '.join(f'max({kind})' for kind in COUNTERS)}) AS n"
        f" FROM {stored.table('page_hour')} GROUP BY hour, place, page, log, part, chunk"
    )
    zones = f"SELECT place, any(zone) AS zone FROM {stored.table('place_zones')} GROUP BY place"
    counters = (
        f"SELECT {grouped}, {_numbered(['0'] * len(FACTS) + counts)} FROM"
        f" (SELECT hour, toString(cell_place) AS place, page, n, zone FROM ({cells}) AS c"
        f" LEFT JOIN ({zones}) AS z ON z.place = toString(c.cell_place))"
    )
    facts = (
        f"SELECT {grouped}, {_numbered([*FACTS.values(), *['0'] * len(COUNTERS)])} FROM"
        f" (SELECT f.hour AS hour, f.place AS place, f.page AS page, f.kind AS kind, f.entrance AS entrance, zone"
        f" FROM ({_facts(stored)}) AS f LEFT JOIN ({zones}) AS z ON z.place = f.place)"
    )
    heads = (
        f"SELECT zone, period, max(version) AS head FROM {stored.table('refreshed')}"
        f" WHERE rollup = '{rollup}' GROUP BY zone, period"
    )
    # Rows below the head of their period belong to an older computation: readers pass them over.
    shown = ", ".join(f"toString(r.{name}) AS {name}" for name in key)
    zone = "'UTC'" if key[0] == "hour" else "toString(r.zone)"
    taken = (
        f"SELECT {shown}, {_numbered([f'-toInt64(r.{column})' for column in COLUMNS])}"
        f" FROM (SELECT * FROM {stored.table(rollup)} FINAL) AS r LEFT JOIN ({heads}) AS h"
        f" ON h.period = toDateTime(r.{key[0]}, 'UTC') AND h.zone = {zone} WHERE r.version >= h.head"
    )
    sums = ", ".join(f"sum(c{number})" for number in range(len(COLUMNS)))
    sql = (
        f"SELECT {names}, [{sums}] AS left_over FROM ({counters} UNION ALL {facts} UNION ALL {taken}) GROUP BY {names}"
    )
    recent = f"toString({key[0]}) >= '{since}'"
    ((groups,),) = stored.values(f"SELECT count() FROM {stored.table(rollup)} FINAL WHERE {recent}")
    findings.count(findings.compared, rollup, groups)
    wrong = f"SELECT * FROM ({sql}) WHERE arrayExists(x -> x != 0, left_over) AND {recent} ORDER BY {names}"
    for row in stored.values(wrong, ON_DISK):
        missing = [f"{-left:+} {name}" for name, left in zip(COLUMNS, row[-1], strict=True) if left]
        findings.differ(rollup, " ".join(map(str, row[:-1])), "cells and facts", f"off by {', '.join(missing)}")


def _numbered(expressions: Sequence[str]) -> str:
    return ", ".join(f"toInt64({expression}) AS c{number}" for number, expression in enumerate(expressions))


def _facts(stored: StoredRows) -> str:
    def facts(table: str, identity: str, kind: str, entrance: str) -> str:
        return (
            "SELECT toStartOfHour(tupleElement(f, 'at')) AS hour, tupleElement(f, 'place') AS place,"
            f" ifNull(tupleElement(f, 'page'), '') AS page, {kind} AS kind, {entrance} AS entrance"
            f" FROM (SELECT min(first) AS f FROM {stored.table(table)} GROUP BY {identity})"
        )

    return " UNION ALL ".join(
        (
            facts("appeals", "appeal", "'appeal_received'", "tupleElement(f, 'entrance')"),
            facts("answers", "id", "tupleElement(f, 'kind')", "''"),
            facts("appeal_changes", "id", "tupleElement(f, 'kind')", "''"),
        )
    )
