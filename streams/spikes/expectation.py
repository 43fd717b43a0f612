"""The usual count of each series by hour of the week: pooled profile, own profile, level. Fitted once a night.

Pooling over places and shrinkage follow the multi-level models of RAMMIE (Morbey 2015); the weights of past outbreaks
are those of Farrington's algorithm as improved by Noufaily (2013), section 3.2.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct

from streams.spikes.series import HOURS_OF_WEEK, Floats, HourlyCounts, Ints

#: Days that a fit looks back, and hours before now that it leaves out: a spike must not teach its own expectation.
FIT_DAYS: Final = 56
GUARD_HOURS: Final = 24
#: Columns that :func:`fit` wants: one day more, so that each series is cut at its own midnights.
FIT_HOURS: Final = (FIT_DAYS + 1) * 24
#: Anscombe residual beyond which a past day counts less (Noufaily 2013).
OUTBREAK: Final = 2.58
#: A pooled day that differs by more from its week is a holiday, or a moved working day.
HOLIDAY: Final = 0.15
#: A series with an exposure of fewer days expects nothing: it is neither tested nor does it teach the dispersion.
LEAST_DAYS: Final = 14
_HALF_LIFE_DAYS: Final = 7.0
_RECENT_DAYS: Final = 14
#: Weight of the level of all eight weeks where nothing drifts, in units of squared mean over variance.
_MOST_FAITH: Final = 100.0


class Expectation(Struct, frozen=True):
    """What is usual: ``level`` messages an hour (n,) times ``profile`` by local hour of the week (n, 168), mean 1.

    A level of 0 says that nothing is known.
    """

    level: Floats
    profile: Floats

    def hourly(self, first_hour_of_week: Ints, hours: int) -> Floats:
        """Expected counts of ``hours`` hours that begin at a local hour of the week, (n, hours)."""
        at = (first_hour_of_week[:, None] + np.arange(hours)) % HOURS_OF_WEEK
        return self.level[:, None] * np.take_along_axis(self.profile, at, axis=1)


class _Days(Struct):
    """History cut at local midnights: (n, 56, 24) counts, exposure, hours of the week."""

    counts: Floats
    exposure: Floats
    hour: Ints


def fit(history: HourlyCounts) -> Expectation:
    """Fit the expectation from the last ``FIT_HOURS`` hours before the guard.

    Hours without exposure teach nothing. A series gets level 0 where its exposure is less than ``LEAST_DAYS`` days. A
    silent one gets a level near 0. Raises ValueError where ``history`` has another length.
    """
    days = _local_days(history)
    exposed = days.exposure.sum(axis=(1, 2))
    level = (days.counts.sum(axis=(1, 2)) + 0.5) / np.maximum(exposed, 1.0)
    pooled = np.ones((int(history.group.max(initial=0)) + 1, HOURS_OF_WEEK))
    for _ in range(2):
        usual = level[:, None, None] * pooled[history.group[:, None, None], days.hour] * days.exposure
        counts = np.minimum(days.counts, 2.5 * usual + 4)
        pooled = _pooled_profile(counts, level, history.group, days)
    usual = level[:, None, None] * pooled[history.group[:, None, None], days.hour] * days.exposure
    holiday = _holiday_factors(days.counts.sum(axis=2), usual.sum(axis=2))
    profile = _own_profiles(counts, usual * holiday[None, :, None], pooled[history.group], level, days)
    mass = np.take_along_axis(profile, days.hour.reshape(len(level), -1), axis=1).reshape(days.hour.shape)
    mass = (mass * days.exposure).sum(axis=2) * holiday
    seen = days.counts.sum(axis=2)
    level = _levels(seen, mass, level, _drift(seen, mass, level, history.group))
    level = np.where(exposed >= LEAST_DAYS * 24, level, 0.0)
    return Expectation(level, profile)


def _local_days(history: HourlyCounts) -> _Days:
    if history.hours != FIT_HOURS:
        raise ValueError(f"A fit takes {FIT_HOURS} hours, not {history.hours}.")
    shift = (-history.first_hour_of_week) % 24
    at = shift[:, None] + np.arange(FIT_DAYS * 24)
    shape = (len(shift), FIT_DAYS, 24)
    exposure = np.take_along_axis(history.exposure, at, axis=1)
    counts = np.take_along_axis(history.counts, at, axis=1) * (exposure > 0)
    hour = (history.first_hour_of_week[:, None] + at) % HOURS_OF_WEEK
    return _Days(counts.reshape(shape), exposure.reshape(shape), hour.reshape(shape))


def _pooled_profile(counts: Floats, level: Floats, group: Ints, days: _Days) -> Floats:
    """Weighted mean over a group by hour of the week, mean 1: (groups, 168).

    A series weighs inversely to the variance of its daily total. A small group leans on all groups.
    """
    weight = 1 / (1.5 + 0.04 * 24 * level)
    groups = int(group.max(initial=0)) + 1
    cell = (group[:, None, None] * HOURS_OF_WEEK + days.hour).ravel()
    size = groups * HOURS_OF_WEEK

    def summed(values: Floats) -> Floats:
        return np.asarray(
            np.bincount(cell, (weight[:, None, None] * values).ravel(), size).reshape(groups, HOURS_OF_WEEK), np.float64
        )

    seen, expected = summed(counts), summed(level[:, None, None] * days.exposure)
    whole = (seen.sum(axis=0) + 1) / (expected.sum(axis=0) + 1)
    profile = (seen + 20 * whole) / (expected + 20)
    return np.asarray(profile / profile.mean(axis=1, keepdims=True))


def _holiday_factors(counts: Floats, usual: Floats) -> Floats:
    """How much each past day differed everywhere at once, (56,); 1 for ordinary days."""
    spread = np.sqrt((1.5 + 0.04 * usual) * usual)
    weight = usual / np.maximum((1.5 + 0.04 * usual) * usual, 1e-9)
    ratio = (50 + (weight * np.minimum(counts, usual + 4 * spread + 2)).sum(axis=0)) / (
        50 + (weight * usual).sum(axis=0)
    )
    padded = np.pad(ratio, 3, mode="edge")
    usual_ratio = np.median(np.lib.stride_tricks.sliding_window_view(padded, 7), axis=1)
    factor = ratio / usual_ratio
    return np.asarray(np.where(np.abs(factor - 1) > HOLIDAY, factor, 1.0))


def _own_profiles(counts: Floats, usual: Floats, pooled: Floats, level: Floats, days: _Days) -> Floats:
    """The group's profile times a factor of the series' own, shrunk to 1; neighbouring hours count half."""
    over = (1.5 + 0.04 * level)[:, None]
    n = len(level)
    cell = (np.arange(n)[:, None, None] * HOURS_OF_WEEK + days.hour).ravel()

    def by_hour(values: Floats) -> Floats:
        summed = np.bincount(cell, values.ravel(), n * HOURS_OF_WEEK).reshape(n, HOURS_OF_WEEK)
        return summed + 0.5 * (np.roll(summed, 1, axis=1) + np.roll(summed, -1, axis=1))

    profile = pooled * (25 + by_hour(counts) / over) / (25 + by_hour(usual) / over)
    return np.asarray(profile / profile.mean(axis=1, keepdims=True))


def _drift(counts: Floats, mass: Floats, level: Floats, group: Ints) -> Floats:
    """Variance that the logarithm of a group's levels gains each day, at the value of each series, (n,).

    Moments of a local-level model (Harvey 1989, 2.4): ratios of a day and of the day k days before differ by twice the
    noise plus k times the drift. Lags of 7 and 14 days cancel the noise, the weekday and short-lived day effects. One
    standard error is subtracted, so that noise alone shows no drift.
    """
    usual = level[:, None] * mass
    spread = np.sqrt((1.5 + 0.04 * usual) * usual)
    ratio = np.minimum(counts, usual + 4 * spread + 2) / np.maximum(usual, 1e-9)
    today, week, fortnight = (ratio[:, 14 - lag : FIT_DAYS - lag] for lag in (0, 7, 14))
    known = mass > 0
    both = known[:, 14:] & known[:, 7 : FIT_DAYS - 7] & known[:, : FIT_DAYS - 14]
    pairs = both.sum(axis=1)
    noise = 1.5 / np.maximum(usual.mean(axis=1), 1e-9) + 0.04
    gained = (both * ((today - fortnight) ** 2 - (today - week) ** 2)).sum(axis=1) / 7
    weight = 1 / noise**2
    groups = int(group.max(initial=0)) + 1
    total = np.maximum(np.bincount(group, weight * pairs, groups), 1e-9)
    # The difference of two squares of differences of normal variables has the variance 12 noise^2.
    error = np.sqrt(np.bincount(group, (weight * noise) ** 2 * pairs * 12 / 49, groups))
    return np.asarray(np.maximum(np.bincount(group, weight * gained, groups) - error, 0)[group] / total[group])


def _levels(counts: Floats, mass: Floats, first: Floats, drift: Floats) -> Floats:
    """Messages an hour now: the last two weeks, shrunk to the level of all eight; outbreaks count less.

    ``counts`` and ``mass`` (the sum of profile times exposure over a day) are (n, 56). Where levels drift, the last
    days count for more, with the gain of the steady Kalman filter of a local-level model (Harvey 1989, 4.3), and the
    level of all eight weeks counts for less.
    """
    level = first
    for _ in range(2):
        usual = np.maximum(level[:, None] * mass, 1e-9)
        spread = 1.5 + 0.04 * usual
        residual = 1.5 * (counts ** (2 / 3) - usual ** (2 / 3)) / (usual ** (1 / 6) * np.sqrt(spread))
        weight = np.where(residual > OUTBREAK, (OUTBREAK / np.maximum(residual, OUTBREAK)) ** 2, 1.0)
        level = ((weight * counts).sum(axis=1) + 0.5) / np.maximum((weight * mass).sum(axis=1), 1e-9)
    age = np.arange(_RECENT_DAYS)[::-1]
    signal = drift / (1.5 / np.maximum(usual.mean(axis=1), 1e-9) + 0.04)
    gain = (np.sqrt(signal**2 + 4 * signal) - signal) / 2
    kept = np.minimum(1 - gain, 0.5 ** (1 / _HALF_LIFE_DAYS))
    recent = weight[:, -_RECENT_DAYS:] * kept[:, None] ** age / spread[:, -_RECENT_DAYS:]
    seen = (recent * counts[:, -_RECENT_DAYS:]).sum(axis=1)
    expected = (recent * mass[:, -_RECENT_DAYS:]).sum(axis=1)
    # The middle of eight weeks lies 28 days back: so far has the level drifted since.
    faith = np.minimum(_MOST_FAITH, 1 / np.maximum(FIT_DAYS / 2 * drift, 1e-9))
    return np.asarray((faith + seen) / (faith / level + expected))
