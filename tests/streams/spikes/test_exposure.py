"""What each hour of the history counts for, where pages began within it."""

from __future__ import annotations

import numpy as np
import pytest

from streams.spikes.exposure import PageGroups, exposure
from streams.spikes.hierarchy import hierarchy
from streams.spikes.series import Floats

DAYS = 60
TREE = hierarchy([("01701000", "01000000", 3), ("01702000", "01000000", 3)], {"01000000": ("Сибирский", 3)})
#: Row, first day that counts, appeals a day, day after the last one.
Pages = tuple[int, int, float, int]
STEADY: Pages = (1, 0, 10.0, DAYS)


def shares(*pages: Pages, first: int = 0, known: Floats | None = None, outbreak: float = 0) -> Floats:
    """The exposure by series at the days 1, 20 and 50 of sixty. ``outbreak`` hits the first pages on day 54."""
    daily = np.zeros((len(pages), DAYS))
    for number, (_, since, level, end) in enumerate(pages):
        daily[number, since:end] = level
    daily[0, 54] += outbreak
    row, begin = (np.array([each[column] for each in pages], np.int64) for column in (0, 1))
    seen = np.ones((2, DAYS)) if known is None else known
    return exposure(PageGroups(row, begin, daily * seen[row]), seen, first, DAYS - 1, TREE)[:, [1, 20, 50]]


def test_the_only_page_of_a_place_has_no_history_before_it_began() -> None:
    place, other, *parents = shares((0, 30, 10, DAYS), STEADY)
    assert place.tolist() == [0, 0, 1] and other.tolist() == [1, 1, 1]
    for parent in parents:
        assert parent == pytest.approx([0.5, 0.5, 1])


def test_pages_of_one_place_that_began_later_lessen_what_was_seen_before() -> None:
    assert shares((0, 0, 10, DAYS), (0, 10, 10, DAYS), STEADY)[0] == pytest.approx([0.5, 1, 1])
    assert shares((0, 0, 1, DAYS), (0, 10, 10, DAYS), STEADY)[0].tolist() == [0, 1, 1]


@pytest.mark.parametrize("beside", [0.0, 5.0])
@pytest.mark.parametrize("day", [30, 45])
def test_a_page_that_took_the_place_of_another_lessens_nothing(day: int, beside: float) -> None:
    """What the place brought before was as much as after: none of it is lost, none counts too much."""
    for series in shares((0, 0, 10, day), (0, day, 10, DAYS), (0, 0, beside, DAYS), STEADY):
        assert series == pytest.approx([1, 1, 1], abs=0.01)


def test_one_outbreak_on_a_new_page_says_little_about_what_it_brings() -> None:
    calm = shares((0, 44, 2, DAYS), (0, 0, 10, DAYS), STEADY)[0]
    assert calm == pytest.approx([10 / 12, 10 / 12, 1])
    assert shares((0, 44, 2, DAYS), (0, 0, 10, DAYS), STEADY, outbreak=1000)[0] == pytest.approx(calm, abs=0.06)


def test_days_that_are_not_known_say_nothing_about_a_page() -> None:
    known = np.ones((2, DAYS))
    known[:, 48:] = 0
    assert shares((0, 40, 10, DAYS), (0, 0, 10, DAYS), STEADY, known=known)[0] == pytest.approx([0.5, 0.5, 1])


def test_a_slow_page_that_showed_itself_late_was_always_there() -> None:
    """One appeal in four weeks: that none came in the first ten days says nothing."""
    assert shares((0, 10, 1 / 28, DAYS), STEADY)[0].tolist() == [1, 1, 1]


def test_nothing_counts_before_the_first_data() -> None:
    assert shares((0, 0, 10, DAYS), STEADY, first=2)[:, 0].tolist() == [0] * 5


def test_a_silent_place_is_known_to_be_silent() -> None:
    assert shares((0, 0, 0, DAYS), STEADY)[0].tolist() == [1, 1, 1]
