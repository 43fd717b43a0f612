"""The acceptance figures of the spike detector on simulated federations, beside the common rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import numpy as np
from msgspec import Struct

from streams.spikes.decision import Watchers, alerts
from streams.spikes.series import Bools, Floats, Ints
from tests.bench.spikes import rules
from tests.bench.spikes.federation import HISTORY_DAYS, HOURS, LEVELS, TEST_DAYS, Truth, simulate, spike_of, spikes
from tests.bench.spikes.replay import Nightly, episodes, hourly_alarms, learn_nightly

SERIES_A_LEVEL: Final = 150
FEDERATION: Final = 2300
#: Shares of the levels among the 2,300 municipalities of the simulated federation.
MIX: Final = (0.40, 0.35, 0.18, 0.06, 0.01)
BEGIN: Final = HISTORY_DAYS * 24


class Cell(Struct):
    """One scenario with 150 series a level: what was simulated and learnt."""

    scenario: str
    truth: Truth
    nightly: Nightly
    alarms: Floats
    random: np.random.Generator

    def of_level(self, i: int) -> Bools:
        """Series of a level without those that pages joined."""
        return np.asarray((self.truth.level == LEVELS[i]) & ~self.truth.joined)


def cell(scenario: str, seed: int, series: int = SERIES_A_LEVEL) -> Cell:
    """Simulate and learn one scenario."""
    random = np.random.default_rng([seed, len(scenario), ord(scenario[0])])
    truth = simulate(scenario, np.repeat(LEVELS, series), random)
    region = np.zeros(len(truth.level), np.int64)
    nightly = learn_nightly(truth.counts, region, TEST_DAYS, random)
    return Cell(scenario, truth, nightly, hourly_alarms(truth.counts.counts, nightly, region), random)


def false_alarms(found: Cell, limit: float) -> list[float]:
    """False episodes per 1,000 series and days of each level, at scores below ``limit``."""
    return [
        float(episodes(found.alarms[found.of_level(i)] < limit).mean()) / TEST_DAYS * 1000 for i in range(len(LEVELS))
    ]


class Rule(Struct, frozen=True):
    """A detector by name: evidence of each test hour from counts, and counts without spikes for common factors."""

    name: str
    evidence: Callable[[Cell, Floats], Floats]


def _detector(found: Cell, counts: Floats) -> Floats:
    region = np.zeros(len(counts), np.int64)
    alarms = hourly_alarms(counts, found.nightly, region, base=found.truth.counts.counts)
    return np.asarray(-np.log(np.maximum(alarms, 1e-300)))


RULES: Final = (
    Rule("detector", _detector),
    Rule(
        "oracle",
        lambda found, counts: rules.oracle(counts, BEGIN, found.truth.mean, found.truth.over, found.truth.day_variance),
    ),
    Rule("mean + k sd", lambda _found, counts: rules.mean_and_deviations(counts, BEGIN)),
    Rule("EARS C1", lambda _found, counts: rules.ears(counts, BEGIN, "C1")),
    Rule("EARS C2", lambda _found, counts: rules.ears(counts, BEGIN, "C2")),
    Rule("EARS C3", lambda _found, counts: rules.ears(counts, BEGIN, "C3")),
    Rule("Poisson, median", lambda _found, counts: rules.poisson_against_median(counts, BEGIN)),
)


def limit_for(evidence: Floats, per_1000: float) -> float:
    """The least limit whose exceedances are at most ``per_1000`` false episodes per 1,000 series and days."""
    low, high = 0, 0
    levels = np.unique(evidence[np.isfinite(evidence)])
    high = len(levels) - 1
    while low < high:
        middle = (low + high) // 2
        rate = float(episodes(evidence > levels[middle]).mean()) / TEST_DAYS * 1000
        low, high = (low, middle) if rate <= per_1000 else (middle + 1, high)
    return float(levels[low]) if len(levels) else 0.0


class Detection(Struct, frozen=True):
    """Of the spikes of one level: the share found and the median delay in hours (NaN where none was found)."""

    found: float
    delay: float


def detection(found: Cell, rule: Rule, size: float, median_hours: float) -> list[Detection]:
    """By level, with each level's limit at one false episode per 1,000 series and days."""
    added, first, last = spikes(found.truth, size, median_hours, found.random)
    return detected(found, rule, added, first, last)


