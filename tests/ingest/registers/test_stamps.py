"""The stamp set written from the register: which pages it names, and how far its stamps reach."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.registers.page_register import SINCE_EVER, PageRegister, PageRow, moscow_midnight_ms
from ingest.registers.stamps import HOUR_MS, PlaceStamp, Stamped, stamp_set
from schemas.contract.events import MAX_TIME_MS
from streams.definition import Stamp
from streams.rebuild.stamp_file import read_stamps, write_stamps

OLD, NEW, UNKNOWN = "05617000", "05517000", "00000000"
REFORM = date(2026, 1, 1)
REFORM_MS = moscow_midnight_ms(REFORM)
NOW = REFORM_MS + 90 * 24 * HOUR_MS
REGISTER = PageRegister(
    [
        PageRow("vk:1", SINCE_EVER, REFORM, OLD),
        PageRow("vk:1", REFORM, None, NEW),
        PageRow("vk:2", date(2026, 2, 1), None, NEW),
        PageRow("vk:3", SINCE_EVER, date(2027, 1, 1), OLD),
    ]
)
#: The whole history of vk:1, up to now.
BOTH = [PlaceStamp("vk:1", 0, REFORM_MS, OLD), PlaceStamp("vk:1", REFORM_MS, NOW, NEW)]


def test_events_with_the_places_of_the_register_need_no_stamp() -> None:
    stamped = [Stamped("vk:1", OLD, 0, REFORM_MS), Stamped("vk:1", NEW, REFORM_MS, NOW)]
    assert stamp_set(stamped, REGISTER, [], NOW) == []


def test_an_unknown_page_that_is_registered_now_gets_its_places() -> None:
    stamped = [Stamped("vk:1", UNKNOWN, REFORM_MS - HOUR_MS, REFORM_MS + HOUR_MS), Stamped("vk:9", UNKNOWN, 0, NOW)]
    assert stamp_set(stamped, REGISTER, [], NOW) == BOTH


def test_a_reform_that_was_entered_late_moves_the_events_since() -> None:
    assert stamp_set([Stamped("vk:1", OLD, 0, REFORM_MS + HOUR_MS)], REGISTER, [], NOW) == BOTH


def test_events_before_the_register_knows_the_page_stay_where_they_are() -> None:
    stamped = [Stamped("vk:2", UNKNOWN, REFORM_MS, REFORM_MS + HOUR_MS)]
    assert stamp_set(stamped, REGISTER, [], NOW) == []


def test_stamps_in_force_stay_as_long_as_the_register_does_not_say_otherwise() -> None:
    decided = [PlaceStamp("vk:1", 0, NOW - HOUR_MS, "01701000"), PlaceStamp("vk:9", 0, NOW, NEW)]
    # With the stamps of vk:1 applied its events lie elsewhere; without them they may lie anywhere.
    stamped = [Stamped("vk:1", "01701000", 0, NOW - HOUR_MS), Stamped("vk:9", NEW, 0, NOW)]
    assert stamp_set(stamped, REGISTER, decided, NOW) == [*BOTH, decided[1]]
    assert stamp_set([Stamped("vk:1", OLD, 0, 1)], REGISTER, BOTH, NOW) == BOTH


def test_no_stamp_reaches_beyond_now() -> None:
    (stamp,) = stamp_set([Stamped("vk:3", UNKNOWN, 0, NOW)], REGISTER, [], NOW)
    assert (stamp.from_ms, stamp.to_ms) == (0, NOW)


@given(st.lists(st.tuples(st.integers(0, MAX_TIME_MS), st.integers(0, MAX_TIME_MS + 1)), max_size=5))
def test_a_stamp_file_reads_back_the_same(
    tmp_path_factory: pytest.TempPathFactory, spans: list[tuple[int, int]]
) -> None:
    stamps = tuple(Stamp(page="vk:1", from_ms=begin, to_ms=end, place=NEW) for begin, end in spans)
    file = tmp_path_factory.mktemp("stamps") / "stamps.csv"
    write_stamps(file, stamps)
    assert read_stamps(file) == stamps
