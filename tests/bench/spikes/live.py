"""Delay as the service has it: an evaluation every five minutes, at the minute in which each extra message came."""

from __future__ import annotations

from typing import Final

import numpy as np

from streams.spikes.score import LOOKS, upper_tail
from streams.spikes.series import WINDOWS, Floats
from tests.bench.spikes.acceptance import BEGIN, Cell, Detection
from tests.bench.spikes.federation import LEVELS, Spikes
from tests.bench.spikes.replay import explained_by_siblings

#: Evaluations of an hour.
STEPS: Final = 12
_MOST_HOURS: Final = 72


def delays(found: Cell, planted: Spikes, limit: float) -> list[Detection]:
    """By level: share found and median hours from the first extra message to the evaluation that finds it.

    A spike is found by an E below ``limit`` before the end of its credit. Other messages of an hour are spread over it.
    """
    counts = found.truth.counts.counts
    usual = explained_by_siblings(counts, found.nightly.expected)
    results = []
    for level in range(len(LEVELS)):
        rows = np.nonzero(found.of_level(level))[0]
        each = [_delay(found, planted, int(row), counts[row], usual[row], limit) for row in rows]
        hit = [delay for delay in each if delay is not None]
        results.append(Detection(len(hit) / len(rows), float(np.median(hit)) if hit else float("nan")))
    return results


def _delay(found: Cell, planted: Spikes, row: int, counts: Floats, usual: Floats, limit: float) -> float | None:
    first = int(planted.first[row])
    hours = min(int(planted.last[row]) - first + 1, _MOST_HOURS)
    begin, end = first - max(WINDOWS), first + hours
    steps = found.random.multinomial(counts[begin:end].astype(np.int64), np.full(STEPS, 1 / STEPS)).ravel()
    times = planted.times[row]
    extra = times[times < end]
    seen = steps + np.bincount(((extra - begin) * STEPS).astype(np.int64), minlength=len(steps))
    so_far = np.concatenate([[0.0], np.cumsum(seen)])
    expected = np.concatenate([[0.0], np.cumsum(np.repeat(usual[begin:end] / STEPS, STEPS))])
    moments = np.arange(max(WINDOWS) * STEPS + 1, len(so_far))
    dispersion = found.nightly.dispersions[(first - BEGIN) // 24]
    alarms = np.full(len(moments), np.inf)
    for w, window in enumerate(WINDOWS):
        count = so_far[moments] - so_far[moments - window * STEPS]
        mean = expected[moments] - expected[moments - window * STEPS]
        own = dispersion.of(np.full(len(mean), row))
        p = upper_tail(count, mean, own.variance(mean, w), own.effect(mean))
        tail = dispersion.tail[row, w]
        p = np.where(p < 0.05, 0.05 * (np.minimum(p, 0.05) / 0.05) ** tail, p)
        alarms = np.minimum(alarms, len(WINDOWS) * LOOKS[5][w] * p)
    below = np.nonzero(alarms < limit)[0]
    return float(begin + moments[below[0]] / STEPS - times[0]) if len(below) else None
