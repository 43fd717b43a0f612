"""The refresher: recomputes roll-ups for touched hours and days, and brings the lives of appeals up to date.

Each step reads the marks first, then the cells. So its rows are at least as new as their version. The head of a period
is recorded after its rows, so an interrupted step is repeated. Rows of a stale refresher are below the head, and nobody
reads them.
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
from streams.refresh import page_rollups, rollups, step_size
from streams.refresh.answer_months import AnswerMonths
from streams.refresh.conversations import LifeWriter
from streams.refresh.rollups import DATA, DAY_S, DayOf, ZoneTime, among
from streams.refresh.share_days import ShareDays, ZoneDay
from streams.refresh.totals import hours_with_totals, totals
from streams.zones import day_at, hours_of_day, zone_of_place

#: Days by page read all cells of a day: they may take this share of the time, so that a full day does not eat a core.
#: The days of the share through public pages may take as much.
PAGE_DAY_SHARE: Final = 0.1
#: A month of answers is read whole: the months may take this share of the time.
MONTH_SHARE: Final = 0.05
#: Hours that are touched all the time.
LIVE_HOURS: Final = 3
#: Another refresher may have recomputed hours and died before their days: look for such days so often.
RESCAN_S: Final = 600.0
_LONG: Final[dict[str, Any]] = {"max_query_size": 16_000_000, "max_ast_elements": 1_000_000}

#: Makes the statement that recomputes days: generation, hours of the days, heads of the hours.
DayStatement = Callable[[int, DayOf, Mapping[int, int]], str]
#: Versions of periods, as heads record them.
Versions = Mapping[ZoneTime, int]
#: Counts how many of the first units (their hours) a step takes: client, generation, units, the least, the most rows.
StepSize = Callable[[Client, int, Collection[Collection[int]], int, int], int]


class Pending(Struct, frozen=True):
    """The hours and days that are still to be recomputed."""

    hours: int
    place_days: int
    page_days: int
    share_days: int
    months: int

    @property
    def nothing(self) -> bool:
        """Whether every roll-up is up to date with the marks."""
        return not (self.hours or self.place_days or self.page_days or self.share_days or self.months)


class Turns:
    """Keeps a piece of work to a share of the time: it rests after each turn for as long as that takes."""

    def __init__(self, share: float, clock: Callable[[], float]) -> None:
        """``clock`` gives seconds."""
        self._share = share
        self._clock = clock
        self._rests_until = 0.0

    def take(self, work: Callable[[], bool], *, hurry: bool) -> bool:
        """Do ``work``, which tells whether there was any, unless it rests; ``hurry`` never rests."""
        begin = self._clock()
        if not hurry and begin < self._rests_until:
            return False
        if not work():
            return False
        end = self._clock()
        self._rests_until = end + (end - begin) * (1 / self._share - 1)
        return True


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
        """``client`` serves one statement at a time; ``clock`` gives seconds and paces pages, shares and months."""
        self._client = client
        self._lives = LifeWriter(client, generation)
        self._generation = generation
        self._clock = clock
        self._rows_a_step = rows_a_step
        #: Highest offset per partition that was seen when an hour was last recomputed by this refresher.
        self._seen: dict[int, dict[Partition, int]] = {}
        self._place_days: set[ZoneDay] = set()
        self._page_days: set[ZoneDay] = set()
        #: Whether the coverage of all days was computed with the register of pages as it was at the last scan.
        self._register_followed = False
        self._scan_at = clock()
        self._page_day_turns = Turns(PAGE_DAY_SHARE, clock)
        self._share = ShareDays(generation, self._rows, self._command)
        self._share_turns = Turns(PAGE_DAY_SHARE, clock)
        self._months = AnswerMonths(generation, self._rows, self._command)
        self._month_turns = Turns(MONTH_SHARE, clock)

    async def refresh_once(self) -> int:
        """One step in a thread: some touched hours (the latest first), their days. Returns the hours recomputed."""
        return await asyncio.to_thread(self.step)

    def step(self, *, hurry: bool = False) -> int:
        """One step; ``hurry`` paces nothing. Raises clickhouse-connect's errors; repeat it then."""
        if self._clock() >= self._scan_at:
            self._scan()
        stale = self._stale_hours()
        self._refresh_hours(stale)
        if not self._page_day_turns.take(self._refresh_page_days, hurry=hurry) and not self._register_followed:
            self._follow_register()
        while self._share_turns.take(lambda: self._share.step(self._place_days), hurry=hurry) and hurry:
            pass
        # While hours of a long history are computed, their months would be computed again and again.
        if len(stale) <= LIVE_HOURS or not hurry:
            while self._month_turns.take(self._months.step, hurry=hurry) and hurry:
                pass
        return len(stale)

    def pending(self) -> Pending:
        """The hours and days to recompute, by the marks as they are now."""
        if self._clock() >= self._scan_at:
            self._scan()
        ((hours,),) = self._rows(f"SELECT count() FROM ({self._stale('m.hour')})")
        return Pending(hours, len(self._place_days), len(self._page_days), self._share.waiting, self._months.waiting)

    def drain(self) -> int:
        """Steps until nothing is left; returns the hours recomputed. For rebuilds, reports and tests."""
        hours = 0
        while (
            (taken := self.step(hurry=True))
            or self._place_days
            or self._page_days
            or not self._register_followed
            or self._share.waiting
            or self._months.waiting
        ):
            hours += taken
        return hours

    def _scan(self) -> None:
        """Find the days that are behind their hours, by what ClickHouse has recorded."""
        heads = self._heads()
        for rollup, waiting in (("place_day", self._place_days), ("page_day", self._page_days)):
            done: dict[ZoneDay, int] = {
                (zone, period // DAY_S): version
                for zone, period, version in self._rows(
                    f"SELECT zone, toUnixTimestamp(period), max(version) FROM {DATA}.refreshed_g{self._generation} "
                    f"WHERE rollup = {literal(rollup)} GROUP BY zone, period"
                )
            }
            wanted = self._day_versions(heads)
            behind = {day for day, version in wanted.items() if version > done.get(day, 0)}
            # A zone may have no row at all in a day: such a day is behind only where it was computed before.
            unknown = {hour for zone, day in behind - done.keys() for hour in hours_of_day(zone, day) if hour in heads}
            waiting |= behind & (done.keys() | (self._days_of_rows(unknown) if unknown else set()))
        self._share.scan()
        self._months.scan()
        self._register_followed = False
        self._scan_at = self._clock() + RESCAN_S

    def _day_versions(self, heads: Mapping[int, int]) -> dict[ZoneDay, int]:
        """The versions of all local days in every zone in use, from the heads of all hours."""
        zones = [zone for (zone,) in self._rows(f"SELECT DISTINCT zone FROM {DATA}.place_zones_g{self._generation}")]
        versions: dict[ZoneDay, int] = {}
        for zone in zones:
            for hour, head in heads.items():
                day = zone, day_at(zone, hour * 1000)
                versions[day] = versions.get(day, 0) + head
        return versions

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
            # Lives come first: they record which copies do not count in these hours.
            self._lives.refresh(list(stale), self._news(stale))
            self._months.add(self._lives.received)
            self._lives.received.clear()
            self._command(rollups.place_hour(self._generation, versions))
            self._command(rollups.region_hour(self._generation, versions))
            self._command(rollups.place_5min(self._generation, versions))
            with_totals = {hour for (hour,) in self._rows(hours_with_totals(self._generation, versions))}
            if with_totals:
                self._command(totals(self._generation, {hour: versions[hour] for hour in with_totals}))
                self._share.add_totals(with_totals)
            days = self._days_of_rows(stale) | self._computed_days(stale)
            self._place_days |= days
            self._page_days |= days
        # Heads of the hours are recorded together with those of their days, but the days count them already.
        heads = _highest(self._heads_around(self._place_days), versions)
        days = self._latest(self._place_days, heads, step_size.place_hours, step_size.LEAST_PLACE_DAYS)
        written = self._write_days(rollups.place_day, days, heads)
        self._write_heads(
            {
                "place_day": written,
                "place_hour": {("UTC", hour): version for hour, version in versions.items()},
            }
        )
        self._place_days = (self._place_days - days) | self._outrun(written)
        self._share.add((zone, midnight // DAY_S) for zone, midnight in written)
        for hour, marks in stale.items():
            self._seen[hour] = dict(marks)

    def _refresh_page_days(self) -> bool:
        """Of the waiting days by page those that a step takes; whether there were any."""
        heads = self._heads_around(self._page_days)
        days = self._latest(self._page_days, heads, step_size.cells_and_facts, step_size.LEAST_PAGE_DAYS)
        written = self._write_days(rollups.page_day, days, heads)
        if written:
            self._command(page_rollups.network_day(self._generation, written))
            self._command(page_rollups.people_unions(self._generation, written))
            self._refresh_coverage(written)
        self._write_heads({"page_day": written})
        self._page_days = (self._page_days - days) | self._outrun(written)
        return bool(days)

    def _refresh_coverage(self, versions: Versions) -> None:
        ((register_ms,),) = self._rows(page_rollups.REGISTER_WRITTEN)
        self._command(page_rollups.coverage_day(self._generation, versions, register_ms))
        # Its heads say with which register a day was computed.
        self._write_heads({"coverage_day": {day: version + register_ms for day, version in versions.items()}})

    def _follow_register(self) -> None:
        """Compute the coverage of the latest days again that were computed with an earlier register of pages."""
        ((register_ms,),) = self._rows(page_rollups.REGISTER_WRITTEN)
        heads = (
            f"SELECT toString(zone) AS zone, period, max(version) AS head FROM {DATA}.refreshed_g{self._generation} "
            "WHERE rollup = '{}' GROUP BY zone, period"
        )
        late = self._rows(
            f"SELECT d.zone, toUnixTimestamp(d.period), d.head FROM ({heads.format('page_day')}) AS d "
            f"LEFT JOIN ({heads.format('coverage_day')}) AS c ON d.period = c.period AND d.zone = c.zone "
            f"WHERE c.head < d.head + {register_ms} ORDER BY d.period DESC, d.zone LIMIT {step_size.LEAST_PLACE_DAYS}"
        )
        self._register_followed = not late
        if late:
            self._refresh_coverage({(zone, midnight): head for zone, midnight, head in late})

    def _outrun(self, written: Versions) -> set[ZoneDay]:
        """Of the days just written those of which another refresher has recorded hours meanwhile.

        Of two refreshers that write a day side by side the later one sees here what the other did.
        """
        days = {(zone, midnight // DAY_S) for zone, midnight in written}
        heads = self._heads_around(days)
        return {
            (zone, day)
            for zone, day in days
            if sum(heads.get(hour, 0) for hour in hours_of_day(zone, day)) > written[zone, day * DAY_S]
        }

    def _news(self, stale: Mapping[int, Mapping[Partition, int]]) -> dict[Partition, int]:
        """From which offset on a partition's facts may be new in some of these hours."""
        since: dict[Partition, int] = {}
        for hour, marks in stale.items():
            seen = self._seen.get(hour, {})
            for partition in marks:
                since[partition] = min(since.get(partition, seen.get(partition, 0)), seen.get(partition, 0))
        return since

    def _latest(self, waiting: Iterable[ZoneDay], heads: Mapping[int, int], size: StepSize, least: int) -> set[ZoneDay]:
        """The latest of the waiting days, as many as one step takes."""
        latest = sorted(waiting, key=lambda day: (day[1], day[0]), reverse=True)
        units = [[hour for hour in hours_of_day(zone, day) if hour in heads] for zone, day in latest]
        named = accumulate(map(len, units))
        units = [unit for unit, hours in zip(units, named, strict=True) if hours <= step_size.MOST_HOURS]
        return set(latest[: size(self._client, self._generation, units, least, self._rows_a_step)])

    def _write_days(self, statement: DayStatement, days: Iterable[ZoneDay], heads: Mapping[int, int]) -> Versions:
        """Recompute whole days. Returns the versions to record as their heads."""
        day_of = {(zone, hour): day for zone, day in days for hour in hours_of_day(zone, day) if hour in heads}
        if day_of:
            self._command(statement(self._generation, day_of, {hour: heads[hour] for _, hour in day_of}))
        return rollups.day_versions(day_of, heads)

    def _write_heads(self, versions_of: Mapping[str, Versions]) -> None:
        if any(versions_of.values()):
            self._command(rollups.heads(self._generation, versions_of))

    def _heads_around(self, days: Collection[ZoneDay]) -> dict[int, int]:
        """Heads of all hours from the first of some days to the last, as ClickHouse has them now."""
        if not days:
            return {}
        numbers = {day for _, day in days}
        # A day begins up to 14 hours before the one in UTC, and ends up to 12 hours after it.
        begin, end = (min(numbers) - 1) * DAY_S, (max(numbers) + 2) * DAY_S
        return self._heads(f" AND period BETWEEN {max(0, begin)} AND {end}")

    def _heads(self, where: str = "") -> dict[int, int]:
        """Heads of hours (seconds UTC); never from memory, for another refresher may have recorded some."""
        return dict(
            self._rows(
                f"SELECT toUnixTimestamp(period), max(version) FROM {DATA}.refreshed_g{self._generation} "
                f"WHERE rollup = 'place_hour'{where} GROUP BY period"
            )
        )

    def _days_of_rows(self, hours: Collection[int]) -> set[ZoneDay]:
        """The local days in which places have rows in some hours; records the zones of places that are new."""
        # Places that are new are few, but their hours may be many.
        question = (
            "SELECT DISTINCT z.zone, if(z.zone = '', 0, toUnixTimestamp(h.hour)), if(z.zone = '', h.place, '') FROM "
            f"(SELECT DISTINCT hour, toString(place) AS place FROM {DATA}.place_hour_g{self._generation} "
            f"WHERE {among('hour', hours)}) AS h "
            f"LEFT JOIN {DATA}.place_zones_g{self._generation} AS z ON h.place = z.place"
        )
        rows = self._rows(question)
        new = {place: zone_of_place(place) for zone, _, place in rows if not zone}
        if new:
            values = ", ".join(f"({literal(place)}, {literal(zone)})" for place, zone in new.items())
            self._command(f"INSERT INTO {DATA}.place_zones_g{self._generation} (place, zone) VALUES {values}")
            rows = self._rows(question)
        return {(zone, day_at(zone, hour * 1000)) for zone, hour, _ in rows}

    def _computed_days(self, hours: Collection[int]) -> set[ZoneDay]:
        """The local days around some hours that were computed before, in whatever zone.

        The version of a day counts all its hours, also those in which its zone has no row.
        """
        known = {
            (zone, period // DAY_S)
            for zone, period in self._rows(
                f"SELECT DISTINCT zone, toUnixTimestamp(period) FROM {DATA}.refreshed_g{self._generation} "
                f"WHERE rollup = 'place_day' AND period BETWEEN {max(0, min(hours) - 2 * DAY_S)} "
                f"AND {max(hours) + DAY_S}"
            )
        }
        zones = {zone for zone, _ in known}
        return known & {(zone, day_at(zone, hour * 1000)) for zone in zones for hour in hours}

    def _rows(self, question: str) -> Any:
        return self._client.query(question, settings=_LONG).result_rows

    def _command(self, statement: str) -> None:
        # The rows must be there before the head says so, and identical rows must not be dropped as a repetition. Sparse
        # hours lie in any number of months, which are partitions.
        settings = {"async_insert": 0, "insert_deduplicate": 0, "max_partitions_per_insert_block": 0}
        self._client.command(statement, settings=_LONG | settings)


def _highest(heads: Mapping[int, int], versions: Mapping[int, int]) -> dict[int, int]:
    return dict(heads) | {hour: max(version, heads.get(hour, 0)) for hour, version in versions.items()}
