"""The detector as a whole: which level an alert names, and what does not alert."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from streams.spikes.detector import (
    HISTORY_HOURS,
    Evaluation,
    Night,
    evaluate,
    expected_hours,
    first_hours_of_week,
    forecast_night,
    learn_night,
    q_of,
)
from streams.spikes.hierarchy import COUNTRY, Hierarchy, Level, hierarchy, moved_with_parents
from streams.spikes.series import RECENT_HOURS, Floats

#: Monday 2026-11-23, 15:00 Moscow time, in hours since 1970.
NOW = 1795435200 // 3600
REGIONS = {f"{10 + r}000000": (["Центральный", "Сибирский", "Южный"][r % 3], 3 + 4 * (r % 3 == 1)) for r in range(12)}
PLACES = [(f"{region[:2]}{m:03d}000", region, offset) for region, (_, offset) in REGIONS.items() for m in range(1, 16)]


@cache
def learnt() -> tuple[Hierarchy, Night, Floats]:
    """A country of 180 municipalities with half a message an hour each, and a night's learning."""
    tree = hierarchy(PLACES, REGIONS)
    random = np.random.default_rng(8)
    counts = tree.summed(random.poisson(0.5, (len(PLACES), HISTORY_HOURS)).astype(np.float64))
    return tree, learn_night(counts, np.ones(counts.shape), NOW - 15, tree), counts


def evaluated(
    extra: dict[str, int] | None = None, factor: dict[str, float] | None = None, q: float = 0.2
) -> Evaluation:
    """The moment ``NOW`` with ordinary counts, multiplied in some regions and with extra messages in some places."""
    tree, night, _ = learnt()
    random = np.random.default_rng(5)
    hourly = random.poisson(0.5, (len(PLACES), 24)).astype(np.float64)
    for place, more in (extra or {}).items():
        hourly[tree.codes.index(place), -1] += more
    for row, (_, region, _) in enumerate(PLACES):
        times = (factor or {}).get(region, (factor or {}).get(COUNTRY, 1.0))
        if times != 1:
            hourly[row, -6:] += random.poisson(0.5 * (times - 1), 6)
    whole = tree.summed(hourly)
    return evaluate(night, whole, expected_hours(night, tree, NOW * 60), tree, q=q)


def alerted(found: Evaluation) -> list[str]:
    """Codes of the series to alert."""
    return [learnt()[0].codes[row] for row in np.nonzero(found.alert)[0]]


def test_the_last_day_does_not_teach_what_is_usual() -> None:
    tree = hierarchy(PLACES[:3], REGIONS)
    counts = tree.summed(np.random.default_rng(3).poisson(0.5, (3, HISTORY_HOURS)).astype(np.float64))
    exposure = np.ones(counts.shape)
    usual = forecast_night(counts, exposure, NOW, NOW, tree)
    for hours, teaches in ((slice(-24, None), False), (slice(-72, -24), True)):
        loud = counts.copy()
        loud[:, hours] += 20
        assert np.array_equal(forecast_night(loud, exposure, NOW, NOW, tree), usual) != teaches


def test_an_ordinary_hour_alerts_nobody() -> None:
    assert alerted(evaluated()) == []


def test_a_spike_in_one_municipality_names_it_and_not_its_region() -> None:
    assert alerted(evaluated({"13007000": 60})) == ["13007000"]


def test_two_loud_municipalities_do_not_name_their_region() -> None:
    assert alerted(evaluated({"13007000": 60, "13009000": 40})) == ["13007000", "13009000"]


def test_a_shock_of_a_region_alerts_once() -> None:
    assert alerted(evaluated(factor={"15000000": 4})) == ["15000000"]


def test_a_shock_of_the_country_alerts_once_at_the_top() -> None:
    assert alerted(evaluated(factor={COUNTRY: 2.5})) == [COUNTRY]


def test_a_spike_during_a_shock_of_the_country_is_named_beside_it() -> None:
    assert alerted(evaluated({"13007000": 60}, {COUNTRY: 2.5})) == ["13007000", COUNTRY]


def test_what_the_rest_of_a_parent_does_moves_its_children() -> None:
    tree = hierarchy([("a", "r", 3), ("b", "r", 3), ("c", "s", 3)], {"r": (None, 3), "s": (None, 3)})
    expected = tree.summed(np.array([[1.0], [397.0], [5.0]]))
    observed = tree.summed(np.array([[10.0], [797.0], [5.0]]))
    alert = np.array([True, False, False, True, False, False])
    # Without a, its region has 797 where 397 were usual; without b 10 where 1 was; nothing alerts above c.
    assert moved_with_parents(alert, observed, expected, tree)[:3, 0] == pytest.approx([2.0, 397 * 13 / 4, 0.0])


def test_few_messages_alert_nobody() -> None:
    tree, night, _ = learnt()
    observed = np.zeros((len(tree.codes), RECENT_HOURS))
    observed[3, -1] = 2
    expected = np.full(observed.shape, 1e-6)
    assert not evaluate(night, observed, expected, tree, q=0.2).alert.any()
    observed[3, -1] = 3
    assert evaluate(night, observed, expected, tree, q=0.2).alert[3]


def test_an_hour_that_is_not_known_is_not_tested() -> None:
    tree, night, _ = learnt()
    usual = expected_hours(night, tree, NOW * 60)
    observed = usual.copy()
    observed[3, :-3] += 100
    assert evaluate(night, observed, usual, tree, q=0.2).alert[3]
    known = np.ones(usual.shape, np.bool_)
    known[:, :-3] = False
    assert not evaluate(night, observed * known, usual * known, tree, q=0.2).alert.any()
    assert not evaluate(night, np.zeros_like(usual), np.zeros_like(usual), tree, q=0.2).alert.any()


def test_an_hour_that_ends_within_the_hour_is_a_part_of_two() -> None:
    tree, night, _ = learnt()
    first, half, last = (expected_hours(night, tree, NOW * 60 + minute)[0] for minute in (0, 30, 60))
    assert half == pytest.approx((first + last) / 2)


def test_the_hierarchy_sums_up() -> None:
    tree, _, counts = learnt()
    country = counts[tree.rows(Level.COUNTRY)[0]]
    assert np.array_equal(counts[tree.rows(Level.MUNICIPALITY)].sum(axis=0), country)
    assert np.array_equal(counts[tree.rows(Level.DISTRICT)].sum(axis=0), country)
    siberia = tree.codes.index("Сибирский")
    assert len(tree.descendants(siberia)) == 4 * 16
    assert int(tree.utc_offset[siberia]) == 7


def test_local_hours() -> None:
    tree = hierarchy([("30001000", "30000000", 12)], {"30000000": ("Дальневосточный", 12)})
    # NOW is Monday 12:00 UTC: midnight of Tuesday in Kamchatka, 15:00 in Moscow.
    assert first_hours_of_week(tree, NOW).tolist() == [24, 24, 24, 15]


def test_the_bearable_number_of_false_alerts_sets_the_rate() -> None:
    assert q_of(7) == pytest.approx(0.2)
