"""What moves everything at once is explained by the hour, from the top down, and never by a series' own counts."""

from __future__ import annotations

import numpy as np
import pytest

from streams.spikes.common_factors import explained, sibling_factor
from streams.spikes.hierarchy import Hierarchy, Level, hierarchy
from streams.spikes.series import Floats

DISTRICTS = [f"district-{d}" for d in range(6)]
REGIONS = {f"region-{r:02d}": (DISTRICTS[r % 6], r % 6 * 2) for r in range(18)}
PLACES = [(f"{region}-{p}", region, offset) for region, (_, offset) in REGIONS.items() for p in range(8)]


def country() -> tuple[Hierarchy, Floats]:
    """Districts two hours apart, quiet at night, and what is usual in 24 hours."""
    tree = hierarchy(PLACES, REGIONS)
    local = (np.arange(24) + tree.utc_offset[: len(PLACES), None]) % 24
    return tree, tree.summed(np.where(local < 8, 0.2, 2.0))


def test_a_shock_of_the_country_is_explained_in_every_time_zone() -> None:
    tree, usual = country()
    shocked = usual.copy()
    shocked[:, -10:] *= 2.5
    districts = tree.rows(Level.DISTRICT)
    # By whole days the districts differ: some had their night during the shock.
    ratios = shocked[districts].sum(axis=1) / usual[districts].sum(axis=1)
    assert ratios.max() / ratios.min() > 1.1
    left = shocked.sum(axis=1) / explained(shocked, usual, tree).sum(axis=1)
    assert left[districts] == pytest.approx(1.0, abs=0.03)
    assert left[: len(PLACES)] == pytest.approx(1.0, abs=0.03)
    # The country is compared with its own past.
    assert left[tree.rows(Level.COUNTRY)[0]] > 1.5


def test_a_shock_of_a_region_explains_its_places_to_nobody_else() -> None:
    tree, usual = country()
    shocked = usual.copy()
    places = np.nonzero(tree.parent == tree.codes.index("region-07"))[0]
    shocked[places, -6:] *= 4
    whole = tree.summed(shocked[: len(PLACES)])
    expected = explained(whole, usual, tree)
    assert expected[tree.codes.index("region-07")].sum() == pytest.approx(
        usual[tree.codes.index("region-07")].sum(), rel=0.05
    )
    others = np.nonzero(tree.parent == tree.codes.index("region-08"))[0]
    # One of six districts has doubled: it moves the others a little.
    assert expected[others] == pytest.approx(usual[others], rel=0.2)


def test_no_count_enters_its_own_expectation() -> None:
    tree, usual = country()
    counts = np.random.default_rng(4).poisson(usual[: len(PLACES)]).astype(np.float64)
    before = explained(tree.summed(counts), usual, tree)
    row = 21
    counts[row, -2:] += 300
    after = explained(tree.summed(counts), usual, tree)
    while row >= 0:
        assert np.array_equal(before[row], after[row]), tree.codes[row]
        row = int(tree.parent[row])


def test_weak_evidence_moves_little_and_strong_evidence_moves_all() -> None:
    one = np.ones((40, 1))
    weak = sibling_factor(2.5 * 0.01 * one, 0.01 * one, np.zeros(40, np.int64), one)
    assert weak == pytest.approx(1.0, abs=0.05)
    strong = sibling_factor(2.5 * 20 * one, 20 * one, np.zeros(40, np.int64), one)
    assert strong == pytest.approx(2.5, rel=0.01)
