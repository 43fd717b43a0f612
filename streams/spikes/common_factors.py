"""What moves all series below a parent at once, hour by hour: it explains the children before they are tested.

News, weather and holidays reach neighbours in the same hour, whatever their clocks show. So factors are estimated for
hours and not for windows: a window of a place where it is night holds other hours of the day than one where it is noon.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from streams.spikes.hierarchy import Hierarchy, Level
from streams.spikes.score import FACTOR_RANGE, PRIOR, most_of_one
from streams.spikes.series import Floats, Ints

#: The prior yields to siblings that leave it by more than so many standard errors.
_BEYOND_DOUBT: Final = 3.0


def explained(count: Floats, mean: Floats, tree: Hierarchy) -> Floats:
    """Expected counts of every series after what moves everything above it, (n, hours).

    ``count`` and ``mean`` are (n, hours) in the order of the hierarchy. From the top down: districts are explained by
    each other, a region by its district, a municipality by its region. What moves a district or a region is estimated
    from its siblings, itself left out: no count ever enters its own expectation. Municipalities of one region, and
    regions of one district, are compared with each other later, in whole windows, which hold more.
    """
    factor = np.ones_like(mean)
    usual = mean.copy()
    for level in (Level.DISTRICT, Level.REGION, Level.MUNICIPALITY):
        rows = tree.rows(level)
        if not len(rows):
            continue
        above = factor[tree.parent[rows]]
        if level is not Level.MUNICIPALITY:
            factor[rows] = sibling_factor(count[rows], mean[rows], tree.siblings(level), above)
        usual[rows] *= factor[rows] if level is Level.DISTRICT else above
    return usual


def sibling_factor(count: Floats, mean: Floats, group: Ints, above: Floats) -> Floats:
    """What multiplies the expectation of each series in each hour by its siblings, itself left out, (n, hours).

    Series of one number in ``group`` (n,) are siblings; ``above`` (n, hours) is the factor of their parent. Empirical
    Bayes with a normal prior around the parent's factor (Efron and Morris 1973): its variance is 1 / PRIOR, and more
    where the siblings leave the parent by more than three standard errors.
    """
    usual = above * mean
    variance = 1.5 * usual + 0.04 * usual**2
    # Inverse to the variance of the count: the sum of weight times mean is the reciprocal of the ratio's variance.
    weight = usual / np.maximum(variance, 1e-12)
    seen = _others(weight * np.minimum(count, most_of_one(usual, variance)), group)
    expected = _others(weight * usual, group)
    ratio = np.where(expected > 1e-9, seen / np.maximum(expected, 1e-9), 1.0)
    noise = 1 / np.maximum(expected, 1e-9)
    spread = 1 / PRIOR + np.maximum((ratio - 1) ** 2 - _BEYOND_DOUBT**2 * noise, 0)
    return np.asarray(np.clip(above * (1 + spread / (spread + noise) * (ratio - 1)), *FACTOR_RANGE))


def _others(values: Floats, group: Ints) -> Floats:
    summed = np.zeros((int(group.max(initial=0)) + 1, values.shape[1]))
    np.add.at(summed, group, values)
    # What rounding leaves of an only child is nothing.
    return np.maximum(summed[group] - values, 0.0)
