"""How unusual the last hours of each series are: negative-binomial tails as false alarms per series and day.

The tail of a negative binomial distribution is a regularised incomplete beta function (Abramowitz and Stegun 26.5.26).
That distribution is a Poisson one whose mean varies by a gamma distribution. Day effects multiply, so they are rather
lognormal, and their tail is heavier: counts are carried from the one tail to the other.
The factor that is common to a region follows the prior-weighted ratio of sums of observed to expected counts.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct
from scipy.special import betainc

from streams.spikes.series import WINDOWS, Floats, Ints

#: Independent looks a day at a sliding window of 1, 3, 6, 24 hours, by minutes between evaluations: measured on
#: simulated series as episodes a day over the attained level of one look.
LOOKS: Final = {60: (24.0, 20.0, 17.0, 7.5), 5: (130.0, 65.0, 37.0, 11.0)}
#: Weight of "nothing is unusual everywhere" in the common factor, in units of squared mean over variance.
PRIOR: Final = 50.0
FACTOR_RANGE: Final = (0.3, 3.0)
#: Day effects beyond this relative variance, and deviations beyond these, get no heavier tail: it would stop falling.
_MOST_EFFECT: Final = 0.25
_MOST_DEVIATIONS: Final = 6.0
#: The deviation of an effect and what it does to the count hang on each other: three rounds leave a few hundredths.
_ROUNDS: Final = 3


class Dispersion(Struct, frozen=True):
    """Variance of a window's count around its expectation M: ``own`` times (``linear`` M + ``square`` M^2).

    All are (n, windows). ``tail`` corrects tails that are heavier than the model's (1: as the model says).
    """

    linear: Floats
    square: Floats
    own: Floats
    tail: Floats

    def variance(self, mean: Floats, window: int) -> Floats:
        """Variance of counts with these means, (n,) or (n, hours), for the window of that index."""
        linear, square, own = (part[:, window] for part in (self.linear, self.square, self.own))
        if mean.ndim == 2:
            linear, square, own = linear[:, None], square[:, None], own[:, None]
        return np.asarray(np.maximum(own * (linear * mean + square * mean**2), 1.05 * mean))

    def effect(self, mean: Floats) -> Floats:
        """Variance of the day effects of counts with these means over the squared mean, (n,) or (n, hours).

        It is that of the longest window. A shorter one also holds errors of the profile, which differ by hour.
        """
        day = self.own[:, -1] * self.square[:, -1]
        return np.broadcast_to(day[:, None] if mean.ndim == 2 else day, mean.shape)

    def of(self, rows: Ints) -> Dispersion:
        """The dispersion of some series."""
        return Dispersion(self.linear[rows], self.square[rows], self.own[rows], self.tail[rows])


def plain_dispersion(n: int) -> Dispersion:
    """The dispersion to begin with, before any forecast has been judged."""
    shape = (n, len(WINDOWS))
    return Dispersion(np.full(shape, 1.5), np.full(shape, 0.04), np.ones(shape), np.ones(shape))


def upper_tail(
    count: Floats, mean: Floats, variance: Floats, effect: Floats | None = None, *, least_deviations: float = 0.0
) -> Floats:
    """P(X >= count) for counts of this mean and variance (> mean), elementwise; 1 up to the mean.

    X is negative binomial. With an ``effect``, the part of the variance over the squared mean that comes from what
    multiplies the mean, that part is lognormal. Counts that are not above their mean alarm nobody: their tail is not
    worth its computation. The same holds for counts below ``least_deviations`` standard deviations above the mean,
    where a caller wants small tails only.
    """
    tail = np.ones(np.broadcast(count, mean, variance).shape)
    above = count > (mean + least_deviations * np.sqrt(variance) if least_deviations else mean)
    n, m = count[above], np.maximum(mean[above], 1e-12)
    v = np.maximum(variance[above], 1.0001 * m)
    if effect is not None:
        n = n / _heavier(n, m, v, effect[above])
    tail[above] = betainc(n, m**2 / (v - m), 1 - m / v)
    return tail


def _heavier(count: Floats, mean: Floats, variance: Floats, effect: Floats) -> Floats:
    """How many times a count with a lognormal effect lies above the one that is as rare with a gamma effect.

    A count ``z`` deviations up most likely has an effect ``z`` times the root of the effect's share of the variance
    up. There the quantile of the lognormal distribution is divided by that of the gamma one, and both ``z`` and the
    quantile of the gamma distribution are those of Wilson and Hilferty (1931).
    """
    effect = np.minimum(effect, _MOST_EFFECT)
    spread = variance / mean**2
    root, share = np.sqrt(effect), np.sqrt(np.minimum(effect / spread, 1.0))
    log_variance = np.log1p(effect)
    log_root = np.sqrt(log_variance)
    times = np.ones_like(count)
    for _ in range(_ROUNDS):
        z = 3 / np.sqrt(spread) * (np.cbrt(count / times / mean) - 1 + spread / 9)
        z = np.clip(z, 0, _MOST_DEVIATIONS) * share
        times = np.maximum(np.exp(log_root * z - log_variance / 2) / (1 - effect / 9 + z * root / 3) ** 3, 1.0)
    return np.asarray(times)


def common_factor(count: Floats, mean: Floats, variance: Floats, region: Ints) -> Floats:
    """What multiplies the expectation of every series of a region at this moment, one value a series.

    Arrays are (n,) or (n, hours). A region leans on the country. A single series contributes a bounded count, and never
    to its own factor: a spike must not explain itself away.
    """
    weight = np.where(mean > 0, mean / np.maximum(variance, 1e-12), 0.0)
    bounded = weight * np.minimum(count, most_of_one(mean, variance))
    usual = weight * mean
    seen, expected = _by_region(bounded, region), _by_region(usual, region)
    all_seen, all_expected = bounded.sum(axis=0), usual.sum(axis=0)
    country = (PRIOR + all_seen - bounded) / (PRIOR + all_expected - usual)
    country = np.clip(country, *FACTOR_RANGE)
    seen, expected = seen - bounded, expected - usual
    return np.asarray(np.clip((PRIOR * country + seen) / (PRIOR + expected), *FACTOR_RANGE))


def most_of_one(mean: Floats, variance: Floats) -> Floats:
    """The highest count that a single series contributes to a common factor, elementwise."""
    return np.asarray(np.maximum(mean + 4 * np.sqrt(variance) + 2, FACTOR_RANGE[1] * mean))


def _by_region(values: Floats, region: Ints) -> Floats:
    regions = int(region.max(initial=0)) + 1
    if values.ndim == 1:
        return np.asarray(np.bincount(region, values, regions)[region])
    summed = np.zeros((regions, values.shape[1]))
    np.add.at(summed, region, values)
    return summed[region]


class Score(Struct, frozen=True):
    """The last windows of every series. Shapes (n, windows) unless said otherwise."""

    observed: Floats
    #: Expected counts, the common factor included.
    expected: Floats
    #: Tail probability of each window.
    p: Floats
    #: False alarms per series and day that a result as extreme as the most unusual window brings, (n,).
    alarms: Floats
    #: Index of that window, (n,).
    window: Ints


def score(
    observed: Floats,
    expected: Floats,
    dispersion: Dispersion,
    region: Ints | None,
    *,
    looks: tuple[float, ...] = LOOKS[60],
) -> Score:
    """Score windows whose observed and expected counts are (n, windows); an expected count of 0 scores nothing.

    Series of one number in ``region`` (n,) share a common factor; None: there is none.
    """
    p = np.ones_like(observed)
    scaled = np.zeros_like(expected)
    for w in range(len(WINDOWS)):
        p[:, w], scaled[:, w] = window_tails(observed[:, w], expected[:, w], dispersion, w, region)
    rates = p * np.array(looks)
    window = rates.argmin(axis=1)
    alarms = len(WINDOWS) * rates[np.arange(len(window)), window]
    return Score(observed, scaled, p, alarms, window)


def window_tails(
    count: Floats,
    mean: Floats,
    dispersion: Dispersion,
    window: int,
    region: Ints | None,
    *,
    least_deviations: float = 0.0,
) -> tuple[Floats, Floats]:
    """Tail probabilities of one window, and expected counts with the common factor; both shaped as ``count``.

    ``least_deviations`` as in :func:`upper_tail`.
    """
    scaled = mean
    if region is not None:
        scaled = mean * common_factor(count, mean, dispersion.variance(mean, window), region)
    variance, effect = dispersion.variance(scaled, window), dispersion.effect(scaled)
    p = upper_tail(count, scaled, variance, effect, least_deviations=least_deviations)
    tail = dispersion.tail[:, window] if count.ndim == 1 else dispersion.tail[:, window, None]
    heavy = 0.05 * (np.minimum(p, 0.05) / 0.05) ** tail
    return np.where((p < 0.05) & (tail < 1), heavy, np.where(mean > 0, p, 1.0)), scaled
