"""Learn how far counts stray from their expectation, from forecasts that were made before the counts were known.

In-sample residuals understate the variance: tails then come 20 to 30 times too often. So the forecasts of the last 28
nights are judged, alert hours left out. The tail's correction is the maximum-likelihood rate of a censored exponential
distribution of -ln p.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct

from streams.spikes.score import Dispersion, plain_dispersion, upper_tail, window_tails
from streams.spikes.series import WINDOWS, Bools, Floats, Ints, trailing_sums

#: Days of forecasts that are judged.
JUDGED_DAYS: Final = 28
#: A window beyond this probability is an alert of its own time: it and what surrounds it teach nothing.
ALERT_P: Final = 3e-4
#: No tail below this probability lies nearer to the mean, in standard deviations: a normal tail of 3e-4 begins at 3.4,
#: and a negative binomial one is heavier.
_ALERT_DEVIATIONS: Final = 2.0
#: At most this share of the windows may be left out, else the variance shrinks round by round.
MOST_LEFT_OUT: Final = 0.05
_ROUNDS: Final = 3
#: Beyond these a variance says that the forecasts are wrong, not that the counts stray.
_MOST_LINEAR: Final = 20.0
_MOST_SQUARE: Final = 1.0
_QUIET_HOURS: Final = 12
#: Bounds of the faith in a variance that is that of all series, in observations.
_LEAST_FAITH: Final = 40.0
_MOST_FAITH: Final = 4_000.0
#: Series with so many observations are compared in halves, if there are so many of them.
_LEAST_INDEPENDENT: Final = 8.0
_LEAST_SERIES: Final = 50
#: The tail is watched below this probability; beyond the second one its length is censored.
_TAIL: Final = 0.05
_CENSORED: Final = 1e-5
#: No tail below 0.05 of a count that is not tiny lies nearer to the mean.
_TAIL_DEVIATIONS: Final = 0.7
#: Upper limits of the levels (messages an hour) of the size classes whose tails are watched.
SIZE_CLASSES: Final = (0.1, 0.3, 1.0, 4.0, 20.0)


class Forecasts(Struct, frozen=True):
    """Counts and the expectations that were made for them beforehand, (n, hours), oldest first.

    ``expected`` holds what moved everything above in each hour: evaluations explain it before they test, too.
    """

    counts: Floats
    expected: Floats
    known: Bools
    #: Series of one number are compared with each other, (n,); None: with nobody.
    region: Ints | None


def learn(forecasts: Forecasts) -> Dispersion:
    """The dispersion of every series and window."""
    judged = forecasts.known & (forecasts.expected > 0)
    counts = [trailing_sums(forecasts.counts * judged, w) for w in WINDOWS]
    means = [trailing_sums(forecasts.expected * judged, w) for w in WINDOWS]
    dispersion = plain_dispersion(len(judged))
    for _ in range(_ROUNDS):
        tails = [
            window_tails(counts[w], means[w], dispersion, w, forecasts.region, least_deviations=_ALERT_DEVIATIONS)
            for w in range(len(WINDOWS))
        ]
        used = judged & ~_alerts([p for p, _ in tails])
        used[:, : WINDOWS[-1]] = False
        scaled = [mean for _, mean in tails]
        moments = [_moments(counts[w][used], scaled[w][used]) for w in range(len(WINDOWS))]
        own = np.stack([_own(counts[w], scaled[w], used, *moments[w], WINDOWS[w]) for w in range(len(WINDOWS))], axis=1)
        linear, square = (np.tile([each[part] for each in moments], (len(own), 1)) for part in (0, 1))
        dispersion = Dispersion(linear, square, own, np.ones_like(own))
    level = forecasts.expected.mean(axis=1)
    tail = np.stack([_tails(counts[w], scaled[w], used, dispersion, w, level) for w in range(len(WINDOWS))], axis=1)
    return Dispersion(dispersion.linear, dispersion.square, dispersion.own, tail)


def _alerts(tails: list[Floats]) -> Bools:
    """Hours around the most extreme windows of 3 hours and more, never more than the allowed share."""
    p = np.minimum.reduce([tail for tail, window in zip(tails, WINDOWS, strict=True) if window >= 3])
    share = min(1.0, MOST_LEFT_OUT / 4)
    limit = min(ALERT_P, float(np.quantile(p, share))) if p.size else ALERT_P
    found = np.zeros(p.shape, np.bool_)
    for tail, window in zip(tails, WINDOWS, strict=True):
        if window >= 3:
            hits = np.pad((tail < limit).astype(np.int64), ((0, 0), (_QUIET_HOURS, window - 1)))
            found |= np.lib.stride_tricks.sliding_window_view(hits, window + _QUIET_HOURS, axis=1).any(axis=2)
    return found


def _moments(count: Floats, mean: Floats) -> tuple[float, float]:
    """``linear`` (at least 1.05) and ``square`` (at least 0) of the variance, by moments over bins of means."""
    if not mean.size:
        return 1.5, 0.04
    edges = np.geomspace(1e-3, 1e5, 33)
    at = np.digitize(mean, edges)
    n = np.bincount(at, minlength=34).astype(np.float64)
    full = n >= 200
    if not full.any():
        return 1.5, 0.04
    m1, m2, s = (np.bincount(at, value, 34)[full] / n[full] for value in (mean, mean**2, (count - mean) ** 2))
    weight = n[full]
    linear, square = 1.5, 0.04
    for _ in range(10):
        scale = weight / (linear * m1 + square * m2) ** 2
        a, b, c = (scale * m1 * m1).sum(), (scale * m1 * m2).sum(), (scale * m2 * m2).sum()
        u, v = (scale * m1 * s).sum(), (scale * m2 * s).sum()
        determinant = a * c - b * b
        if determinant > 1e-12 * a * c:
            linear, square = (c * u - b * v) / determinant, (a * v - b * u) / determinant
        if square < 0:
            linear, square = u / a, 0.0
        if linear < 1.05:
            linear, square = 1.05, max(0.0, (v - 1.05 * b) / c)
    return min(float(linear), _MOST_LINEAR), min(float(square), _MOST_SQUARE)


def _own(count: Floats, mean: Floats, used: Bools, linear: float, square: float, window: int) -> Floats:
    """A series' own factor of the variance, shrunk to 1, from 0.9 to 6."""
    variance = np.maximum(linear * mean + square * mean**2, 1e-12)
    # A window of which little is expected says little.
    weight = np.where(used, np.minimum(mean, 1.0), 0.0)
    squares = weight * (count - mean) ** 2 / variance
    total = weight.sum(axis=1)
    average = squares.sum(axis=1) / np.maximum(total, 1e-9)
    independent = 2 * total / (1 + window)
    faith = _faith(weight, squares, independent, window)
    return np.asarray(np.clip((faith + independent * average) / (faith + independent), 0.9, 6.0))


