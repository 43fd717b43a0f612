"""The pure detector: what must hold for any counts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nbinom, norm

from streams.spikes.decision import SILENT_MINUTES, Watchers, alerts
from streams.spikes.dispersion import JUDGED_DAYS, Forecasts, learn
from streams.spikes.expectation import FIT_HOURS, fit
from streams.spikes.score import Dispersion, Score, common_factor, plain_dispersion, score, upper_tail
from streams.spikes.series import WINDOWS, Floats, HourlyCounts, Ints, trailing_sums

WEEK = 168


def history(counts: Floats, first: Ints | None = None) -> HourlyCounts:
    """Counts (n, hours) of full exposure, of one group."""
    n = len(counts)
    starts = np.zeros(n, np.int64) if first is None else first
    return HourlyCounts(counts, np.ones(counts.shape), starts, np.zeros(n, np.int64))


def poisson(level: float, n: int, hours: int, seed: int = 1) -> Floats:
    """Counts of ``n`` series with one level."""
    return np.random.default_rng(seed).poisson(level, (n, hours)).astype(np.float64)


def last_windows(counts: Floats, expected: Floats, dispersion: Dispersion, region: Ints) -> Score:
    """Scores at the last hour."""
    observed = np.stack([trailing_sums(counts, w)[:, -1] for w in WINDOWS], axis=1)
    usual = np.stack([trailing_sums(expected, w)[:, -1] for w in WINDOWS], axis=1)
    return score(observed, usual, dispersion, region)


@pytest.mark.parametrize(("mean", "variance"), [(0.02, 0.03), (1.0, 1.5), (7.5, 30.0), (400.0, 9000.0)])
def test_the_tail_is_that_of_the_negative_binomial_distribution(mean: float, variance: float) -> None:
    size = mean**2 / (variance - mean)
    counts = np.arange(int(mean) + 1, int(mean) + 60, dtype=np.float64)
    found = upper_tail(counts, np.full(counts.shape, mean), np.full(counts.shape, variance))
    assert np.allclose(found, nbinom.sf(counts - 1, size, mean / variance), rtol=1e-6)


@pytest.mark.parametrize("mean", [12.0, 48.0, 240.0, 1200.0])
@pytest.mark.parametrize("deviation", [0.1, 0.2, 0.3])
def test_the_tail_is_that_of_lognormal_day_effects(mean: float, deviation: float) -> None:
    """Against the sum over day effects, where a negative binomial tail is up to 200 times too small."""
    at = np.linspace(-8, 8, 401)
    means = mean * np.exp(deviation * at - deviation**2 / 2)
    counts = np.unique(np.linspace(mean + 1, 5 * mean, 120).astype(np.int64)).astype(np.float64)[:, None]
    exact = (nbinom.sf(counts - 1, 2 * means, 2 / 3) * norm.pdf(at)).sum(axis=1) * (at[1] - at[0])
    effect = np.full(len(counts), np.expm1(deviation**2))
    usual = np.full(len(counts), mean)
    found = upper_tail(counts[:, 0], usual, 1.5 * usual + effect * usual**2, effect)
    seen = (exact < 0.05) & (exact > 2e-6)
    assert np.abs(np.log(found[seen] / exact[seen])).max() < np.log(1.4)


@given(st.floats(-3, 4), st.floats(1.05, 20), st.floats(-4, 0.8))
def test_a_higher_count_is_never_less_unusual(log_mean: float, linear: float, log_effect: float) -> None:
    mean, effect = 10**log_mean, 10**log_effect
    counts = np.unique(np.linspace(mean, 20 * mean + 100, 400).astype(np.int64)).astype(np.float64)
    usual, effects = np.full(len(counts), mean), np.full(len(counts), effect)
    tail = upper_tail(counts, usual, linear * usual + effect * usual**2, effects)
    assert (np.diff(tail) <= 1e-12).all()


def test_the_fit_finds_level_and_profile() -> None:
    profile = np.where(np.arange(FIT_HOURS) % 24 < 8, 0.25, 1.375)
    counts = np.random.default_rng(3).poisson(4 * profile, (60, FIT_HOURS)).astype(np.float64)
    expectation = fit(history(counts))
    assert expectation.level.mean() == pytest.approx(4.0, rel=0.03)
    assert expectation.profile[:, 3].mean() == pytest.approx(0.25, rel=0.2)
    assert expectation.profile[:, 15].mean() == pytest.approx(1.375, rel=0.1)


def test_another_time_zone_shifts_the_profile() -> None:
    counts = poisson(3, 5, FIT_HOURS + 24)
    counts[:, ::24] += 20
    moscow = fit(history(counts[:, :FIT_HOURS], np.zeros(5, np.int64)))
    kamchatka = fit(history(counts[:, :FIT_HOURS], np.full(5, 9)))
    assert int(moscow.profile[0].argmax()) % 24 == 0
    assert int(kamchatka.profile[0].argmax()) % 24 == 9


def test_hours_that_are_not_known_teach_nothing() -> None:
    counts = poisson(5, 20, FIT_HOURS)
    silent = counts.copy()
    silent[:, -10 * 24 :] = 0
    exposure = np.ones(counts.shape)
    exposure[:, -10 * 24 :] = 0
    learnt = fit(HourlyCounts(silent, exposure, np.zeros(20, np.int64), np.zeros(20, np.int64)))
    assert learnt.level.mean() == pytest.approx(5.0, rel=0.05)
    as_zeros = fit(history(silent))
    assert as_zeros.level.mean() < 3.5


def test_a_count_of_half_the_pages_says_what_is_usual_of_all() -> None:
    counts = poisson(4, 20, FIT_HOURS)
    exposure = np.ones(counts.shape)
    exposure[:, : -15 * 24] = 0.5
    counts[:, : -15 * 24] = poisson(2, 20, FIT_HOURS, seed=2)[:, : -15 * 24]
    learnt = fit(HourlyCounts(counts, exposure, np.zeros(20, np.int64), np.zeros(20, np.int64)))
    assert learnt.level == pytest.approx(4, rel=0.15)
    assert learnt.level.mean() == pytest.approx(4, rel=0.03)


def test_the_order_of_series_changes_nothing() -> None:
    counts = np.concatenate([poisson(level, 10, FIT_HOURS, seed) for seed, level in enumerate((0.1, 1, 20))])
    order = np.random.default_rng(9).permutation(30)
    region = np.arange(30) % 3
    plain, mixed = fit(history(counts)), fit(history(counts[order]))
    assert np.allclose(plain.level[order], mixed.level)
    hours = counts[:, -24:]
    one = last_windows(hours, plain.hourly(np.zeros(30, np.int64), 24), plain_dispersion(30), region)
    two = last_windows(hours[order], mixed.hourly(np.zeros(30, np.int64), 24), plain_dispersion(30), region[order])
    assert np.allclose(one.alarms[order], two.alarms)


@given(st.integers(0, 29), st.integers(1, 50), st.integers(0, 10**6))
def test_more_appeals_never_lower_the_alarm(row: int, more: int, seed: int) -> None:
    counts = poisson(1.0, 30, 24, seed)
    expected = np.ones((30, 24))
    region = np.arange(30) % 4
    before = last_windows(counts, expected, plain_dispersion(30), region).alarms
    counts[row, -1] += more
    after = last_windows(counts, expected, plain_dispersion(30), region).alarms
    assert after[row] <= before[row] * (1 + 1e-9)


def test_news_that_reach_everybody_move_the_expectation() -> None:
    mean = np.full(500, 3.0)
    count = np.random.default_rng(2).poisson(7.5, 500).astype(np.float64)
    factor = common_factor(count, mean, 1.5 * mean, np.arange(500) % 20)
    assert factor.mean() == pytest.approx(2.4, abs=0.2)


def test_one_loud_series_does_not_move_its_own_expectation() -> None:
    mean = np.full(40, 2.0)
    count = mean.copy()
    count[7] = 500
    factor = common_factor(count, mean, 1.5 * mean, np.zeros(40, np.int64))
    assert factor[7] == pytest.approx(1.0)
    assert 1.0 < factor[8] < 1.2


STRANGE: dict[str, Callable[[], Floats]] = {
    "nothing at all": lambda: np.zeros((50, FIT_HOURS)),
    "one message ever": lambda: np.eye(50, FIT_HOURS),
    "one huge day": lambda: poisson(0.5, 50, FIT_HOURS) + 1000.0 * (np.arange(FIT_HOURS) // 24 == 30),
    "a new municipality": lambda: poisson(0.5, 50, FIT_HOURS) * (np.arange(FIT_HOURS) > FIT_HOURS - 48),
}


@pytest.mark.parametrize("name", STRANGE)
def test_strange_histories_neither_crash_nor_alert(name: str) -> None:
    counts = STRANGE[name]()
    expectation = fit(history(counts))
    assert np.isfinite(expectation.level).all() and (expectation.level > 0).all()
    expected = expectation.hourly(np.zeros(50, np.int64), 24)
    found = last_windows(np.zeros((50, 24)), expected, plain_dispersion(50), np.zeros(50, np.int64))
    assert not alerts(found.alarms, 0.2).any()
    judged = counts[:, -JUDGED_DAYS * 24 :]
    hours = judged.shape[1]
    usual = expectation.hourly(np.zeros(50, np.int64), hours)
    learnt = learn(Forecasts(judged, usual, np.ones(judged.shape, np.bool_), np.zeros(50, np.int64)))
    assert np.isfinite(learnt.own).all() and np.isfinite(learnt.tail).all() and (learnt.linear >= 1.05).all()


def test_a_history_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="1368"):
        fit(history(np.zeros((2, 100))))


def test_dispersion_is_learnt_from_forecasts() -> None:
    random = np.random.default_rng(4)
    hours = JUDGED_DAYS * 24
    mean = np.repeat([0.5, 4.0, 30.0], 60)[:, None] * np.ones(hours)
    counts = random.poisson(random.gamma(mean / 2, 2)).astype(np.float64)
    learnt = learn(Forecasts(counts, mean, np.ones(mean.shape, np.bool_), np.zeros(180, np.int64)))
    assert learnt.linear[0, 0] == pytest.approx(3.0, rel=0.1)
    assert learnt.square[0, 0] < 0.01


def test_a_series_has_a_variance_of_its_own_only_where_it_lasts() -> None:
    random = np.random.default_rng(5)
    mean = np.full((120, JUDGED_DAYS * 24), 6.0)

    def own(over: Floats) -> Floats:
        counts = random.negative_binomial(mean / (over - 1), 1 / over).astype(np.float64)
        found = learn(Forecasts(counts, mean, np.ones(mean.shape, np.bool_), None))
        return found.own[:, WINDOWS.index(3)]

    assert own(np.full((120, 1), 1.5)).std() < 0.03, "what is alike strays by chance"
    wild = np.arange(120) % 2 == 0
    lasting = own(np.where(wild, 4.0, 1.2)[:, None])
    assert lasting[wild].min() > 1.3 * lasting[~wild].max()
    first_half = np.arange(mean.shape[1]) < mean.shape[1] // 2
    passing = own(np.where(wild[:, None] == first_half, 3.0, 1.2))
    assert passing.std() < 0.03, "what strayed once need not stray again"


def test_benjamini_and_hochberg() -> None:
    alarms = np.array([0.0001, 0.0019, 0.5, 1.0, 2.0] + [5.0] * 195)
    assert alerts(alarms, 0.2).tolist()[:3] == [True, True, False]
    assert not alerts(np.array([0.0011] + [5.0] * 199), 0.2).any()
    assert alerts(np.zeros(0), 0.2).shape == (0,)


def test_an_episode_opens_once_and_is_silent_after_it_closes() -> None:
    watchers = Watchers.none(1)
    loud, quiet, yes, no = np.array([1e-6]), np.array([1.0]), np.array([True]), np.array([False])
    opened = []
    for hour in range(60):
        alert = hour in (5, 6, 25, 26, 50)
        opens, closes = watchers.step(60 * hour, loud if alert else quiet, yes if alert else no)
        again = watchers.step(60 * hour, loud if alert else quiet, yes if alert else no)
        assert not again[0].any() and not again[1].any()
        opened += [(hour, bool(opens[0]), bool(closes[0]))] if opens[0] or closes[0] else []
    assert SILENT_MINUTES == 24 * 60
    assert opened == [(5, True, False), (18, False, True), (50, True, False)]


def test_a_short_history_expects_nothing() -> None:
    counts = poisson(5, 3, FIT_HOURS)
    exposure = np.zeros(counts.shape)
    exposure[:2, -20 * 24 :] = 1
    exposure[2, -10 * 24 :] = 1
    level = fit(HourlyCounts(counts, exposure, np.zeros(3, np.int64), np.zeros(3, np.int64))).level
    assert level[:2] == pytest.approx(5, rel=0.15) and level[2] == 0
