"""What must hold of the whole detector, from history to decision, whatever the counts are."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.spikes.detector import HISTORY_HOURS, Evaluation, Night, evaluate, expected_hours, learn_night
from streams.spikes.expectation import GUARD_HOURS
from streams.spikes.exposure import PageGroups, exposure
from streams.spikes.hierarchy import Hierarchy, hierarchy
from streams.spikes.series import RECENT_HOURS, Floats

#: Monday 2026-11-23, 12:00 UTC, in hours since 1970.
NOW = 1795435200 // 3600
REGIONS = {f"{10 + r}000000": (["Центральный", "Сибирский"][r % 2], 3 + 4 * (r % 2)) for r in range(6)}
PLACES = [(f"{region[:2]}{m:03d}000", region, offset) for region, (_, offset) in REGIONS.items() for m in range(1, 11)]
WHOLE = HISTORY_HOURS + RECENT_HOURS


def ordinary(seed: int = 1, level: float = 0.5) -> Floats:
    """Counts of the municipalities: the history and the day after it."""
    return np.random.default_rng(seed).poisson(level, (len(PLACES), WHOLE)).astype(np.float64)


def learnt(places: Floats, exposed: Floats | None = None, tree: Hierarchy | None = None) -> tuple[Hierarchy, Night]:
    tree = tree or hierarchy(PLACES, REGIONS)
    whole = tree.summed(places[:, :HISTORY_HOURS])
    seen = np.ones(whole.shape) if exposed is None else exposed
    return tree, learn_night(whole, seen, NOW - RECENT_HOURS, tree)


def judged(tree: Hierarchy, night: Night, recent: Floats) -> Evaluation:
    """The moment ``NOW``, from the last hours of the municipalities."""
    return evaluate(night, tree.summed(recent), expected_hours(night, tree, NOW * 60), tree, q=0.2)


@cache
def plain() -> tuple[Hierarchy, Night]:
    return learnt(ordinary())


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, len(PLACES) - 1), st.integers(0, RECENT_HOURS - 1), st.integers(1, 60), st.integers(0, 10**6),
    st.sampled_from([1.0, 2.5]),
)  # fmt: skip
def test_adding_appeals_never_lowers_the_alarm_of_their_series(
    place: int, hour: int, more: int, seed: int, shock: float
) -> None:
    """Nor that of what lies above it: the place, its region, its district, the country. Calm or in a shock of all."""
    tree, night = plain()
    recent = np.random.default_rng(seed).poisson(0.5 * shock, (len(PLACES), RECENT_HOURS)).astype(np.float64)
    before = judged(tree, night, recent).alarms
    recent[place, hour] += more
    after = judged(tree, night, recent).alarms
    row = place
    while row >= 0:
        assert after[row] <= before[row] * (1 + 1e-9), tree.codes[row]
        row = int(tree.parent[row])


def test_the_order_of_places_changes_nothing() -> None:
    counts = ordinary(7)
    counts[13, -2:] += 15
    order = np.random.default_rng(9).permutation(len(PLACES))
    tree, night = learnt(counts)
    other = hierarchy([PLACES[at] for at in order], REGIONS)
    _, mixed = learnt(counts[order], tree=other)
    recent = counts[:, HISTORY_HOURS:]
    one, two = judged(tree, night, recent), judged(other, mixed, recent[order])
    assert one.alert[13] and one.alert.sum() == two.alert.sum() == 1
    row = {code: at for at, code in enumerate(other.codes)}
    same = np.array([row[code] for code in tree.codes])
    assert np.allclose(one.alarms, two.alarms[same], rtol=1e-6)
    assert np.array_equal(one.alert, two.alert[same])


def test_learning_and_evaluating_again_gives_the_same() -> None:
    counts = ordinary(8)
    results = []
    for _ in range(2):
        tree, night = learnt(counts)
        results.append(judged(tree, night, counts[:, HISTORY_HOURS:]))
    assert np.array_equal(results[0].alarms, results[1].alarms)


def huge_day(counts: Floats) -> Floats:
    counts[5, 1200:1224] += 200
    return counts


#: Pages that began, by row: the first hour, messages an hour, their share of the place. One place had none before.
BEGUN = {
    9: (HISTORY_HOURS - 30 * 24, 0.5, 1 / 2),
    15: (HISTORY_HOURS - 16 * 24, 1.0, 2 / 3),
    20: (HISTORY_HOURS - 17 * 24, 0.5, 1.0),
}


def begun(counts: Floats) -> Floats:
    counts[20] = 0
    for row, (begin, level, _) in BEGUN.items():
        counts[row, begin:] += np.random.default_rng(row).poisson(level, WHOLE - begin)
    return counts


def silent_place(counts: Floats) -> Floats:
    counts[30] = 0
    return counts


STRANGE: dict[str, Callable[[Floats], Floats]] = {
    "ordinary": lambda counts: counts,
    "an empty history": lambda counts: counts * (np.arange(WHOLE) >= HISTORY_HOURS),
    "nothing ever": np.zeros_like,
    "one huge day": huge_day,
    "pages that began some weeks ago": begun,
    "an all-zero series": silent_place,
}


def groups_of(counts: Floats, name: str) -> PageGroups:
    """The pages as the service reads them: one group a place, and one more where pages began."""
    daily = counts[:, :HISTORY_HOURS].reshape(len(counts), -1, 24).sum(axis=2)
    rows, begins = list(range(len(daily))), [0] * len(daily)
    for row, (begin, _, share) in BEGUN.items() if STRANGE[name] is begun else ():
        later = daily[row] * share * (np.arange(daily.shape[1]) >= begin // 24)
        daily[row] -= later
        daily = np.concatenate([daily, later[None, :]])
        rows.append(row)
        begins.append(begin // 24)
    return PageGroups(np.array(rows), np.array(begins), daily)


@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.long), pytest.param(3, marks=pytest.mark.long)])
def test_an_ordinary_day_after_a_strange_history_alerts_nobody(name: str, seed: int) -> None:
    counts = STRANGE[name](ordinary(seed))
    first = counts.sum(axis=0) > 0
    begin = int(first.argmax()) if first[:HISTORY_HOURS].any() else HISTORY_HOURS
    tree = hierarchy(PLACES, REGIONS)
    known = np.ones((len(PLACES), HISTORY_HOURS // 24))
    share = exposure(groups_of(counts, name), known, -(-begin // 24), (HISTORY_HOURS - GUARD_HOURS) // 24, tree)
    _, night = learnt(counts, np.repeat(share, 24, axis=1), tree)
    assert np.isfinite(night.expectation.level).all() and np.isfinite(night.dispersion.tail).all()
    found = judged(tree, night, counts[:, HISTORY_HOURS:])
    assert not found.alert.any(), [tree.codes[row] for row in np.nonzero(found.alert)[0]]


@pytest.mark.parametrize("days", [3, 15, 40])
def test_missing_days_are_neither_learnt_nor_a_spike_when_they_end(days: int) -> None:
    counts = ordinary(4)
    tree = hierarchy(PLACES, REGIONS)
    gone = slice(HISTORY_HOURS - days * 24 - 48, HISTORY_HOURS - 48)
    counts[:, gone] = 0
    exposed = np.ones((len(tree.codes), HISTORY_HOURS))
    exposed[:, gone] = 0
    _, night = learnt(counts, exposed, tree)
    places = night.expectation.level[: len(PLACES)]
    assert places.mean() == pytest.approx(0.5, rel=0.1)
    assert not judged(tree, night, counts[:, HISTORY_HOURS:]).alert.any()


def test_a_place_that_begins_to_write_is_not_tested_for_two_weeks() -> None:
    """As the service sees it: a place without history is known from the beginning and was silent."""
    counts = ordinary(5)
    counts[20, :HISTORY_HOURS] = 0
    tree, night = learnt(counts)
    recent = counts[:, HISTORY_HOURS:]
    recent[20] = 0
    recent[20, -1] = 2
    # Two first messages are fewer than the least that alerts.
    assert not judged(tree, night, recent).alert.any()