def _faith(weight: Floats, squares: Floats, independent: Floats, window: int) -> float:
    """How many observations the factor 1 counts for: the fewer, the better both halves of the days agree.

    The spread of the factors is chance where series that strayed in the first half did not in the second. What remains
    of it is the reliability of the whole, from the correlation of the halves (Spearman 1910, Brown 1910).
    """
    enough = independent >= _LEAST_INDEPENDENT
    if enough.sum() < _LEAST_SERIES:
        return _LEAST_FAITH
    half = weight.shape[1] // 2
    first, second = (
        np.log(np.clip(squares[enough, part].sum(axis=1) / np.maximum(weight[enough, part].sum(axis=1), 1e-9), 0.1, 10))
        for part in (slice(half), slice(half + window, None))
    )
    agreement = float(np.corrcoef(first, second)[0, 1]) if first.std() * second.std() > 0 else 0.0
    if agreement <= 0:
        return _MOST_FAITH
    # The reliability of the whole is 2a / (1 + a); so much of a typical series' factor is kept.
    typical = float(np.median(independent[enough]))
    return float(np.clip(typical * (1 - agreement) / (2 * agreement), _LEAST_FAITH, _MOST_FAITH))


def _tails(count: Floats, mean: Floats, used: Bools, dispersion: Dispersion, window: int, level: Floats) -> Floats:
    """The tail's exponent of each series' size class: below 1 where extremes come more often than the model says.

    Maximum likelihood of a censored exponential distribution of -ln(p / 0.05) (Lawless 2003, 4.1). A count has a range
    of probabilities, from P(X > count) to P(X >= count): each enters by its mean over that range, not by a random draw.
    """
    variance, effect = dispersion.variance(mean, window), dispersion.effect(mean)
    above = upper_tail(count + 1, mean, variance, effect, least_deviations=_TAIL_DEVIATIONS)
    interesting = used & (above < _TAIL) & (mean > 0)
    low = above[interesting]
    at_least = upper_tail(*(each[interesting] for each in (count, mean, variance, effect)))
    high = np.maximum(at_least, low * (1 + 1e-9))
    inside = np.minimum(high, _TAIL)
    width = np.maximum(high - low, 1e-300)
    cap = -np.log(_CENSORED / _TAIL)

    def integral(p: Floats) -> Floats:
        """Of min(-ln(p / 0.05), cap) from 0 to p."""
        beyond = np.maximum(p, _CENSORED)
        rest = beyond * (1 - np.log(beyond / _TAIL)) - _CENSORED * (1 + cap)
        return np.asarray(cap * np.minimum(p, _CENSORED) + rest, np.float64)

    seen = (np.maximum(inside, _CENSORED) - np.maximum(low, _CENSORED)) / width
    total = (integral(inside) - integral(low)) / width
    size_class = np.digitize(level, SIZE_CLASSES)
    rows = size_class[np.nonzero(interesting)[0]]
    classes = len(SIZE_CLASSES) + 1
    # Thirty extremes' worth of faith in the model.
    exponent = (30 + np.bincount(rows, seen, classes)) / (30 + np.bincount(rows, total, classes))
    return np.asarray(np.minimum(exponent, 1.0)[size_class])
