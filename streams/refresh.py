"""The refresher: recomputes roll-ups for touched hours and days, and brings the lives of appeals up to date.

Each step reads the marks first, then the cells: what is written is at least as new as the version that it carries. A
period's head is recorded after its rows, so that a step which was interrupted is done again, and a stale refresher's
rows, which stand below the head, are not read.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from clickhouse_connect.driver.client import Client
from msgspec import Struct

from schemas.sql_files import literal
from streams import rollups
from streams.conversations import refresh_lives
from streams.rollups import DATA, DAY_S, HOUR_S, DayOf
from streams.zones import day_at, zone_of_place

#: Hours recomputed by one step: bounds its memory (the cells of two days) and how long newer marks wait.
HOURS_A_STEP: Final = 48
PLACE_DAYS_A_STEP: Final = 62
PAGE_DAYS_A_STEP: Final = 7
#: Days by page read all cells of a day: they may take this share of the time, so that a full day does not eat a core.
PAGE_DAY_SHARE: Final = 0.1
#: Another refresher may have recomputed hours and died before their days: look for such days so often.
RESCAN_S: Final = 600.0
#: A day has at most this many hours (a clock set back by an hour, and one to spare).
_HOURS_ROUND_A_DAY: Final = range(-14, 40)
_LONG: Final[dict[str, Any]] = {"max_query_size": 16_000_000, "max_ast_elements": 1_000_000}

#: A time zone and a local day (days since 1970).
ZoneDay = tuple[str, int]
#: Makes the statement that recomputes days: generation, hours of the days, heads of the hours.
DayStatement = Callable[[int, DayOf, Mapping[int, int]], str]


class Pending(Struct, frozen=True):
    """What is still to be recomputed."""

    hours: int
    place_days: int
    page_days: int

    @property
    def nothing(self) -> bool:
        """Whether every roll-up shows what the marks say."""
        return not (self.hours or self.place_days or self.page_days)


class Refresher:
    """Recomputes the roll-ups of one generation. Any number may run: the one that has seen more wins."""

    def __init__(self, client: Client, generation: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        """``client`` serves one statement at a time; ``clock`` gives seconds and only paces the days by page."""
        self._client = client
        self._generation = generation
        self._clock = clock
        #: Highest offset per partition that was seen when an hour was last recomputed by this refresher.
        self._seen: dict[int, dict[tuple[int, int], int]] = {}
        self._zones: dict[str, str] = {}
        #: Hours that have rows, by zone: only they are part of a zone's day.
        self._hours: dict[str, set[int]] = {}
        self._place_days: set[ZoneDay] = set()
        self._page_days: set[ZoneDay] = set()
        self._scan_at = clock()
        self._page_days_rest_until = 0.0

    async def refresh_once(self) -> int:
        """One step in a thread: some touched hours (the latest first), their days. Returns the hours recomputed."""
        return await asyncio.to_thread(self.step)

    def step(self, *, hurry: bool = False) -> int:
        """One step; ``hurry`` does not pace the days by page. Raises clickhouse-connect's errors; repeat it then."""
        if self._clock() >= self._scan_at:
            self._scan()
        stale = self._stale_hours(HOURS_A_STEP)
        if stale:
            self._refresh_hours(stale)
        self._refresh_place_days()
        if hurry or self._clock() >= self._page_days_rest_until:
            begin = self._clock()
            if self._refresh_page_days():
                end = self._clock()
                self._page_days_rest_until = end + (end - begin) * (1 / PAGE_DAY_SHARE - 1)
        return len(stale)

    def pending(self) -> Pending:
        """What is left to do, by the marks as they are now."""
        if self._clock() >= self._scan_at:
            self._scan()
        return Pending(len(self._stale_hours(None)), len(self._place_days), len(self._page_days))

    def drain(self) -> int:
        """Steps until nothing is left; returns the hours recomputed. For rebuilds, reports and tests."""
        hours = 0
        while not self.pending().nothing:
            hours += self.step(hurry=True)
        return hours

    def _scan(self) -> None:
        """Read what is recorded: zones, which hours have rows, and which days are behind their hours."""
        generation = self._generation
        self._zones = dict(self._rows(f"SELECT place, any(zone) FROM {DATA}.place_zones_g{generation} GROUP BY place"))
        self._learn_places(f"SELECT DISTINCT toString(place) FROM {DATA}.place_hour_g{generation}")
        self._hours = {}
        for zone, hour in self._rows(self._zone_hours()):
            self._hours.setdefault(zone, set()).add(hour)
        heads = self._heads("place_hour")
        for rollup, days in (("place_day", self._place_days), ("page_day", self._page_days)):
            done = {
                (zone, period // DAY_S): version
                for zone, period, version in self._rows(
                    f"SELECT zone, toUnixTimestamp(period), max(version) FROM {DATA}.refreshed_g{generation} "
                    f"WHERE rollup = {literal(rollup)} GROUP BY zone, period"
                )
            }
            for zone, hours in self._hours.items():
                wanted: dict[int, int] = {}
                for hour in hours:
                    day = day_at(zone, hour * 1000)
                    wanted[day] = wanted.get(day, 0) + heads.get(hour, 0)
                days |= {(zone, day) for day, version in wanted.items() if version > done.get((zone, day), 0)}
        self._scan_at = self._clock() + RESCAN_S

    def _stale_hours(self, limit: int | None) -> dict[int, dict[tuple[int, int], int]]:
        """Hours whose marks exceed their head, the latest first: hour -> (log, part) -> next offset."""
        generation = self._generation
        rows = self._rows(
            "SELECT toUnixTimestamp(m.hour), m.marks FROM (SELECT hour, groupArray((log, part, high)) AS marks, "
            "sum(high) AS version FROM (SELECT hour, log, part, max(high) AS high "
            f"FROM {DATA}.touched_g{generation} GROUP BY hour, log, part) GROUP BY hour) AS m "
            f"LEFT JOIN (SELECT period, max(version) AS head FROM {DATA}.refreshed_g{generation} "
            "WHERE rollup = 'place_hour' GROUP BY period) AS h ON m.hour = h.period "
            "WHERE m.version > ifNull(h.head, 0) ORDER BY m.hour DESC" + (f" LIMIT {limit}" if limit else "")
        )
        return {hour: {(log, part): high for log, part, high in marks} for hour, marks in rows}

    def _refresh_hours(self, stale: Mapping[int, Mapping[tuple[int, int], int]]) -> None:
        generation = self._generation
        versions = {hour: sum(marks.values()) for hour, marks in stale.items()}
        self._command(rollups.place_hour(generation, versions))
        refresh_lives(self._client, generation, list(stale), self._news(stale))
        self._learn_places(
            f"SELECT DISTINCT toString(place) FROM {DATA}.place_hour_g{generation} WHERE {_hours_in(stale)}"
        )
        self._command(
            rollups.head(generation, "place_hour", {("UTC", hour): version for hour, version in versions.items()})
        )
        for zone, hour in self._rows(self._zone_hours(f"WHERE {_hours_in(stale)}")):
            self._hours.setdefault(zone, set()).add(hour)
            day = (zone, day_at(zone, hour * 1000))
            self._place_days.add(day)
            self._page_days.add(day)
        for hour, marks in stale.items():
            self._seen[hour] = dict(marks)

    def _news(self, stale: Mapping[int, Mapping[tuple[int, int], int]]) -> dict[tuple[int, int], int]:
        """From which offset on a partition's facts may be new in some of these hours."""
        since: dict[tuple[int, int], int] = {}
        for hour, marks in stale.items():
            seen = self._seen.get(hour, {})
            for partition in marks:
                since[partition] = min(since.get(partition, seen.get(partition, 0)), seen.get(partition, 0))
        return since

    def _refresh_place_days(self) -> None:
        self._refresh_days("place_day", rollups.place_day, self._place_days, PLACE_DAYS_A_STEP)

    def _refresh_page_days(self) -> bool:
        return self._refresh_days("page_day", rollups.page_day, self._page_days, PAGE_DAYS_A_STEP)

    def _refresh_days(self, rollup: str, statement: DayStatement, waiting: set[ZoneDay], limit: int) -> bool:
        """Recompute the latest of the waiting days, at most ``limit``; whether there were any."""
        days = sorted(waiting, key=lambda zone_day: zone_day[1], reverse=True)[:limit]
        if not days:
            return False
        day_of = {(zone, hour): day for zone, day in days for hour in self._hours_of(zone, day)}
        heads = self._heads("place_hour", {hour for _, hour in day_of})
        self._command(statement(self._generation, day_of, heads))
        self._command(rollups.head(self._generation, rollup, rollups.day_versions(day_of, heads)))
        waiting.difference_update(days)
        return True

    def _hours_of(self, zone: str, day: int) -> list[int]:
        """The hours (seconds UTC) with rows that lie in a local day of a zone."""
        around = (day * DAY_S + offset * HOUR_S for offset in _HOURS_ROUND_A_DAY)
        return [hour for hour in around if hour in self._hours[zone] and day_at(zone, hour * 1000) == day]

    def _heads(self, rollup: str, hours: Iterable[int] | None = None) -> dict[int, int]:
        where = "" if hours is None else f" AND {_hours_in(hours, 'period')}"
        return dict(
            self._rows(
                f"SELECT toUnixTimestamp(period), max(version) FROM {DATA}.refreshed_g{self._generation} "
                f"WHERE rollup = {literal(rollup)}{where} GROUP BY period"
            )
        )

    def _zone_hours(self, where: str = "") -> str:
        return (
            f"SELECT DISTINCT z.zone, toUnixTimestamp(h.hour) FROM (SELECT DISTINCT hour, toString(place) AS place "
            f"FROM {DATA}.place_hour_g{self._generation} {where}) AS h "
            f"INNER JOIN {DATA}.place_zones_g{self._generation} AS z ON h.place = z.place"
        )

    def _learn_places(self, question: str) -> None:
        """Record the zones of places that were not met before."""
        new = {place: zone_of_place(place) for (place,) in self._rows(question) if place not in self._zones}
        if new:
            rows = ", ".join(f"({literal(place)}, {literal(zone)})" for place, zone in new.items())
            self._command(f"INSERT INTO {DATA}.place_zones_g{self._generation} (place, zone) VALUES {rows}")
            self._zones |= new

    def _rows(self, question: str) -> Any:
        return self._client.query(question, settings=_LONG).result_rows

    def _command(self, statement: str) -> None:
        # The rows must be there before the head says so, and identical rows must not be dropped as a repetition.
        self._client.command(statement, settings=_LONG | {"async_insert": 0, "insert_deduplicate": 0})


def _hours_in(hours: Iterable[int], column: str = "hour") -> str:
    listed = ", ".join(f"toDateTime({hour}, 'UTC')" for hour in hours)
    return f"{column} IN ({listed})" if listed else "0"
