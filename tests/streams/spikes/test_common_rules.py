"""The rules that the benchmark sets beside the detector: EARS C1, C2 and C3 against published values and by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from tests.bench.spikes.rules import ears_daily

#: Weekly cases of Salmonella Newport in Germany up to the fourth week of 2011, and the upper limits (alpha = 0.05) that
#: the tests of R's package surveillance expect of earsC(method = "C1") in these four weeks.
WEEKS = [1, 1, 1, 3, 3, 1, 2, 1, 0, 3, 3]
UPPER_LIMITS = [3.278854, 3.278854, 3.436517, 3.855617]


@pytest.mark.parametrize("week", range(4))
def test_c1_has_the_upper_limits_of_earsc(week: int) -> None:
    days = np.array([[*WEEKS[: 7 + week], UPPER_LIMITS[week]]], np.float64)
    assert ears_daily(days, "C1")[0, -1] == pytest.approx(norm.ppf(0.95), abs=1e-5)


def test_c2_leaves_two_days_between_its_baseline_and_today() -> None:
    # The baseline 1 .. 7 has mean 4 and variance 14 / 3; the two days after it are of no account.
    days = np.array([[1, 2, 3, 4, 5, 6, 7, 100, 100, 11]], np.float64)
    assert ears_daily(days, "C2")[0, -1] == pytest.approx(7 / np.sqrt(14 / 3))
    assert np.isneginf(ears_daily(days, "C2")[0, :9]).all()


def test_c3_adds_up_what_c2_has_above_one_in_three_days() -> None:
    days = np.array([[1, 2, 3, 4, 5, 6, 7, 4, 4, 11, 10, 4]], np.float64)
    c2 = ears_daily(days, "C2")[0, -3:]
    assert c2[0] > 1 and c2[1] > 1 and c2[2] < 1
    assert ears_daily(days, "C3")[0, -1] == pytest.approx(c2[0] - 1 + c2[1] - 1)
