"""Replay of the detector over simulated weeks: nightly fits, hourly scores, spikes added in the limit of rare ones."""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct

from streams.spikes.dispersion import JUDGED_DAYS, Forecasts, learn
from streams.spikes.expectation import FIT_HOURS, GUARD_HOURS, fit
from streams.spikes.score import LOOKS, Dispersion, upper_tail, window_tails
from streams.spikes.series import WINDOWS, Floats, HourlyCounts, Ints, trailing_sums


class Nightly(Struct, frozen=True):
    """What the nights have learnt: hourly expectations (n, hours) and the dispersion of each test day."""

    expected: Floats
    dispersions: list[Dispersion]
    first_test_hour: int


#: Nights between two looks at the dispersion: the service looks every night, which costs seven times as much.
DISPERSION_NIGHTS: Final = 7


def learn_nightly(counts: HourlyCounts, region: Ints, test_days: int, random: np.random.Generator) -> Nightly:
    """Fit every night of the judged and of the test days, as the service does; learn the dispersion once a week."""
    days = counts.hours // 24
    first = days - test_days
    expected = np.zeros(counts.counts.shape)
    dispersions = []
    for day in range(first - JUDGED_DAYS - 1, days):
        now = day * 24
        end = now - GUARD_HOURS
        night = fit(counts.slice(end - FIT_HOURS, end))
        begin = (counts.first_hour_of_week + now) % 168
        expected[:, now : now + 24] = night.hourly(begin, 24)
        if day < first:
            continue
        if (day - first) % DISPERSION_NIGHTS == 0:
            judged = slice(now - GUARD_HOURS - JUDGED_DAYS * 24, now - GUARD_HOURS)
            forecasts = Forecasts(counts.counts[:, judged], expected[:, judged], counts.known[:, judged], region)
            latest = learn(forecasts, random)
        dispersions.append(latest)
    return Nightly(expected, dispersions, first * 24)


def hourly_alarms(counts: Floats, nightly: Nightly, region: Ints, *, base: Floats | None = None) -> Floats:
    """False alarms a day of each series at each test hour, (n, test hours).

    With ``base`` the common factor is that of the counts without spikes (the limit of rare spikes).
    """
    begin = nightly.first_test_hour
    days = (counts.shape[1] - begin) // 24
    alarms = np.full((len(counts), days * 24), np.inf)
    looks = LOOKS[60]
    for w, window in enumerate(WINDOWS):
        sums = trailing_sums(counts, window)
        means = trailing_sums(nightly.expected, window)
        plain = sums if base is None else trailing_sums(base, window)
        for d in range(days):
            at = slice(begin + 24 * d, begin + 24 * (d + 1))
            p, scaled = window_tails(plain[:, at], means[:, at], nightly.dispersions[d], w, region)
            if base is not None:
                variance = nightly.dispersions[d].variance(scaled, w)
                p = upper_tail(sums[:, at], scaled, variance)
                tail = nightly.dispersions[d].tail[:, w, None]
                p = np.where(p < 0.05, 0.05 * (np.minimum(p, 0.05) / 0.05) ** tail, p)
            here = slice(24 * d, 24 * (d + 1))
            alarms[:, here] = np.minimum(alarms[:, here], len(WINDOWS) * looks[w] * p)
    return alarms


def episodes(fires: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], silence: int = 24) -> Ints:
    """Episodes of each series: firing hours, those within 24 hours after a counted one left out; (n,)."""
    n, hours = fires.shape
    last = np.full(n, -silence - 1)
    count = np.zeros(n, np.int64)
    for hour in range(hours):
        new = fires[:, hour] & (hour - last >= silence)
        count += new
        last[fires[:, hour]] = hour
    return count
