"""What each hour of the history counts for, where pages began within it."""

from __future__ import annotations

import numpy as np
import pytest

from streams.spikes.exposure import PageGroups, exposure
from streams.spikes.hierarchy import hierarchy
from streams.spikes.series import Floats

HOURS = 60 * 24
END = HOURS - 24
TREE = hierarchy([("01701000", "01000000", 3), ("01702000", "01000000", 3)], {"01000000": ("Сибирский", 3)})


def shares(*groups: tuple[int, int, float], first: int = 0) -> Floats:
    """The exposure by series at days 1, 20 and 50 of sixty, from (row, first day, appeals of four weeks) of pages."""
    row, day, appeals = np.array(groups).T
    read = PageGroups(row.astype(np.int64), day.astype(np.int64) * 24, appeals)
    return exposure(read, first, END, HOURS, TREE)[:, [24, 20 * 24, 50 * 24]]


def test_the_only_page_of_a_place_has_no_history_before_it_began() -> None:
    place, other, *parents = shares((0, 30, 290), (1, 0, 280))
    assert place.tolist() == [0, 0, 1] and other.tolist() == [1, 1, 1]
    # A parent loses what the page brings: 10 a day from the 30th day on, beside 10 of the other place.
    for parent in parents:
        assert parent == pytest.approx([0.5, 0.5, 1], abs=0.02)


def test_pages_of_one_place_that_began_later_lessen_what_was_seen_before() -> None:
    place = shares((0, 0, 280), (0, 10, 280), (1, 0, 1))[0]
    assert place == pytest.approx([0.5, 1, 1])
    small = shares((0, 0, 28), (0, 10, 280), (1, 0, 1))[0]
    assert small.tolist() == [0, 1, 1]


def test_a_slow_page_that_showed_itself_late_was_always_there() -> None:
    """One appeal in four weeks: that none came in the first ten days says nothing."""
    assert shares((0, 10, 1), (1, 0, 280))[0].tolist() == [1, 1, 1]


def test_nothing_counts_before_the_first_data() -> None:
    assert shares((0, 0, 280), (1, 0, 280), first=48)[:, 0].tolist() == [0] * 5


def test_a_silent_place_is_known_to_be_silent() -> None:
    assert shares((0, 0, 0), (1, 0, 280))[0].tolist() == [1, 1, 1]
