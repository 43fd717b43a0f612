"""Days whose share is to be computed again: facts or totals of them changed, or the register of precedence did."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

from streams.refresh import rollups, share
from streams.refresh.rollups import DATA, DAY_S, ZoneTime
from streams.zones import hours_of_day

#: Zones and days that one step takes at most.
MOST_DAYS: Final = 400

#: A time zone and a local day (days since 1970).
ZoneDay = tuple[str, int]


class ShareDays:
    """Computes the share of one generation day by day. Any number may run: the one that has seen more wins.

    A day's version is the sum of the heads of its hours, and of the hours before it in which totals of that day begin,
    with the time of the register of precedence added (ms UTC). All of these only rise.
    """

    def __init__(self, generation: int, rows: Callable[[str], Any], command: Callable[[str], None]) -> None:
        """``rows`` asks, ``command`` writes."""
        self._generation = generation
        self._rows = rows
        self._command = command
        self._waiting: set[ZoneDay] = set()
        #: The register that the last scan compared all days with.
        self._register_ms = -1

    @property
    def waiting(self) -> int:
        """How many days are still to be computed."""
        return len(self._waiting)

    def add(self, days: Iterable[ZoneDay]) -> None:
        """Facts of these days changed."""
        self._waiting |= set(days)

    def add_totals(self, hours: Collection[int]) -> None:
        """Totals whose periods begin in these hours (seconds UTC) were computed again."""
        self._waiting |= {(zone, day) for zone, day in self._rows(share.days_of_totals(self._generation, hours))}

    def scan(self) -> None:
        """Find every day that is behind its hours, its totals or the register, by what ClickHouse has recorded."""
        self._register_ms = self._register()
        days = {(zone, period // DAY_S) for zone, period in self._heads_of("place_day")}
        totals = self._hours_of_totals("1")
        done = self._heads_of("share_day")
        wanted = self._versions(days | totals.keys(), self._hour_heads(), totals, self._register_ms)
        self._waiting |= {
            (zone, midnight // DAY_S)
            for (zone, midnight), version in wanted.items()
            if version > done.get((zone, midnight), 0)
        }

    def step(self, not_ready: Collection[ZoneDay]) -> bool:
        """Compute some waiting days, the latest first, but for those ``not_ready``; whether there were any."""
        if self._register() != self._register_ms:
            self.scan()
        ready = sorted(self._waiting.difference(not_ready), key=lambda day: (day[1], day[0]), reverse=True)
        taken = set(ready[:MOST_DAYS])
        if not taken:
            return False
        # Heads and register are read before the rows: these are at least as new.
        versions = self._current_versions(taken)
        computed = {day: version for day, version in versions.items() if version}
        if computed:
            self._command(share.share_day(self._generation, computed))
            self._command(share.share_region_day(self._generation, computed))
            self._command(rollups.heads(self._generation, {"share_day": computed}))
        self._waiting -= taken
        # Another refresher may have recorded hours meanwhile.
        after = self._current_versions(taken)
        self._waiting |= {(zone, at // DAY_S) for (zone, at), version in after.items() if version > versions[zone, at]}
        return True

    def _current_versions(self, days: Collection[ZoneDay]) -> dict[ZoneTime, int]:
        numbers = sorted({day for _, day in days})
        totals = self._hours_of_totals(rollups.among("number", numbers))
        begin, end = (numbers[0] - 2) * DAY_S, (numbers[-1] + 2) * DAY_S
        heads = self._hour_heads(f" AND period BETWEEN {max(0, begin)} AND {end}")
        return self._versions(days, heads, totals, self._register_ms)

    @staticmethod
    def _versions(
        days: Iterable[ZoneDay], heads: Mapping[int, int], totals: Mapping[ZoneDay, set[int]], register_ms: int
    ) -> dict[ZoneTime, int]:
        versions: dict[ZoneTime, int] = {}
        for zone, day in days:
            hours = {*hours_of_day(zone, day), *totals.get((zone, day), ())}
            known = sum(heads.get(hour, 0) for hour in hours)
            versions[zone, day * DAY_S] = known + register_ms if known else 0
        return versions

    def _register(self) -> int:
        ((written_ms,),) = self._rows(share.PRECEDENCE_WRITTEN)
        return int(written_ms)

    def _hours_of_totals(self, where: str) -> dict[ZoneDay, set[int]]:
        hours: dict[ZoneDay, set[int]] = {}
        for zone, day, hour in self._rows(share.hours_of_totals(self._generation, where)):
            hours.setdefault((zone, day), set()).add(hour)
        return hours

    def _heads_of(self, rollup: str) -> dict[ZoneTime, int]:
        return {
            (zone, period): version
            for zone, period, version in self._rows(
                f"SELECT zone, toUnixTimestamp(period), max(version) FROM {DATA}.refreshed_g{self._generation} "
                f"WHERE rollup = '{rollup}' GROUP BY zone, period"
            )
        }

    def _hour_heads(self, where: str = "") -> dict[int, int]:
        return dict(
            self._rows(
                f"SELECT toUnixTimestamp(period), max(version) FROM {DATA}.refreshed_g{self._generation} "
                f"WHERE rollup = 'place_hour'{where} GROUP BY period"
            )
        )
