"""The refresher: recomputes roll-ups for touched hours and days, and brings the lives of appeals up to date.

Each step reads the marks first, then the cells: what is written is at least as new as the version that it carries. A
period's head is recorded after its rows, so that a step which was interrupted is done again, and a stale refresher's
rows, which stand below the head, are not read.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import accumulate
from typing import Any, Final

from clickhouse_connect.driver.client import Client
from msgspec import Struct

from schemas.clickhouse.sql_files import literal
from streams.positions import Partition
from streams.refresh import rollups, step_size
from streams.refresh.conversations import refresh_lives
from streams.refresh.rollups import DATA, DAY_S, DayOf, ZoneTime, among
from streams.zones import day_at, zone_of_place

#: Days by page read all cells of a day: they may take this share of the time, so that a full day does not eat a core.
PAGE_DAY_SHARE: Final = 0.1
#: Another refresher may have recomputed hours and died before their days: look for such days so often.
RESCAN_S: Final = 600.0
_LONG: Final[dict[str, Any]] = {"max_query_size": 16_000_000, "max_ast_elements": 1_000_000}

#: A time zone and a local day (days since 1970).
ZoneDay = tuple[str, int]
#: Makes the statement that recomputes days: generation, hours of the days, heads of the hours.
DayStatement = Callable[[int, DayOf, Mapping[int, int]], str]
#: Versions of periods, as heads record them.
Versions = Mapping[ZoneTime, int]
#: Counts how many of the first units (their hours) a step takes: client, generation, units, the least, the most rows.
StepSize = Callable[[Client, int, Collection[Collection[int]], int, int], int]


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

    def __init__(
        self,
        client: Client,
        generation: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        rows_a_step: int = step_size.ROWS_A_STEP,
    ) -> None:
        """``client`` serves one statement at a time; ``clock`` gives seconds and only paces the days by page."""
        self._client = client
        self._generation = generation
        self._clock = clock
        self._rows_a_step = rows_a_step
        #: Highest offset per partition that was seen when an hour was last recomputed by this refresher.
        self._seen: dict[int, dict[Partition, int]] = {}
        #: Hours that have rows, by the local day that they lie in.
        self._hours: dict[ZoneDay, set[int]] = {}
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
        stale = self._stale_hours()
        self._refresh_hours(stale)
        begin = self._clock()
        if (hurry or begin >= self._page_days_rest_until) and self._refresh_page_days():
            end = self._clock()
            self._page_days_rest_until = end + (end - begin) * (1 / PAGE_DAY_SHARE - 1)
        return len(stale)

    def pending(self) -> Pending:
        """What is left to do, by the marks as they are now."""
        if self._clock() >= self._scan_at:
            self._scan()
        ((hours,),) = self._rows(f"SELECT count() FROM ({self._stale('m.hour')})")
        return Pending(hours, len(self._place_days), len(self._page_days))

    def drain(self) -> int:
        """Steps until nothing is left; returns the hours recomputed. For rebuilds, reports and tests."""
        hours = 0
        while (taken := self.step(hurry=True)) or self._place_days or self._page_days:
            hours += taken
        return hours

    def _scan(self) -> None:
        """Read what is recorded: which hours have rows, and which days are behind their hours."""
        self._hours = {}
        self._learn_hours()
        heads = self._heads()
        for rollup, waiting in (("place_day", self._place_days), ("page_day", self._page_days)):
            done = {
                (zone, period // DAY_S): version
                for zone, period, version in self._rows(
                    f"SELECT zone, toUnixTimestamp(period), max(version) FROM {DATA}.refreshed_g{self._generation} "
                    f"WHERE rollup = {literal(rollup)} GROUP BY zone, period"
                )
            }
            for day, hours in self._hours.items():
                if sum(heads.get(hour, 0) for hour in hours) > done.get(day, 0):
                    waiting.add(day)
        self._scan_at = self._clock() + RESCAN_S

    def _stale_hours(self) -> dict[int, dict[Partition, int]]:
        """Hours of one step whose marks exceed their head, the latest first: hour -> (log, part) -> next offset."""
        limit = f" ORDER BY m.hour DESC LIMIT {step_size.MOST_HOURS}"
        rows = self._rows(self._stale("toUnixTimestamp(m.hour), m.marks") + limit)
        taken = step_size.cells_and_facts(
            self._client, self._generation, [(hour,) for hour, _ in rows], step_size.LEAST_HOURS, self._rows_a_step
        )
        return {hour: {Partition(log, part): high for log, part, high in marks} for hour, marks in rows[:taken]}

    def _stale(self, columns: str) -> str:
        return (
            f"SELECT {columns} FROM (SELECT hour, groupArray((log, part, high)) AS marks, "
            "sum(high) AS version FROM (SELECT hour, log, part, max(high) AS high "
            f"FROM {DATA}.touched_g{self._generation} GROUP BY hour, log, part) GROUP BY hour) AS m "
            f"LEFT JOIN (SELECT period, max(version) AS head FROM {DATA}.refreshed_g{self._generation} "
            "WHERE rollup = 'place_hour' GROUP BY period) AS h ON m.hour = h.period "
            "WHERE m.version > ifNull(h.head, 0)"
        )

    def _refresh_hours(self, stale: Mapping[int, Mapping[Partition, int]]) -> None:
        """Recompute hours, the lives of their appeals, and of the waiting days by place those that a step takes."""
        versions = {hour: sum(marks.values()) for hour, marks in stale.items()}
        if stale:
            self._command(rollups.place_hour(self._generation, versions))
            refresh_lives(self._client, self._generation, list(stale), self._news(stale))
            days = self._learn_hours(f"WHERE {among('hour', stale)}")
            self._place_days |= days
            self._page_days |= days
        days = self._latest(self._place_days, step_size.place_hours, step_size.LEAST_PLACE_DAYS)
        heads = self._heads(days)
        # Heads of the hours are recorded together with those of their days, but the days count them already.
        heads |= {hour: max(version, heads.get(hour, 0)) for hour, version in versions.items()}
        self._write_heads(
            {
                "place_day": self._write_days(rollups.place_day, days, heads),
                "place_hour": {("UTC", hour): version for hour, version in versions.items()},
            }
        )
        self._place_days -= days
        for hour, marks in stale.items():
            self._seen[hour] = dict(marks)

    def _refresh_page_days(self) -> bool:
        """Of the waiting days by page those that a step takes; whether there were any."""
        days = self._latest(self._page_days, step_size.cells_and_facts, step_size.LEAST_PAGE_DAYS)
        heads = self._heads(days)
        self._write_heads({"page_day": self._write_days(rollups.page_day, days, heads)})
        self._page_days -= days
        return bool(days)

    def _news(self, stale: Mapping[int, Mapping[Partition, int]]) -> dict[Partition, int]:
        """From which offset on a partition's facts may be new in some of these hours."""
        since: dict[Partition, int] = {}
        for hour, marks in stale.items():
            seen = self._seen.get(hour, {})
            for partition in marks:
                since[partition] = min(since.get(partition, seen.get(partition, 0)), seen.get(partition, 0))
        return since

    def _latest(self, waiting: Iterable[ZoneDay], size: StepSize, least: int) -> set[ZoneDay]:
        """The latest of the waiting days, as many as one step takes."""
        latest = sorted(waiting, key=lambda day: (max(self._hours.get(day, ()), default=0), day), reverse=True)
        units = [self._hours.get(day, ()) for day in latest]
        named = accumulate(map(len, units))
        units = [unit for unit, hours in zip(units, named, strict=True) if hours <= step_size.MOST_HOURS]
        return set(latest[: size(self._client, self._generation, units, least, self._rows_a_step)])

    def _write_days(self, statement: DayStatement, days: Iterable[ZoneDay], heads: Mapping[int, int]) -> Versions:
        """Recompute whole days. Returns the versions to record as their heads."""
        day_of = {(zone, hour): day for zone, day in days for hour in self._hours.get((zone, day), ())}
        if day_of:
            self._command(statement(self._generation, day_of, {hour: heads.get(hour, 0) for _, hour in day_of}))
        return rollups.day_versions(day_of, heads)

    def _write_heads(self, versions_of: Mapping[str, Versions]) -> None:
        if any(versions_of.values()):
            self._command(rollups.heads(self._generation, versions_of))

    def _heads(self, days: Collection[ZoneDay] | None = None) -> dict[int, int]:
        """Heads of all hours, or of those of some days."""
        if days is not None and not days:
            return {}
        hours = {hour for day in days or () for hour in self._hours.get(day, ())}
        where = "" if days is None else f" AND {among('period', hours)}"
        return dict(
            self._rows(
                f"SELECT toUnixTimestamp(period), max(version) FROM {DATA}.refreshed_g{self._generation} "
                f"WHERE rollup = 'place_hour'{where} GROUP BY period"
            )
        )

    def _learn_hours(self, where: str = "") -> set[ZoneDay]:
        """Note which hours of ``place_hour`` have rows in which local days, and the zones of places that are new."""
        # Places that are new are few, but their hours may be many.
        question = (
            "SELECT DISTINCT z.zone, if(z.zone = '', 0, toUnixTimestamp(h.hour)), if(z.zone = '', h.place, '') FROM "
            f"(SELECT DISTINCT hour, toString(place) AS place FROM {DATA}.place_hour_g{self._generation} {where}) AS h "
            f"LEFT JOIN {DATA}.place_zones_g{self._generation} AS z ON h.place = z.place"
        )
        rows = self._rows(question)
        new = {place: zone_of_place(place) for zone, _, place in rows if not zone}
        if new:
            values = ", ".join(f"({literal(place)}, {literal(zone)})" for place, zone in new.items())
            self._command(f"INSERT INTO {DATA}.place_zones_g{self._generation} (place, zone) VALUES {values}")
            rows = self._rows(question)
        days = set()
        for zone, hour, _ in rows:
            day = zone, day_at(zone, hour * 1000)
            self._hours.setdefault(day, set()).add(hour)
            days.add(day)
        return days

    def _rows(self, question: str) -> Any:
        return self._client.query(question, settings=_LONG).result_rows

    def _command(self, statement: str) -> None:
        # The rows must be there before the head says so, and identical rows must not be dropped as a repetition. Sparse
        # hours lie in any number of months, which are partitions.
        settings = {"async_insert": 0, "insert_deduplicate": 0, "max_partitions_per_insert_block": 0}
        self._client.command(statement, settings=_LONG | settings)
