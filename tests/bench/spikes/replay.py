"""Replay of the detector over simulated weeks: nightly fits, hourly scores, spikes added in the limit of rare ones."""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct

from streams.spikes.common_factors import explained, sibling_factor
from streams.spikes.dispersion import JUDGED_DAYS, Forecasts, learn
from streams.spikes.expectation import FIT_HOURS, GUARD_HOURS, fit
from streams.spikes.hierarchy import Hierarchy, Level, hierarchy
from streams.spikes.score import LOOKS, Dispersion, common_factor, upper_tail
from streams.spikes.series import HOURS_OF_WEEK, WINDOWS, Floats, HourlyCounts, Ints, trailing_sums


class Nightly(Struct, frozen=True):
    """What the nights have learnt: hourly expectations (n, hours) and the dispersion of each test day."""

    expected: Floats
    dispersions: list[Dispersion]
    first_test_hour: int
    #: The regions whose places are compared with each other.
    tree: Hierarchy


#: Nights between two looks at the dispersion: the service looks every night, which costs seven times as much.
DISPERSION_NIGHTS: Final = 7
PLACES_A_REGION: Final = 27
#: A prime: it mixes places of every level into each region.
_STRIDE: Final = 7919
#: Scores of counts nearer to their mean are not computed: all that is asked for lies beyond.
_LEAST_DEVIATIONS: Final = 0.7


def simulated_tree(clock: Ints) -> Hierarchy:
    """Places in regions of about 27, as in Russia, by their clocks (n,): places of one region share one.

    ``clock`` is the local hour of the week of the first column. Each region holds places of every level.
    """
    n = len(clock)
    regions = max(2, n // PLACES_A_REGION)
    # Clocks lie within ten hours of each other, perhaps across the end of the week.
    turned = (clock - clock[0] + HOURS_OF_WEEK // 2) % HOURS_OF_WEEK
    order = np.lexsort((np.arange(n) * _STRIDE % n, turned))
    region = np.empty(n, np.int64)
    region[order] = np.arange(n) * regions // n
    places = [(f"place-{i:05d}", f"region-{region[i]:03d}", 0) for i in range(n)]
    return hierarchy(places, {f"region-{r:03d}": ("district", 0) for r in range(regions)})


def explained_by_parents(counts: Floats, expected: Floats, tree: Hierarchy) -> Floats:
    """The expectations of the places (n, hours) with what moves everything above them, as an evaluation does it."""
    return explained(tree.summed(counts), tree.summed(expected), tree)[: len(counts)]


def learn_nightly(counts: HourlyCounts, test_days: int) -> Nightly:
    """Fit every night of the judged and of the test days, as the service does; learn the dispersion once a week."""
    days = counts.hours // 24
    first = days - test_days
    expected = np.zeros(counts.counts.shape)
    for day in range(first - JUDGED_DAYS - 1, days):
        now = day * 24
        end = now - GUARD_HOURS
        night = fit(counts.slice(end - FIT_HOURS, end))
        begin = (counts.first_hour_of_week + now) % 168
        expected[:, now : now + 24] = night.hourly(begin, 24)
    tree = simulated_tree(counts.first_hour_of_week)
    region = tree.siblings(Level.MUNICIPALITY)
    usual = explained_by_parents(counts.counts * counts.exposure, expected, tree)
    dispersions: list[Dispersion] = []
    for day in range(first, days):
        if (day - first) % DISPERSION_NIGHTS == 0:
            judged = slice((day - 1 - JUDGED_DAYS) * 24, (day - 1) * 24)
            known = counts.exposure[:, judged] > 0
            latest = learn(Forecasts(counts.counts[:, judged], usual[:, judged], known, region))
        dispersions.append(latest)
    return Nightly(expected, dispersions, first * 24, tree)


def explained_by_siblings(counts: Floats, expected: Floats) -> Floats:
    """The expectations (n, hours) with what moves all other series in the same hour."""
    return expected * sibling_factor(counts, expected, np.zeros(len(counts), np.int64), np.ones_like(expected))


def hourly_alarms(counts: Floats, nightly: Nightly, *, base: Floats | None = None) -> Floats:
    """False alarms a day of each series at each test hour, (n, test hours).

    With ``base`` the common factor is that of the counts without spikes (the limit of rare spikes).
    """
    begin = nightly.first_test_hour
    plain = counts if base is None else base
    tree = nightly.tree
    region = tree.siblings(Level.MUNICIPALITY)
    usual = explained_by_parents(plain, nightly.expected, tree)
    days = (counts.shape[1] - begin) // 24
    alarms = np.full((len(counts), days * 24), np.inf)
    looks = LOOKS[60]
    for w, window in enumerate(WINDOWS):
        sums, plain_sums, means = (trailing_sums(each, window) for each in (counts, plain, usual))
        for d in range(0, days, DISPERSION_NIGHTS):
            at = slice(begin + 24 * d, begin + 24 * min(d + DISPERSION_NIGHTS, days))
            dispersion = nightly.dispersions[d]
            variance = dispersion.variance(means[:, at], w)
            scaled = means[:, at] * common_factor(plain_sums[:, at], means[:, at], variance, region)
            variance, effect = dispersion.variance(scaled, w), dispersion.effect(scaled)
            p = upper_tail(sums[:, at], scaled, variance, effect, least_deviations=_LEAST_DEVIATIONS)
            tail = dispersion.tail[:, w, None]
            p = np.where(p < 0.05, 0.05 * (np.minimum(p, 0.05) / 0.05) ** tail, p)
            p = np.where(means[:, at] > 0, p, 1.0)
            here = slice(at.start - begin, at.stop - begin)
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