def detected(found: Cell, rule: Rule, added: Floats, first: Ints, last: Ints) -> list[Detection]:
    """Spikes ``added`` to each series, found between the hours ``first`` and ``last``, both inclusive."""
    quiet = rule.evidence(found, found.truth.counts.counts)
    loud = rule.evidence(found, found.truth.counts.counts + added)
    results = []
    # Daily rules speak at the closing midnight.
    late = np.where(np.isfinite(quiet).mean() < 0.5, (last // 24) * 24 + 23, last)
    for i in range(len(LEVELS)):
        rows = np.nonzero(found.of_level(i))[0]
        limit = limit_for(quiet[rows], 1.0)
        delays = []
        for row in rows:
            window = loud[row, first[row] - BEGIN : late[row] - BEGIN + 1] > limit
            if window.any():
                delays.append(int(window.argmax()) + 1)
        results.append(Detection(len(delays) / len(rows), float(np.median(delays)) if delays else float("nan")))
    return results


#: Level, extra messages and the share that must be found, the median hour of the messages being the third.
CONCRETE: Final = ((0.05, 14, 0.85), (0.5, 24, 0.85), (2.0, 64, 0.97), (10.0, 150, 0.95))


def concrete(found: Cell) -> list[tuple[float, int, float, float]]:
    """(level, extra messages, share found, share wanted) for spikes of a given number of messages within hours."""
    results = []
    for level, extra, wanted in CONCRETE:
        rows = np.nonzero(found.truth.level == level)[0]
        added = np.zeros((len(found.truth.level), HOURS))
        first = np.full(len(added), BEGIN)
        last = first.copy()
        for row in rows:
            begin = int(BEGIN + found.random.integers(24, (TEST_DAYS - 3) * 24))
            added[row] = spike_of(extra, begin, HOURS, 3.0, found.random)
            first[row] = int((added[row].cumsum() > 0).argmax())
            last[row] = int((added[row].cumsum() >= 0.95 * extra).argmax())
        share = detected(found, RULES[0], added, first, last)[LEVELS.index(level)].found
        results.append((level, extra, share, wanted))
    return results


class Mix(Struct, frozen=True):
    """A federation under the rule of Benjamini and Hochberg: false alerts a day, precision, alerts after joins."""

    false_a_day: float
    precision: float
    found: float
    alerts_a_join: float


def federation_mix(scenario: str, seed: int, q: float, *, true_a_day: int = 5) -> Mix:
    """2,300 series over 28 days, twice: without spikes, and with five true ones a day in the data that are learnt."""
    random = np.random.default_rng([seed, 7, len(scenario)])
    level = random.choice(LEVELS, FEDERATION, p=MIX)
    truth = simulate(scenario, level, random)
    region = np.zeros(len(level), np.int64)
    counts = truth.counts
    nightly = learn_nightly(counts, region, TEST_DAYS, random)
    opened = _opened(hourly_alarms(counts.counts, nightly, region), q)
    quiet = sum(1 for _, row in opened if not truth.joined[row])
    joins = sum(1 for _, row in opened if truth.joined[row])
    rows = random.choice(np.nonzero(~truth.joined)[0], true_a_day * (TEST_DAYS - 4), replace=False)
    size = 10.0
    added = np.zeros(counts.counts.shape)
    spans: dict[int, tuple[int, int]] = {}
    for place, row in enumerate(rows):
        daily = truth.mean[row, BEGIN:].mean() * 24
        extra = max(8, int(random.poisson(size * np.sqrt(truth.over[row] * daily + (0.2 * daily) ** 2))))
        begin = BEGIN + 24 * (1 + place // true_a_day) + int(random.integers(0, 24))
        added[row] = spike_of(extra, begin, HOURS, float(random.choice([3.0, 24.0])), random)
        so_far = added[row].cumsum()
        spans[int(row)] = int((so_far > 0).argmax()), int((so_far >= 0.95 * extra).argmax())
    spiked = learn_nightly(
        type(counts)(counts.counts + added, counts.known, counts.first_hour_of_week, counts.group),
        region,
        TEST_DAYS,
        random,
    )
    right, wrong, caught = 0, 0, set()
    for hour, row in _opened(hourly_alarms(counts.counts + added, spiked, region), q):
        begin, end = spans.get(row, (0, -1))
        if begin <= hour + BEGIN <= max(end, begin + 24):
            right += 1
            caught.add(row)
        elif not truth.joined[row]:
            wrong += 1
    return Mix(
        quiet / TEST_DAYS,
        right / max(1, right + wrong),
        len(caught) / len(spans),
        joins / max(1, int(truth.joined.sum())),
    )


def _opened(alarms: Floats, q: float) -> list[tuple[int, int]]:
    """(test hour, series) of every alert that the service would raise."""
    watchers = Watchers.none(len(alarms))
    raised = []
    for hour in range(alarms.shape[1]):
        opens, _ = watchers.step(60 * hour, alarms[:, hour], alerts(alarms[:, hour], q))
        raised += [(hour, int(row)) for row in np.nonzero(opens)[0]]
    return raised


def naive_federation(scenario: str, seed: int) -> Iterable[tuple[str, float]]:
    """False alerts a day of the common rules at their usual limits over 2,300 series without spikes."""
    random = np.random.default_rng([seed, 7, len(scenario)])
    truth = simulate(scenario, random.choice(LEVELS, FEDERATION, p=MIX), random)
    counts = truth.counts.counts
    kept = ~truth.joined
    usual = {
        "mean + 3 sd": (rules.mean_and_deviations(counts, BEGIN), 3.0),
        "EARS C1": (rules.ears(counts, BEGIN, "C1"), 3.0),
        "EARS C2": (rules.ears(counts, BEGIN, "C2"), 3.0),
        "EARS C3": (rules.ears(counts, BEGIN, "C3"), 2.0),
        "Poisson, median, p < 1e-4": (rules.poisson_against_median(counts, BEGIN), float(-np.log(1e-4))),
    }
    for name, (evidence, limit) in usual.items():
        yield name, float(episodes(evidence[kept] > limit).sum()) / TEST_DAYS
