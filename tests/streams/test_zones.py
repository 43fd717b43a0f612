"""Local days: cut where people live, to the millisecond, also where clocks change within an hour."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.contract.events import MAX_TIME_MS
from streams.fold.audience import local_days
from streams.zones import day_at, moscow_day
from tests.streams.builders.plain_count import local_day

EPOCH = date(1970, 1, 1).toordinal()
ZONES = [
    "Europe/Moscow",
    "Asia/Kamchatka",
    "America/Los_Angeles",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Africa/Monrovia",
]


def ms(*when: int) -> int:
    return int(datetime(*when, tzinfo=UTC).timestamp() * 1000)  # type: ignore[misc,arg-type]


def test_moscows_day_begins_at_nine_in_the_evening_utc() -> None:
    assert moscow_day(ms(2026, 3, 1, 21) - 1) == date(2026, 3, 1).toordinal() - EPOCH
    assert moscow_day(ms(2026, 3, 1, 21)) == date(2026, 3, 2).toordinal() - EPOCH


def test_a_day_before_1970_is_the_first_day_that_a_date_can_hold() -> None:
    assert day_at("America/Los_Angeles", 0) == 0


@given(st.sampled_from(ZONES), st.integers(0, MAX_TIME_MS))
def test_any_moment_falls_on_the_calendars_day(zone: str, at: int) -> None:
    assert day_at(zone, at) == local_day(zone, at).toordinal() - EPOCH


@pytest.mark.parametrize("zone", ZONES)
def test_columns_of_moments_fall_on_the_same_days(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.fold.audience.zone_of_place", lambda _place: zone)
    # Lord Howe moves its clocks by half an hour at 15:30 UTC; Kolkata's day begins at 18:30, Los Angeles' at 7 or 8.
    changes = [ms(2026, 4, 4, 15, 30), ms(2026, 3, 1, 18, 30), ms(2026, 3, 8, 10), ms(2026, 3, 8, 7), ms(1972, 1, 7)]
    at = np.array([moment + step for moment in changes for step in (-1_800_000, -1, 0, 1, 1_799_999, 5_400_000)])
    hours = (at // 3_600_000).astype(np.uint64)
    days = local_days(hours, np.zeros(len(at), np.uint64), at, ["la:cd-1"])
    assert [EPOCH + int(day) for day in days] == [local_day(zone, int(moment)).toordinal() for moment in at]
