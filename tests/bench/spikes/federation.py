"""Simulated hourly counts with every nuisance that real ones have, and spikes at known times.

Levels 0.05 to 50 messages an hour, a weekly profile, deviations of a series' own, day effects (lognormal, AR(1)),
growth, holidays, past outbreaks, joins of new pages, dispersion that differs by series; negative-binomial noise. The
scenario ``young`` has only three weeks of history.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct

from streams.spikes.series import HOURS_OF_WEEK, Bools, Floats, HourlyCounts, Ints

LEVELS: Final = (0.05, 0.5, 2.0, 10.0, 50.0)
HISTORY_DAYS: Final = 91
TEST_DAYS: Final = 28
DAYS: Final = HISTORY_DAYS + TEST_DAYS
HOURS: Final = DAYS * 24
SCENARIOS: Final = ("plain", "day", "grow", "contam", "holiday", "join", "all", "het", "young")
#: Days of history of the scenario ``young``.
YOUNG_DAYS: Final = 21


class Truth(Struct, frozen=True):
    """Simulated counts with what made them. Shapes (n, hours) unless said otherwise."""

    counts: HourlyCounts
    #: The mean without the random day effect, the variance over the mean (n,), and the variance of the day effect (n,):
    #: what an oracle knows.
    mean: Floats
    over: Floats
    day_variance: Floats
    #: Nominal level of each series, (n,).
    level: Floats
    #: Series that pages joined in the test weeks, (n,).
    joined: Bools


def simulate(scenario: str, level: Floats, random: np.random.Generator) -> Truth:
    """Series with these nominal levels (n,), 13 weeks of history and 4 of test."""
    n = len(level)
    first = random.integers(0, HOURS_OF_WEEK, 1).repeat(n)
    first = (first + random.integers(0, 10, n)) % HOURS_OF_WEEK
    hour = (first[:, None] + np.arange(HOURS)) % HOURS_OF_WEEK
    base = level * random.lognormal(0, 0.2, n)
    profile = _weekly()[hour % HOURS_OF_WEEK] * np.take_along_axis(
        random.lognormal(0, 0.2, (n, HOURS_OF_WEEK)), hour, 1
    )
    mean = base[:, None] * profile
    day = np.arange(HOURS) // 24
    if scenario in ("grow", "all", "het"):
        weekly = {"grow": 1.05, "all": 1.03, "het": 1.03}[scenario]
        mean *= weekly ** (day / 7)
    if scenario in ("holiday", "all", "het"):
        mean *= _holidays(random)[day]
    joined = np.zeros(n, np.bool_)
    if scenario in ("join", "all", "het"):
        joined = random.random(n) < {"join": 0.10, "all": 0.03, "het": 0.03}[scenario]
        at = random.integers(HISTORY_DAYS, DAYS - 4, n) * 24
        size = random.uniform(1.5, 3, n)
        mean *= np.where(joined[:, None] & (np.arange(HOURS) >= at[:, None]), size[:, None], 1.0)
    over = np.full(n, {"all": 2.0}.get(scenario, 1.5))
    if scenario == "het":
        over = np.maximum(1.05, 1.5 * random.lognormal(0, 0.3, n))
    effect = np.ones((n, DAYS))
    spread = np.zeros(n)
    if scenario in ("day", "all", "het", "young"):
        spread = random.uniform(0.1, 0.35, n) if scenario == "het" else np.full(n, 0.2)
        effect = _day_effects(spread, random)
    actual = mean * effect[:, day]
    counts = _negative_binomial(actual, over, random)
    outbreaks = {"contam": 2, "all": 1, "het": 1}.get(scenario, 0)
    for _ in range(outbreaks):
        daily = 24 * base
        size = np.sqrt(over * daily + (0.2 * daily) ** 2)
        extra = random.poisson(10 * size)
        begin = random.integers(14, HISTORY_DAYS - 2, n) * 24
        counts += _spread_out(extra, begin, np.full(n, 24.0), random)
    exposure = np.ones(counts.shape)
    if scenario == "young":
        counts[:, : (HISTORY_DAYS - YOUNG_DAYS) * 24] = 0
        exposure[:, : (HISTORY_DAYS - YOUNG_DAYS) * 24] = 0
    series = HourlyCounts(counts, exposure, first, np.zeros(n, np.int64))
    return Truth(series, mean, over, np.exp(spread**2) - 1, level, joined)


class Spikes(Struct, frozen=True):
    """One spike a series: extra counts (n, hours); times in hours since the first column, each (n,)."""

    added: Floats
    #: When each message comes, ascending; one array a series.
    times: list[Floats]
    #: Hour of the first message, and hour in which 95 of 100 have come: the last one of credit.
    first: Ints
    last: Ints


def spikes(truth: Truth, size: float, median_hours: float, random: np.random.Generator) -> Spikes:
    """One spike a series in the test weeks.

    ``size`` is in standard deviations of the daily count; the extra messages are lognormal in time.
    """
    n = len(truth.level)
    daily = truth.mean[:, -28 * 24 :].mean(axis=1) * 24
    extra = random.poisson(size * np.sqrt(truth.over * daily + (0.2 * daily) ** 2)).clip(1)
    begin = HISTORY_DAYS * 24 + random.integers(24, (TEST_DAYS - 6) * 24, n)
    return spikes_at(extra, begin, median_hours, random)


def spikes_at(extra: Ints, begin: Ints, median_hours: float, random: np.random.Generator) -> Spikes:
    """Spikes of so many messages that begin at these hours, (n,) each."""
    times = [spike_times(int(many), int(at), median_hours, random) for many, at in zip(extra, begin, strict=True)]
    added = np.stack([counted(each, HOURS) for each in times])
    first = np.array([int(each[0]) if len(each) else int(at) for each, at in zip(times, begin, strict=True)])
    last = np.array([int(each[int(np.ceil(0.95 * len(each))) - 1]) if len(each) else 0 for each in times])
    return Spikes(added, times, first, np.maximum(np.minimum(last, HOURS - 1), first))


def spike_times(extra: int, begin: int, median_hours: float, random: np.random.Generator) -> Floats:
    """When the messages of a spike come, hours, ascending."""
    return np.sort(begin + random.lognormal(np.log(median_hours), 0.5, extra))


def counted(times: Floats, hours: int) -> Floats:
    """Messages of each hour, (hours,)."""
    return np.bincount(times[times < hours].astype(np.int64), minlength=hours).astype(np.float64)


def _spread_out(extra: Ints, begin: Ints, median_hours: Floats, random: np.random.Generator) -> Floats:
    counts = np.zeros((len(extra), HOURS))
    for i in np.nonzero(extra)[0]:
        counts[i] = counted(spike_times(int(extra[i]), int(begin[i]), float(median_hours[i]), random), HOURS)
    return counts


def _weekly() -> Floats:
    hours = np.array(
        [
            *(0.25, 0.18, 0.13, 0.13, 0.15, 0.25, 0.45, 0.75, 1.05, 1.25, 1.35, 1.35),
            *(1.3, 1.3, 1.3, 1.25, 1.25, 1.3, 1.45, 1.6, 1.7, 1.55, 1.1, 0.55),
        ]
    )
    week = np.concatenate([hours * (0.8 if day >= 5 else 1.0) for day in range(7)])
    return np.asarray(week / week.mean())


def _holidays(random: np.random.Generator) -> Floats:
    factor = np.ones(DAYS)
    days = HISTORY_DAYS + random.choice(np.arange(2, TEST_DAYS - 2), 3, replace=False)
    factor[days[:2]], factor[days[2]] = 0.45, 1.4
    factor[random.integers(HISTORY_DAYS - 40, HISTORY_DAYS - 5)] = 0.45
    return factor


def _day_effects(spread: Floats, random: np.random.Generator) -> Floats:
    noise = random.normal(0, 1, (len(spread), DAYS))
    state = np.empty_like(noise)
    state[:, 0] = noise[:, 0]
    for d in range(1, DAYS):
        state[:, d] = 0.5 * state[:, d - 1] + np.sqrt(1 - 0.25) * noise[:, d]
    return np.asarray(np.exp(spread[:, None] * state - spread[:, None] ** 2 / 2))


def _negative_binomial(mean: Floats, over: Floats, random: np.random.Generator) -> Floats:
    shape = np.maximum(mean, 1e-9) / (over[:, None] - 1)
    return random.poisson(random.gamma(shape, over[:, None] - 1)).astype(np.float64)
