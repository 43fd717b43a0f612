"""Counts made elsewhere: summed to absolute totals that a repetition does not change and a correction replaces."""

from __future__ import annotations

import copy
import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.files.conversion import RowRejectedError
from ingest.files.totals import Totals
from ingest.kafka.outgoing import Outgoing
from schemas.contract.readings import Reading, ReadingValidator
from schemas.contract.rejected import Rejected
from schemas.contract.topics import READINGS
from tests.ingest.builders.sample_mappings import KEY, NOW_MS, TOTALS, cells, made

MAPPING = made(TOTALS)
OBSERVED = NOW_MS - 1_000


def totals(mapping: Any = MAPPING, **options: Any) -> Totals:
    given_: dict[str, Any] = {"source": "import:counts", "load": "l", "now_ms": NOW_MS, "observed_at": OBSERVED}
    return Totals(mapping, KEY, **{**given_, **options})


def finished(summed: Totals) -> list[Reading]:
    readings = []
    for _, record in summed.finish():
        assert isinstance(record, Outgoing) and record.topic == READINGS
        reading = ReadingValidator()(record.value)
        assert isinstance(reading, Reading) and record.key == reading.object
        readings.append(reading)
    return readings


def added(rows: list[dict[str, str]], mapping: Any = MAPPING, **options: Any) -> Totals:
    summed = totals(mapping, **options)
    for line, row in enumerate(rows, start=2):
        try:
            summed.add(line, cells(mapping, **row))
        except RowRejectedError:
            pass
    return summed


ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "line": st.sampled_from(["111", "web"]),
            "place": st.sampled_from(["a", "b"]),
            "day": st.sampled_from(["2026-03-28", "2026-03-29", "2026-10-25"]),
            "n": st.integers(0, 10**6).map(str),
        }
    ),
    max_size=40,
)


@given(ROWS, st.randoms(use_true_random=False))
def test_totals_are_the_sums_whatever_the_order(rows: list[dict[str, str]], shuffler: random.Random) -> None:
    expected: Counter[tuple[str, str, str]] = Counter()
    for row in rows:
        expected[row["line"], row["place"], row["day"]] += int(row["n"])
    readings = finished(added(rows))
    assert len(readings) == len(expected)
    assert sum(reading.value for reading in readings) == sum(expected.values())
    assert Counter((r.channel, r.place, r.value) for r in readings) == Counter(
        (line, f"test:{place}", n) for (line, place, _), n in expected.items()
    )
    shuffled = list(rows)
    shuffler.shuffle(shuffled)
    assert finished(added(shuffled)) == readings


ROW = {"line": "111", "place": "a", "day": "2026-03-29", "n": "7"}


def test_a_total_says_what_was_counted_and_when() -> None:
    (reading,) = finished(added([ROW, ROW]))
    assert (reading.metric, reading.value, reading.channel, reading.entrance) == ("appeals", 14, "111", "phone")
    # The clocks of London were set forward that day.
    assert reading.period_to - reading.period_from == 23 * 3_600_000
    assert (reading.observed_at, reading.source, reading.load) == (OBSERVED, "import:counts", "l")


def test_a_correction_is_another_observation_of_the_same_total() -> None:
    (first,) = finished(added([ROW]))
    (again,) = finished(added([ROW]))
    (corrected,) = finished(added([{**ROW, "n": "9"}], observed_at=OBSERVED + 1))
    assert first == again
    assert corrected.id != first.id
    same = [(r.object, r.metric, r.period_from, r.period_to) for r in (first, corrected)]
    assert same[0] == same[1] and corrected.observed_at > first.observed_at


def test_a_mended_mapping_says_the_same_total_anew() -> None:
    tables = copy.deepcopy(TOTALS)
    tables["fields"]["entrance"]["values"]["111"] = "other"
    (first,), (mended,) = finished(added([ROW])), finished(added([ROW], made(tables)))
    assert mended.object == first.object and mended.entrance == "other"


def test_rows_without_a_count_are_counted() -> None:
    tables = copy.deepcopy(TOTALS)
    del tables["total"]["value"]
    (reading,) = finished(added([ROW, ROW, ROW], made(tables)))
    assert reading.value == 3


def test_the_time_of_observation_may_come_from_the_rows() -> None:
    tables = copy.deepcopy(TOTALS)
    tables["total"]["observed_at"] = {"column": "seen"}
    rows = [{**ROW, "seen": "2026-04-01T10:00Z"}, {**ROW, "seen": "2026-04-02T10:00Z"}]
    (reading,) = finished(added(rows, made(tables), observed_at=None))
    assert reading.observed_at == 1_775_124_000_000


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"n": "-1"}, "value"),
        ({"n": "1.5"}, "value"),
        ({"n": "١"}, "value"),
        ({"n": ""}, "value"),
        ({"day": "yesterday"}, "period_from"),
        ({"day": "2026-12-24"}, "period_from"),
        ({"line": "", "place": ""}, "key"),
        ({"line": "999"}, "entrance"),
        ({"place": "no such thing"}, "place"),
    ],
)
def test_what_cannot_be_counted_is_rejected(row: dict[str, str], field: str) -> None:
    with pytest.raises(RowRejectedError) as caught:
        totals().add(2, cells(MAPPING, **{**ROW, **row}))
    assert caught.value.why.field == field


def test_a_total_with_a_rejected_row_is_withheld_not_sent_too_low() -> None:
    summed = added([ROW, {**ROW, "n": "many"}, {**ROW, "place": "b"}, {**ROW, "day": "?"}])
    assert [reading.place for reading in finished(summed)] == ["test:b"]
    assert (summed.withheld, summed.unassigned) == (1, 1)


def test_a_file_is_complete_for_each_period_without_a_rejected_row() -> None:
    """A later file takes away what it no longer contains, but never because a row of it could not be read."""
    other_day = {**ROW, "day": "2026-03-28"}
    assert {reading.complete_at for reading in finished(added([ROW, other_day]))} == {OBSERVED}
    found = finished(added([ROW, {**ROW, "place": "b", "n": "many"}, other_day]))
    by_length = {reading.period_to - reading.period_from: reading.complete_at for reading in found}
    assert by_length == {23 * 3_600_000: None, 24 * 3_600_000: OBSERVED}
    assert finished(added([ROW, {**ROW, "day": "?"}]))[0].complete_at is None


def test_a_total_beyond_the_contract_is_rejected_with_its_line() -> None:
    ((line, why),) = added([{**ROW, "n": "9999999999999"}]).finish()
    assert line == 2 and isinstance(why, Rejected) and why.field == "value"
