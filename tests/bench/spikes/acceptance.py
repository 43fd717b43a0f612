"""The acceptance figures of the spike detector on simulated federations, beside the common rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import numpy as np
from msgspec import Struct
from scipy.stats import chi2

from streams.spikes.decision import Watchers, alerts
from streams.spikes.series import Bools, Floats, HourlyCounts
from tests.bench.spikes import e_detector, rules
from tests.bench.spikes.federation import HISTORY_DAYS, LEVELS, TEST_DAYS, Spikes, Truth, simulate, spikes_at
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
    nightly = learn_nightly(truth.counts, TEST_DAYS)
    return Cell(scenario, truth, nightly, hourly_alarms(truth.counts.counts, nightly), random)


class Alarms(Struct, frozen=True):
    """False alarms of one level: episodes, and the series and days in which they came."""

    episodes: int
    series_days: int

    @property
    def per_1000(self) -> float:
        """Episodes per 1,000 series and days."""
        return 1000 * self.episodes / self.series_days

    def interval(self, limit: float) -> tuple[float, float]:
        """95 % interval of episodes over expected ones at scores below ``limit``: exact for a Poisson count.

        Garwood (1936). Episodes of one series hang together, so the true interval is somewhat wider.
        """
        expected = self.series_days * limit
        low = chi2.ppf(0.025, 2 * self.episodes) / 2 if self.episodes else 0.0
        return float(low) / expected, float(chi2.ppf(0.975, 2 * self.episodes + 2) / 2) / expected


def false_alarms(found: Cell, limit: float) -> list[Alarms]:
    """False alarms of each level at scores below ``limit``."""
    levels = [found.alarms[found.of_level(i)] < limit for i in range(len(LEVELS))]
    return [Alarms(int(episodes(fires).sum()), len(fires) * TEST_DAYS) for fires in levels]


class Rule(Struct, frozen=True):
    """A detector by name: evidence of each test hour from counts, and counts without spikes for common factors."""

    name: str
    evidence: Callable[[Cell, Floats], Floats]


def _detector(found: Cell, counts: Floats) -> Floats:
    alarms = hourly_alarms(counts, found.nightly, base=found.truth.counts.counts)
    return np.asarray(-np.log(np.maximum(alarms, 1e-300)))


RULES: Final = (
    Rule("detector", _detector),
    Rule(
        "oracle",
        lambda found, counts: rules.oracle(counts, BEGIN, found.truth.mean, found.truth.over, found.truth.day_variance),
    ),
    Rule(
        "e-detector",
        lambda found, counts: e_detector.evidence(counts, found.nightly, base=found.truth.counts.counts),
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
    """Of the spikes of one level: the share found and the median delay in hours (NaN where none was found).

    The delay goes from the first extra message to the end of the hour whose evaluation finds it.
    """

    found: float
    delay: float


def detection(found: Cell, rule: Rule, planted: Spikes, quiet: Floats) -> list[Detection]:
    """By level, with each level's limit at one false episode per 1,000 series and days.

    ``quiet`` is the rule's evidence without spikes.
    """
    loud = rule.evidence(found, found.truth.counts.counts + planted.added)
    # Daily rules speak at the closing midnight.
    daily = np.isfinite(quiet).mean() < 0.5
    late = (planted.last // 24) * 24 + 23 if daily else planted.last
    results = []
    for i in range(len(LEVELS)):
        rows = np.nonzero(found.of_level(i))[0]
        limit = limit_for(quiet[rows], 1.0)
        delays = []
        for row in rows:
            first = int(planted.first[row])
            window = loud[row, first - BEGIN : late[row] - BEGIN + 1] > limit
            if window.any():
                delays.append(first + int(window.argmax()) + 1 - planted.times[row][0])
        results.append(Detection(len(delays) / len(rows), float(np.median(delays)) if delays else float("nan")))
    return results


#: Level, extra messages and the share that must be found, the median hour of the messages being the third.
CONCRETE: Final = ((0.05, 14, 0.85), (0.5, 24, 0.85), (2.0, 64, 0.97), (10.0, 150, 0.95))


class Concrete(Struct, frozen=True):
    """Spikes of a given number of messages within hours: the shares found and the share wanted."""

    level: float
    extra: int
    wanted: float
    found: float
    #: Share that the oracle finds of the same spikes, one a series.
    oracle: float
    spikes: int


def concrete(found: Cell) -> list[Concrete]:
    """The spikes of ``CONCRETE``, as the detector and the oracle find them."""
    n = len(found.truth.level)
    extra = np.ones(n, np.int64)
    for level, many, _ in CONCRETE:
        extra[found.truth.level == level] = many
    begin = BEGIN + found.random.integers(24, (TEST_DAYS - 3) * 24, n)
    planted = spikes_at(extra, begin, 3.0, found.random)
    mine, best = (
        detection(found, rule, planted, rule.evidence(found, found.truth.counts.counts)) for rule in RULES[:2]
    )
    results = []
    for level, many, wanted in CONCRETE:
        at = LEVELS.index(level)
        results.append(Concrete(level, many, wanted, mine[at].found, best[at].found, int(found.of_level(at).sum())))
    return results


class Mix(Struct, frozen=True):
    """A federation under the rule of Benjamini and Hochberg.

    False alerts a day while nothing happens; with true spikes: precision, share found, median delay in hours; alerts a
    joined series.
    """

    false_a_day: float
    precision: float
    found: float
    delay: float
    alerts_a_join: float


def federation_mix(scenario: str, seed: int, q: float, *, true_a_day: int = 5) -> dict[str, Mix]:
    """2,300 series over 28 days, twice: without spikes, and with five true ones a day in the data that are learnt.

    By method: the detector, and the e-detector with e-BH at the same promise.
    """
    random = np.random.default_rng([seed, 7, len(scenario)])
    truth = simulate(scenario, random.choice(LEVELS, FEDERATION, p=MIX), random)
    rows = random.choice(np.nonzero(~truth.joined)[0], true_a_day * (TEST_DAYS - 4), replace=False)
    daily = truth.mean[rows, BEGIN:].mean(axis=1) * 24
    extra = np.maximum(8, random.poisson(10 * np.sqrt(truth.over[rows] * daily + (0.2 * daily) ** 2)))
    begin = BEGIN + 24 * (1 + np.arange(len(rows)) // true_a_day) + random.integers(0, 24, len(rows))
    fast = random.random(len(rows)) < 0.5
    counts = truth.counts
    added = np.zeros(counts.counts.shape)
    spans: dict[int, tuple[int, int, float]] = {}
    for hours, chosen in ((3.0, fast), (24.0, ~fast)):
        planted = spikes_at(extra[chosen], begin[chosen], hours, random)
        added[rows[chosen]] = planted.added
        for place, row in enumerate(rows[chosen]):
            spans[int(row)] = int(planted.first[place]), int(planted.last[place]), float(planted.times[place][0])
    spiked = HourlyCounts(counts.counts + added, counts.exposure, counts.first_hour_of_week, counts.group)
    opened: dict[str, list[list[tuple[int, int]]]] = {"detector": [], "e-detector": []}
    for series in (counts, spiked):
        nightly = learn_nightly(series, TEST_DAYS)
        opened["detector"].append(_opened(hourly_alarms(series.counts, nightly), q))
        by_ratios = e_detector.alarms_a_day(e_detector.evidence(series.counts, nightly))
        opened["e-detector"].append(_opened(by_ratios, q))
    return {method: _mix(quiet, loud, truth, spans) for method, (quiet, loud) in opened.items()}


def _mix(
    quiet: list[tuple[int, int]], loud: list[tuple[int, int]], truth: Truth, spans: dict[int, tuple[int, int, float]]
) -> Mix:
    right, wrong = 0, 0
    delays: dict[int, float] = {}
    for hour, row in loud:
        first, last, begun = spans.get(row, (0, -1, 0.0))
        if first <= hour + BEGIN <= max(last, first + 24):
            right += 1
            delays.setdefault(row, hour + BEGIN + 1 - begun)
        elif not truth.joined[row]:
            wrong += 1
    return Mix(
        sum(1 for _, row in quiet if not truth.joined[row]) / TEST_DAYS,
        right / max(1, right + wrong),
        len(delays) / len(spans),
        float(np.median(list(delays.values()))) if delays else float("nan"),
        sum(1 for _, row in quiet if truth.joined[row]) / max(1, int(truth.joined.sum())),
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
