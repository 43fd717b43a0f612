"""Common rules beside which the detector is measured. Each gives evidence by hour: the higher, the more unusual.

EARS C1, C2, C3 as in Hutwagner (2003) and R's ``surveillance::earsC``: seven days of baseline; C2 and C3 leave two days
between the baseline and today; C3 adds up the last three values of C2 above 1.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import poisson

from streams.spikes.score import LOOKS, upper_tail
from streams.spikes.series import HOURS_OF_WEEK, WINDOWS, Floats, trailing_sums


def mean_and_deviations(counts: Floats, begin: int) -> Floats:
    """Deviations of an hour above the mean of the 168 hours before it; infinite where these never differed."""
    total, squares = trailing_sums(counts, HOURS_OF_WEEK), trailing_sums(counts**2, HOURS_OF_WEEK)
    mean = total[:, begin - 1 : -1] / HOURS_OF_WEEK
    deviation = np.sqrt(np.maximum(squares[:, begin - 1 : -1] / HOURS_OF_WEEK - mean**2, 0))
    return _standardised(counts[:, begin:], mean, deviation)


def poisson_against_median(counts: Floats, begin: int) -> Floats:
    """Minus the logarithm of the Poisson tail at the median of the same hour of the last eight weeks (at least 0.1)."""
    weeks = np.stack([counts[:, begin - HOURS_OF_WEEK * k : counts.shape[1] - HOURS_OF_WEEK * k] for k in range(1, 9)])
    usual = np.maximum(np.median(weeks, axis=0), 0.1)
    return np.asarray(-poisson.logsf(counts[:, begin:] - 1, usual))


def ears(counts: Floats, begin: int, kind: str) -> Floats:
    """EARS ``C1``, ``C2`` or ``C3`` of daily totals, known at the closing midnight; hours of the day before: -inf."""
    days = counts.reshape(len(counts), -1, 24).sum(axis=2)
    values = ears_daily(days, kind)
    hourly = np.full(counts.shape, -np.inf)
    hourly[:, 23::24] = values
    return hourly[:, begin:]


def ears_daily(days: Floats, kind: str) -> Floats:
    """The statistic of each day, (n, days); -inf where the baseline is not complete."""
    gap = 0 if kind == "C1" else 2
    result = np.full(days.shape, -np.inf)
    first = 7 + gap
    windows = np.lib.stride_tricks.sliding_window_view(days, 7, axis=1)[:, : days.shape[1] - first]
    result[:, first:] = _standardised(days[:, first:], windows.mean(axis=2), windows.std(axis=2, ddof=1))
    if kind != "C3":
        return result
    above = np.maximum(np.where(np.isfinite(result), result, np.where(result > 0, 1e9, 0.0)) - 1, 0)
    return trailing_sums(above, 3)


def oracle(counts: Floats, begin: int, mean: Floats, over: Floats, day_variance: Floats) -> Floats:
    """The detector's windows and tails with the true mean and variance: what no detector can know."""
    best = np.full((counts.shape[0], counts.shape[1] - begin), np.inf)
    for looks, window in zip(LOOKS[60], WINDOWS, strict=True):
        usual = trailing_sums(mean, window)[:, begin:]
        variance = over[:, None] * usual + day_variance[:, None] * usual**2
        tail = upper_tail(trailing_sums(counts, window)[:, begin:], usual, variance)
        best = np.minimum(best, looks * tail)
    return np.asarray(-np.log(np.maximum(best, 1e-300)))


def _standardised(count: Floats, mean: Floats, deviation: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        value = (count - mean) / deviation
    return np.where(deviation > 0, value, np.where(count > mean, np.inf, -np.inf))
