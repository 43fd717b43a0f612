"""Replay history through the detector hour by hour, each evaluation from what had arrived until then."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from msgspec import Struct

from streams.spikes.decision import WATCH, Watchers
from streams.spikes.detector import (
    HISTORY_HOURS,
    Evaluation,
    Night,
    evaluate,
    expected_hours,
    forecast_night,
    learn_night,
    q_of,
)
from streams.spikes.dispersion import JUDGED_DAYS
from streams.spikes.hierarchy import Hierarchy
from streams.spikes.score import LOOKS
from streams.spikes.series import RECENT_HOURS, WINDOWS, Bools, Floats, Ints

#: Days of history before the first evaluation: four weeks for a level, and a profile that leans on the group.
WARM_UP_DAYS: Final = 28
#: Looks of counts that are known by day only: one a day, at the window of a day. The shorter windows hold the same
#: counts and too few of them to learn a dispersion from.
_DAILY_LOOKS: Final = (1e300, 1e300, 1e300, 1 / len(WINDOWS))


class Appeals(Struct, frozen=True):
    """History as rows: appeals of a place in an hour, and when they became known.

    Shapes: ``place``, ``hour``, ``arrived``, ``count`` (rows,); hours since 1970 (UTC).
    """

    place: Ints
    hour: Ints
    #: Hour in which the row became known; never before ``hour``.
    arrived: Ints
    count: Floats
    #: Whether times are days: all of a day stands in its last hour.
    daily: bool


class Alert(Struct, frozen=True):
    """An episode of the replay."""

    series: str
    #: Hour of the evaluation that opened it (since 1970, UTC).
    hour: int
    window_h: int
    observed: float
    expected: float
    alarms: float


class Played(Struct):
    """What a replay found. Arrays are (series, evaluated hours)."""

    tree: Hierarchy
    first_hour: int
    alerts: list[Alert]
    observed: Floats
    expected: Floats
    high: Floats
    alarms: Floats


def replay(
    appeals: Appeals,
    tree: Hierarchy,
    *,
    false_alerts_a_week: float = 7.0,
    minimum: int = 3,
    on_day: Callable[[int, int], None] = lambda _done, _days: None,
) -> Played:
    """Replay all of it; ``on_day`` hears of (days done, days in all).

    Raises ValueError where the history is shorter than the warm-up and a day.
    """
    begin, end = int(appeals.hour.min()) // 24 * 24, int(appeals.hour.max()) // 24 * 24 + 24
    start = begin + WARM_UP_DAYS * 24
    if start + 24 > end:
        raise ValueError(f"A replay takes at least {WARM_UP_DAYS + 1} days of history, not {(end - begin) // 24}.")
    state = _Replay(appeals, tree, begin, q_of(false_alerts_a_week), minimum)
    days = (end - start) // 24
    for day in range(days):
        state.play(start + 24 * day)
        on_day(day + 1, days)
    return state.played(start)


class _Replay:
    """The state between days: forecasts that were made, open episodes, results."""

    def __init__(self, appeals: Appeals, tree: Hierarchy, begin: int, q: float, minimum: int) -> None:
        self._appeals, self._tree, self._begin = appeals, tree, begin
        self._q, self._minimum = q, minimum
        self._forecasts: dict[int, Floats] = {}
        self._watchers = Watchers.none(len(tree.codes))
        self._alerts: list[Alert] = []
        self._results: list[tuple[Floats, Floats, Floats, Floats]] = []

    def play(self, midnight: int) -> None:
        """One night and the evaluations of the day that follows it."""
        counts, exposure = self._history(midnight)
        for day in range(JUDGED_DAYS):
            at = midnight - (JUDGED_DAYS + 1 - day) * 24
            if at not in self._forecasts:
                self._forecasts[at] = self._placed(forecast_night(counts, exposure, midnight, at, self._tree))
        judged = np.concatenate(
            [self._forecasts[midnight - (JUDGED_DAYS + 1 - day) * 24] for day in range(JUDGED_DAYS)], 1
        )
        self._forecasts = {at: made for at, made in self._forecasts.items() if at > midnight - (JUDGED_DAYS + 2) * 24}
        night = learn_night(counts, exposure, midnight, self._tree, judged)
        hours = [24] if self._appeals.daily else list(range(1, 25))
        day_results = [self._evaluate(night, midnight + hour) for hour in hours]
        self._results += day_results

    def _history(self, until: int) -> tuple[Floats, Floats]:
        counts = self._tree.summed(self._summed(until - HISTORY_HOURS, until, until))
        exposure = np.ones(counts.shape)
        exposure[:, : max(0, self._begin - (until - HISTORY_HOURS))] = 0
        return counts, exposure

    def _summed(self, begin: int, end: int, now: int) -> Floats:
        """Counts of the municipalities by hour, as far as they had arrived before ``now``."""
        rows = self._appeals
        chosen = (rows.hour >= begin) & (rows.hour < end) & (rows.arrived < now)
        n = sum(1 for level in self._tree.levels if level.value == "municipality")
        counts = np.zeros((n, end - begin))
        np.add.at(counts, (rows.place[chosen], rows.hour[chosen] - begin), rows.count[chosen])
        return counts

    def _evaluate(self, night: Night, hour: int) -> tuple[Floats, Floats, Floats, Floats]:
        recent = self._tree.summed(self._summed(hour - RECENT_HOURS, hour, hour))
        looks = _DAILY_LOOKS if self._appeals.daily else LOOKS[60]
        found = evaluate(
            night,
            recent,
            self._placed(expected_hours(night, self._tree, hour * 60)),
            self._tree,
            q=self._q,
            minimum=self._minimum,
            looks=looks,
        )
        opens, _ = self._watchers.step(hour * 60, found.alarms, found.alert)
        self._alerts += [self._alert(int(row), hour, found) for row in np.nonzero(opens)[0]]
        length = 3 if self._appeals.daily else 0
        mean = found.expected[:, length]
        spread = 2 * np.sqrt(night.dispersion.variance(mean, length))
        return found.observed[:, length], mean, mean + spread, found.alarms

    def _placed(self, day: Floats) -> Floats:
        """Expected counts of a day (n, 24) where its counts stand: daily ones in the last hour."""
        if not self._appeals.daily:
            return day
        placed = np.zeros_like(day)
        placed[:, -1] = day.sum(axis=1)
        return placed

    def _alert(self, row: int, hour: int, found: Evaluation) -> Alert:
        window = int(found.window[row])
        return Alert(
            self._tree.codes[row],
            hour,
            WINDOWS[window],
            float(found.observed[row, window]),
            float(found.expected[row, window]),
            float(found.alarms[row]),
        )

    def played(self, start: int) -> Played:
        """All results."""
        columns = [np.stack(part, axis=1) for part in zip(*self._results, strict=True)]
        return Played(self._tree, start, list(self._alerts), *columns)


def calibration(played: Played, daily: bool) -> list[tuple[str, int, float, float]]:
    """By size class: (name, series, episodes below E = 0.01, expected number of these); a good ratio is 0.2 to 2.5."""
    level = played.expected.mean(axis=1) * (1 if not daily else 1 / 24)
    bounds = (0.0, 0.1, 1.0, 10.0, np.inf)
    days = played.alarms.shape[1] / (1 if daily else 24)
    silence = 1 if daily else 24
    found = []
    for low, high in pairwise(bounds):
        rows = (level >= low) & (level < high)
        if rows.any():
            count = int(_episodes(played.alarms[rows] < WATCH, silence).sum())
            found.append(
                (f"{low:g} to {high:g} an hour", int(rows.sum()), float(count), WATCH * days * int(rows.sum()))
            )
    return found


def _episodes(fires: Bools, silence: int) -> Ints:
    last = np.full(len(fires), -silence - 1)
    count = np.zeros(len(fires), np.int64)
    for at in range(fires.shape[1]):
        count += fires[:, at] & (at - last >= silence)
        last[fires[:, at]] = at
    return count


class Event(Struct, frozen=True):
    """A true spike: the series and the hours (since 1970, UTC; end exclusive) in which an alert about it is right."""

    series: str
    begin: int
    end: int


class Judgement(Struct, frozen=True):
    """Alerts against true events."""

    right: int
    wrong: int
    found: int
    events: int
    #: Hours from the beginning of each found event to its first alert.
    delays: tuple[int, ...]


def judge(alerts: Sequence[Alert], events: Sequence[Event], tree: Hierarchy) -> Judgement:
    """Alerts against true events.

    An alert is right within an event of its series or of a parent: what hits a country hits its places. An event is
    found by the first alert of its own series.
    """
    parents = {code: _with_parents(row, tree) for row, code in enumerate(tree.codes)}
    right = [alert for alert in alerts if any(_within(alert, event, parents) for event in events)]
    delays = []
    for event in events:
        hours = [alert.hour for alert in alerts if alert.series == event.series and _within(alert, event, parents)]
        if hours:
            delays.append(min(hours) - event.begin)
    return Judgement(len(right), len(alerts) - len(right), len(delays), len(events), tuple(delays))


def _within(alert: Alert, event: Event, parents: Mapping[str, frozenset[str]]) -> bool:
    return event.series in parents[alert.series] and event.begin < alert.hour <= event.end


def _with_parents(row: int, tree: Hierarchy) -> frozenset[str]:
    codes = []
    while row >= 0:
        codes.append(tree.codes[row])
        row = int(tree.parent[row])
    return frozenset(codes)
