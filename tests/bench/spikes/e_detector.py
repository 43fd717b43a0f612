"""An e-detector beside the score: a mixture of likelihood ratios, summed as Shiryaev and Roberts do.

Shin, Ramdas and Rinaldo (2022, arXiv 2203.03532) for one series; e-BH over many streams as in arXiv 2501.04130. Each
hour's ratio compares a negative binomial count of a raised mean with one of the usual mean. Under independent hours of
the usual mean an alarm at ``c`` comes at most every ``c`` hours. Hours of one day are not independent: what the day
effect does to this promise is what the benchmark shows.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from streams.spikes.series import Floats
from tests.bench.spikes.replay import Nightly, explained_by_siblings

#: What the mean may have become, as multiples of the usual one.
RAISED: Final = (1.5, 2.0, 3.0, 6.0, 15.0, 50.0)


def evidence(counts: Floats, nightly: Nightly, *, base: Floats | None = None) -> Floats:
    """Logarithm of the e-detector of each series at each test hour, (n, test hours).

    ``base`` as in :func:`tests.bench.spikes.replay.hourly_alarms`.
    """
    begin = nightly.first_test_hour
    usual = explained_by_siblings(counts if base is None else base, nightly.expected)[:, begin:]
    seen = counts[:, begin:]
    mean = np.maximum(usual, 1e-12)
    variance = np.concatenate(
        [each.variance(mean[:, 24 * d : 24 * d + 24], 0) for d, each in enumerate(nightly.dispersions)], axis=1
    )
    size = mean**2 / np.maximum(variance - mean, 1e-12)
    total = np.full(seen.shape, -np.inf)
    for times in RAISED:
        ratio = seen * np.log(times) + (seen + size) * np.log((size + mean) / (size + times * mean))
        ratio = np.where(usual > 0, ratio, 0.0)
        state = np.full(len(seen), -np.inf)
        for hour in range(seen.shape[1]):
            state = ratio[:, hour] + np.logaddexp(state, 0.0)
            total[:, hour] = np.logaddexp(total[:, hour], state)
    return np.asarray(total - np.log(len(RAISED)))


def alarms_a_day(log_evidence: Floats) -> Floats:
    """False alarms a day that the e-detector promises at its value: 24 over it. So e-BH is Benjamini-Hochberg."""
    return np.asarray(24 * np.exp(-np.minimum(log_evidence, 700.0)))
