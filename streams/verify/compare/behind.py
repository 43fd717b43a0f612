"""Which roll-ups are behind what they are made from, and which days the refresher has forgotten."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from streams.verify.findings import Findings
from streams.verify.stored.tables import StoredRows

#: Days by place are recorded together with their hours. A day that is still behind them after so many seconds, in which
#: the refresher recorded nothing, is not waiting: nobody will recompute it soon.
FORGOTTEN_AFTER_S: Final = {"place_day": 10.0, "page_day": 1800.0}


class LateDay(Struct, frozen=True):
    """A local day whose head is not the sum of its hours' heads; ``idle_s``: since the refresher recorded anything."""

    zone: str
    day: str
    head: int
    hours: int
    idle_s: float


def late_hours(stored: StoredRows, since: str) -> bool:
    """Whether an hour from ``since`` (UTC, as ClickHouse writes it) on has marks that its head does not count."""
    marks = f"SELECT hour, log, part, max(high) AS high FROM {stored.table('touched')} GROUP BY hour, log, part"
    return bool(
        stored.values(
            f"SELECT 1 FROM (SELECT hour, sum(high) AS version FROM ({marks}) GROUP BY hour) AS m"
            f" LEFT JOIN ({_hour_heads(stored)}) AS h ON m.hour = h.period WHERE m.version != h.head"
            f" AND toString(m.hour) >= '{since}' LIMIT 1"
        )
    )


def late_days(stored: StoredRows, rollup: str, since: str) -> list[LateDay]:
    """The late days of ``place_day`` or ``page_day`` from ``since`` (ISO) on, in every zone that has rows in them."""
    found: list[LateDay] = []
    done = (
        f"SELECT toDate(period) AS day, zone, max(version) AS head FROM {stored.table('refreshed')}"
        f" WHERE rollup = '{rollup}' GROUP BY day, zone"
    )
    idle = f"SELECT dateDiff('millisecond', max(at), now64(3)) / 1000 FROM {stored.table('refreshed')}"
    for (zone,) in stored.values(f"SELECT DISTINCT zone FROM {stored.table('place_zones')}"):
        wanted = f"SELECT toDate(period, '{zone}') AS day, sum(head) AS hours FROM ({_hour_heads(stored)}) GROUP BY day"
        rows = (
            f"SELECT DISTINCT toDate(hour, '{zone}') FROM {stored.table('place_hour')} WHERE place IN"
            f" (SELECT place FROM {stored.table('place_zones')} WHERE zone = '{zone}')"
        )
        found += [
            LateDay(zone, *row)
            for row in stored.values(
                f"SELECT toString(w.day), d.head, w.hours, ({idle}) FROM ({wanted}) AS w LEFT JOIN ({done}) AS d"
                f" ON d.day = w.day AND d.zone = '{zone}' WHERE w.hours != d.head AND toString(w.day) >= '{since}'"
                f" AND (d.head > 0 OR w.day IN ({rows})) ORDER BY w.day"
            )
        ]
    return found


def report_forgotten(findings: Findings, rollup: str, late: list[LateDay]) -> None:
    """Report a late day as a difference if the refresher has been idle for so long that it has forgotten the day."""
    for day in late:
        if day.idle_s >= FORGOTTEN_AFTER_S[rollup]:
            findings.differ(
                rollup,
                f"{day.day} in {day.zone}",
                f"computed from hours up to version {day.hours}",
                f"version {day.head}, and the refresher is idle",
            )


def _hour_heads(stored: StoredRows) -> str:
    return (
        f"SELECT period, max(version) AS head FROM {stored.table('refreshed')}"
        " WHERE rollup = 'place_hour' GROUP BY period"
    )
