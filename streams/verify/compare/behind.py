"""Which roll-ups are behind what they are made from, and which days the refresher has forgotten."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from msgspec import Struct

from schemas.reference.places import load_zone, zone_of
from streams.verify.findings import Findings
from streams.verify.stored.tables import StoredRows

#: Days by place are recorded together with their hours. A day that is still behind them after so many seconds, in which
#: the refresher recorded nothing, is not waiting: nobody will recompute it soon.
FORGOTTEN_AFTER_S: Final = {"place_day": 10.0, "page_day": 1800.0, "share_day": 1800.0}


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


def late_shares(stored: StoredRows, since: str) -> list[LateDay]:
    """The days from ``since`` (ISO) on whose share is behind its hours, its totals or the register of precedence.

    Its version is the sum of the heads of the day's hours, and of other hours in which totals of that day begin, with
    the time of the register added (ms UTC).
    """
    ((register, idle),) = stored.values(
        "SELECT toUnixTimestamp64Milli(max(toDateTime64(written_at, 3))), (SELECT dateDiff('millisecond', max(at), "
        f"now64(3)) / 1000 FROM {stored.table('refreshed')}) FROM gospulse_data.precedence"
    )
    heads = dict(stored.values(f"SELECT toUnixTimestamp(period), head FROM ({_hour_heads(stored)})"))
    done: dict[tuple[str, str], int] = {}
    days: dict[tuple[str, str], set[int]] = {}
    for rollup, zone, day, head in stored.values(
        "SELECT r.rollup, zone, toString(toDate(period, 'UTC')), max(version) FROM "
        f"{stored.table('refreshed')} AS r WHERE r.rollup IN ('place_day', 'share_day') GROUP BY r.rollup, zone, period"
    ):
        if rollup == "share_day":
            done[zone, day] = head
        else:
            days[zone, day] = set()
    for place, day, hour in stored.values(
        "SELECT DISTINCT place, toString(day), toUnixTimestamp(toStartOfHour(period_from)) "
        f"FROM {stored.table('totals')} WHERE day > toDate(0) AND entrance IN ('public_page', 'social_other')"
    ):
        days.setdefault((zone_of(place), day), set()).add(hour)
    by_zone: dict[str, dict[str, list[int]]] = {zone: {} for zone, _ in days}
    for zone, hours_of in by_zone.items():
        for hour in heads:
            local = datetime.fromtimestamp(hour, load_zone(zone)).date().isoformat()
            hours_of.setdefault(local, []).append(hour)
    late: list[LateDay] = []
    for (zone, day), hours in sorted(days.items()):
        known = sum(heads.get(hour, 0) for hour in hours.union(by_zone[zone].get(day, ())))
        if known and day >= since and done.get((zone, day), 0) != known + register:
            late.append(LateDay(zone, day, done.get((zone, day), 0), known + register, idle))
    return late


def late_months(stored: StoredRows) -> list[str]:
    """The months (ISO) whose answers were computed before the latest of their flat rows was written."""
    heads = (
        f"SELECT toDate(r.period, 'UTC') AS month, max(r.version) AS head FROM {stored.table('refreshed')} AS r "
        "WHERE r.rollup = 'answer_month' GROUP BY month"
    )
    rows = (
        "SELECT toStartOfMonth(toDate(received_at, 'Europe/Moscow')) AS month, max(version) AS latest "
        f"FROM {stored.table('appeal_rows')} GROUP BY month"
    )
    return [
        month
        for (month,) in stored.values(
            f"SELECT toString(r.month) FROM ({rows}) AS r LEFT JOIN ({heads}) AS h ON r.month = h.month "
            "WHERE r.latest > h.head ORDER BY r.month"
        )
    ]


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
