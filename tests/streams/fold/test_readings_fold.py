"""The fold of readings: the latest observation stands, whatever the order and however often it comes."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.definition import Definition
from streams.fold.batch import Batch
from streams.fold.readings import ReadingFold
from streams.fold.rows import TABLES, Rows
from tests.streams.builders.records import APPENDED, HOUR, T0, batch, definition, hex32, reading
from tests.streams.builders.tables import Tables

RULES = definition(chunk=4)
TOTAL = {"metric": "appeals", "source": "calls", "channel": "phone", "entrance": "phone", "page": None}


def folded(values: list[bytes | None], rules: Definition = RULES) -> Rows:
    fold = ReadingFold(2, 3, 0, rules)
    fold.fold(batch(values))
    rows = fold.flush()
    assert rows is not None
    return rows


def rows_of(rows: Rows, table: str) -> list[dict[str, Any]]:
    return rows.tables[table].to_dicts() if table in rows.tables else []


def test_the_latest_observation_stands_and_of_one_moment_the_later_record() -> None:
    values: list[bytes | None] = [
        reading(1, value=1, observed_at=T0 + 2),
        reading(2, value=2, observed_at=T0 + 3),
        reading(3, value=3, observed_at=T0 + 3),
        reading(4, value=4, observed_at=T0 + 1),
    ]
    (row,) = rows_of(folded(values), "readings")
    assert (row["value"], row["off"], row["log"], row["part"], row["id"]) == (3, 2, 2, 3, hex32(3))


def test_frames_have_the_columns_of_their_tables() -> None:
    rows = folded([reading(1), b"?"])
    for name in ("readings", "rejected", "sources"):
        assert rows.tables[name].schema == TABLES[name]


def test_objects_metrics_and_periods_are_told_apart() -> None:
    values: list[bytes | None] = [
        reading(1),
        reading(2, object="vk:2"),
        reading(3, metric="reach"),
        reading(4, period_to=T0 + 2 * HOUR),
    ]
    rows = folded(values)
    assert len(rows_of(rows, "readings")) == 4
    assert rows.spans[0].kinds == {"subscribers": 3, "reach": 1}


def test_sources_are_told_apart_and_a_complete_file_is_known_from_its_own_time() -> None:
    values: list[bytes | None] = [
        reading(1, value=1),
        reading(2, value=2, source="another"),
        reading(3, **TOTAL, value=3, observed_at=T0 + 5, complete_at=T0 + 5),
        # The corrected file knows of an earlier observation of this total, but is itself later.
        reading(4, **TOTAL, value=4, observed_at=T0 + 4, complete_at=T0 + 6),
    ]
    rows = folded(values)
    assert sorted((row["source"], row["value"]) for row in rows_of(rows, "readings")) == [
        ("another", 2),
        ("calls", 4),
        ("poller", 1),
    ]
    # A total touches the hour in which its period begins; other levels change no roll-up.
    assert [(int(row["hour"].timestamp()), row["high"]) for row in rows_of(rows, "touched")] == [(T0 // 1000, 4)]


def test_rejected_excluded_and_mended_readings_do_not_count() -> None:
    rules = definition(excluded_loads=("bad",), mended=((2, 3, 3),))
    values: list[bytes | None] = [
        reading(1, observed_at=APPENDED + 600_001),
        reading(2, load="bad"),
        reading(3, value=2**70),
        reading(4),
        None,
        reading(5, odd=1, value=5),
    ]
    rows = folded(values, rules)
    assert [row["value"] for row in rows_of(rows, "readings")] == [5]
    assert [(row["off"], row["field"]) for row in rows_of(rows, "rejected")] == [
        (0, "observed_at"),
        (2, "value"),
        (3, ""),
        (4, ""),
    ]
    (span,) = rows.spans
    assert (span.rejected, span.excluded, span.unknown_fields) == (4, 1, 1)


def test_there_is_nothing_to_read_ahead() -> None:
    fold = ReadingFold(2, 3, 40, RULES)
    assert fold.window_from == fold.warm_offset == 40
    fold.warm(batch([reading(1)], 36))
    fold.fold(batch([reading(1)], 40))
    assert fold.next_offset == 41


def test_sources_tell_when_each_feed_was_last_heard() -> None:
    rows = folded([reading(1, observed_at=T0 + 9), reading(2, observed_at=T0 + 4)])
    (row,) = rows_of(rows, "sources")
    assert (row["source"], row["off"], int(row["happened"].timestamp() * 1000)) == ("poller", 1, T0 + 9)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.builds(
            reading,
            st.integers(0, 3),
            object=st.sampled_from(["vk:1", "vk:2"]),
            value=st.integers(0, 5),
            observed_at=st.integers(T0, T0 + 2),
        ),
        max_size=12,
    ),
    st.lists(st.tuples(st.integers(0, 11), st.integers(1, 6)), max_size=8),
)
def test_any_portions_repeated_in_any_order_give_the_latest(
    values: list[bytes | None], portions: list[tuple[int, int]]
) -> None:
    tables = Tables()
    for begin, length in [*portions, (0, 12)]:
        fold = ReadingFold(1, 0, begin - begin % 4, RULES)
        first = fold.next_offset
        fold.fold(Batch(first, values[first : begin + length], [APPENDED] * len(values[first : begin + length])))
        rows = fold.flush()
        if rows is not None:
            tables.insert(rows)
    latest: dict[str, tuple[int, int, int]] = {}
    for offset, value in enumerate(values):
        said = json.loads(value or b"")
        latest[said["object"]] = max(
            latest.get(said["object"], (0, 0, 0)), (said["observed_at"], offset, said["value"])
        )
    stored = {key[1]: (int(said[0].timestamp() * 1000), said[3], said[6]) for key, said in tables.readings.items()}
    assert stored == latest
