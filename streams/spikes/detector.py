"""The detector: what a night learns from history, and what an evaluation makes of the last hours. Both are pure."""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct

from streams.spikes.common_factors import explained
from streams.spikes.decision import WATCH, alerts
from streams.spikes.dispersion import JUDGED_DAYS, Forecasts, learn
from streams.spikes.expectation import FIT_HOURS, GUARD_HOURS, Expectation, fit
from streams.spikes.hierarchy import Hierarchy, Level, carried_by_some, moved_with_parents
from streams.spikes.score import LOOKS, Dispersion, plain_dispersion, score
from streams.spikes.series import HOURS_OF_WEEK, RECENT_HOURS, Bools, Floats, HourlyCounts, Ints, windows_of

#: Hours of history that a night reads: the forecasts that it judges, each with its own fit and guard.
HISTORY_HOURS: Final = FIT_HOURS + 2 * GUARD_HOURS + JUDGED_DAYS * 24
#: At q = 0.2 at most 1.2 false alerts a day were measured in the hardest scenario: eight a week.
_Q_A_WEEKLY_ALERT: Final = 0.2 / 7
#: Series of these levels are compared with their siblings in whole windows: their clocks agree.
_COMPARED: Final = (Level.MUNICIPALITY, Level.REGION)
#: Series of these levels share what is learnt about dispersion.
_TOGETHER: Final = ((Level.MUNICIPALITY,), (Level.REGION,), (Level.DISTRICT, Level.COUNTRY))


def q_of(false_alerts_a_week: float) -> float:
    """The rate for Benjamini and Hochberg that keeps the country's false alerts below a number a week."""
    return _Q_A_WEEKLY_ALERT * false_alerts_a_week


class Night(Struct, frozen=True):
    """What a night has learnt for the day to come, for all series of a hierarchy in its order."""

    expectation: Expectation
    dispersion: Dispersion


def first_hours_of_week(tree: Hierarchy, hour: int) -> Ints:
    """Local hour of the week of each series at an hour (hours since 1970-01-01T00Z, a Thursday), (n,)."""
    return (hour + 3 * 24 + tree.utc_offset) % HOURS_OF_WEEK


def forecast_night(counts: Floats, exposure: Floats, hour: int, at: int, tree: Hierarchy) -> Floats:
    """What the night ``at`` would have expected of the 24 hours from ``at`` on, (n, 24).

    ``counts`` and ``exposure`` are the ``HISTORY_HOURS`` hours before ``hour``; both are hours since 1970, UTC.
    """
    begin = hour - HISTORY_HOURS
    series = HourlyCounts(counts, exposure, first_hours_of_week(tree, begin), tree.groups())
    end = at - begin - GUARD_HOURS
    return fit(series.slice(end - FIT_HOURS, end)).hourly(first_hours_of_week(tree, at), 24)


def learn_night(
    counts: Floats,
    exposure: Floats,
    hour: int,
    tree: Hierarchy,
    judged: Floats | None = None,
) -> Night:
    """Learn from the ``HISTORY_HOURS`` hours before ``hour`` (hours since 1970, UTC).

    ``counts`` and ``exposure`` are (n, HISTORY_HOURS) for all series of the hierarchy; the exposure is 0 before the
    first data. ``judged`` (n, 672) are the forecasts of the last 28 nights; without them they are made again, each from
    what was there before it.
    """
    begin = hour - HISTORY_HOURS
    first = FIT_HOURS + GUARD_HOURS
    if judged is None:
        nights = [
            forecast_night(counts, exposure, hour, begin + first + night * 24, tree) for night in range(JUDGED_DAYS)
        ]
        judged = np.concatenate(nights, axis=1)
    span = slice(first, first + JUDGED_DAYS * 24)
    dispersion = plain_dispersion(len(counts))
    valid = exposure[:, span] > 0
    usual = explained(counts[:, span] * valid, judged * exposure[:, span], tree)
    for levels in _TOGETHER:
        rows = np.concatenate([tree.rows(level) for level in levels])
        if len(rows):
            region = tree.siblings(levels[0]) if levels[0] in _COMPARED else None
            learnt = learn(Forecasts(counts[rows, span], usual[rows], valid[rows], region))
            for whole, part in zip(_parts(dispersion), _parts(learnt), strict=True):
                whole[rows] = part
    series = HourlyCounts(counts, exposure, first_hours_of_week(tree, begin), tree.groups())
    last = fit(series.slice(HISTORY_HOURS - GUARD_HOURS - FIT_HOURS, HISTORY_HOURS - GUARD_HOURS))
    return Night(last, dispersion)


def _parts(dispersion: Dispersion) -> tuple[Floats, ...]:
    return dispersion.linear, dispersion.square, dispersion.own, dispersion.tail


class Evaluation(Struct, frozen=True):
    """The scores of all series at one moment, (n,) or (n, windows), and the series to alert."""

    observed: Floats
    #: Expected counts with the factors that are common to neighbours.
    expected: Floats
    #: False alarms per series and day.
    alarms: Floats
    #: Index of the most unusual window.
    window: Ints
    #: Series to alert: unusual among all, and not only because of a series below.
    alert: Bools


def evaluate(
    night: Night,
    observed: Floats,
    expected: Floats,
    tree: Hierarchy,
    *,
    q: float,
    minimum: int = 3,
    looks: tuple[float, ...] = LOOKS[60],
) -> Evaluation:
    """Score the trailing windows of every series and decide.

    ``observed`` and ``expected`` are (n, RECENT_HOURS): the hours counted back from the moment, oldest first, both 0
    where an hour is not known; a window of which nothing is expected is not tested. A window of fewer than ``minimum``
    messages alerts nobody. Children are explained by what moves their parent, then municipalities and regions are
    compared with their siblings; the country is compared with its own past.
    """
    counts, usual = windows_of(observed), windows_of(explained(observed, expected, tree))
    scaled, alarms = np.zeros_like(usual), np.full(len(observed), np.inf)
    window = np.zeros(len(observed), np.int64)
    for level in Level:
        rows = tree.rows(level)
        if len(rows):
            region = tree.siblings(level) if level in _COMPARED else None
            found = score(counts[rows], usual[rows], night.dispersion.of(rows), region, looks=looks)
            scaled[rows], alarms[rows], window[rows] = found.expected, found.alarms, found.window
    enough = counts[np.arange(len(window)), window] >= minimum
    loud = alerts(np.where(enough, alarms, np.inf), q)

    def still_unusual(row: int, rest: Floats) -> bool:
        left = score(rest[None, :], scaled[row][None, :], night.dispersion.of(np.array([row])), None, looks=looks)
        return bool(left.alarms[0] < WATCH)

    carried = carried_by_some(loud, counts, scaled, tree, still_unusual)
    alert = loud & ~carried
    # Below an alerting parent a series alerts where it rises by more than the rest of that parent.
    moved = np.maximum(scaled, windows_of(moved_with_parents(alert, observed, expected, tree)))
    rows = np.nonzero(alert & (moved > scaled).any(axis=1))[0]
    if len(rows):
        again = score(counts[rows], moved[rows], night.dispersion.of(rows), None, looks=looks).alarms
        alert[rows[again > alarms[loud].max()]] = False
    return Evaluation(counts, scaled, alarms, window, alert)


def expected_hours(night: Night, tree: Hierarchy, minute: int) -> Floats:
    """Expected counts of the hours that end at a minute (since 1970, UTC), (n, RECENT_HOURS), without common factors.

    An hour that ends at 12:05 holds 55 minutes of one hour of the clock and 5 of the next.
    """
    hour, part = divmod(minute, 60)
    clock = night.expectation.hourly(first_hours_of_week(tree, hour - RECENT_HOURS), RECENT_HOURS + 1)
    return np.asarray(clock[:, :-1] * (1 - part / 60) + clock[:, 1:] * (part / 60))
