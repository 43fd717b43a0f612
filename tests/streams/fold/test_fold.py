"""The fold of events, rule by rule."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from streams.definition import Definition, Stamp
from streams.fold.batch import Batch, ColdWindowError, GapError
from streams.fold.events import EventFold
from streams.fold.rows import TABLES, Rows
from tests.streams.builders.records import APPENDED, HOUR, T0, batch, definition, event, hex32
from tests.streams.builders.tables import Tables

RULES = definition(chunk=100)


def folded(values: list[bytes | None], rules: Definition = RULES) -> Rows:
    """The rows of a log that begins at offset 0."""
    fold = EventFold(1, 0, 0, rules)
    fold.fold(batch(values))
    rows = fold.flush()
    assert rows is not None
    return rows


def rows_of(rows: Rows, table: str) -> list[dict[str, Any]]:
    return rows.tables[table].to_dicts() if table in rows.tables else []


def counts(rows: Rows, kind: str = "reaction_added") -> list[int]:
    return [row[kind] for row in rows_of(rows, "page_hour")]


def test_frames_have_the_columns_of_their_tables() -> None:
    rows = folded([event(kind="appeal_received"), event(kind="appeal_answered"), event(kind="appeal_closed"), b"?"])
    for name in ("appeals", "answers", "appeal_changes", "page_hour", "people_day", "rejected", "touched", "sources"):
        assert rows.tables[name].schema == TABLES[name]


def test_engagement_sums_amounts_and_appeals_count_records() -> None:
    rows = folded([event(1, amount=5), event(2, amount=1_000_000), event(3, "appeal_received")])
    (cell,) = rows_of(rows, "page_hour")
    assert (cell["reaction_added"], cell["appeal_received"]) == (1_000_005, 1)
    assert (cell["page"], cell["place"], cell["log"], cell["part"], cell["chunk"]) == ("vk:1", "45382000", 1, 0, 0)
    assert cell["hour"] == datetime(2026, 3, 2, 8, tzinfo=UTC)


def test_a_full_chunk_of_the_largest_amounts_is_exact() -> None:
    rows = folded([event(n, amount=1_000_000) for n in range(100)])
    assert counts(rows) == [100_000_000]


def test_cells_are_told_apart_by_hour_page_and_place() -> None:
    values: list[bytes | None] = [
        event(1, at=T0 + HOUR - 1),
        event(2, at=T0 + HOUR),
        event(3, page=None),
        event(4, place="la:cd-1"),
        event(5, page="vk:2"),
    ]
    cells = {(row["hour"].hour, row["page"], row["place"]) for row in rows_of(folded(values), "page_hour")}
    assert cells == {
        (8, "vk:1", "45382000"),
        (9, "vk:1", "45382000"),
        (8, "", "45382000"),
        (8, "vk:1", "la:cd-1"),
        (8, "vk:2", "45382000"),
    }


def test_a_flush_holds_absolute_counts_of_the_cells_that_changed_and_of_no_others() -> None:
    fold = EventFold(1, 0, 0, RULES)
    fold.fold(batch([event(1), event(2, page="vk:2")]))
    fold.flush()
    fold.fold(batch([event(3), event(4)], 2))
    rows = fold.flush()
    assert rows is not None
    assert [(row["page"], row["reaction_added"]) for row in rows_of(rows, "page_hour")] == [("vk:1", 3)]
    assert fold.flush() is None


def test_a_finished_chunk_comes_with_the_next_flush_and_a_new_one_counts_from_zero() -> None:
    fold = EventFold(1, 0, 0, definition(chunk=3))
    fold.fold(batch([event(n) for n in range(7)]))
    rows = fold.flush()
    assert rows is not None
    assert [(row["chunk"], row["reaction_added"]) for row in rows_of(rows, "page_hour")] == [(0, 3), (1, 3), (2, 1)]


def test_a_repeat_in_the_window_is_not_counted_but_its_facts_are_written_at_any_distance() -> None:
    fold = EventFold(1, 0, 0, RULES)
    fold.fold(batch([event(1, "appeal_received"), event(2)]))
    fold.flush()
    fold.fold(batch([event(1, "appeal_received"), event(2)], 2))
    rows = fold.flush()
    assert rows is not None
    assert rows_of(rows, "page_hour") == []
    assert [row["off"] for row in rows_of(rows, "appeals")] == [2]
    assert rows.spans[0].repeats == 2
    assert [row["high"] for row in rows_of(rows, "touched")] == [3]


def test_a_fact_keeps_the_hours_and_names_of_all_copies_and_the_contents_of_the_earliest() -> None:
    copies: list[bytes | None] = [
        event(1, "appeal_received", at=T0 + n * HOUR, place=place, thread=hex32(n), message=hex32(("m", n)))
        for n, place in enumerate(("45382000", "45383000"))
    ]
    tables = Tables()
    tables.insert(folded(copies))
    key = hex32(("appeal", 1))
    (fact,) = tables.facts["appeals"].values()
    assert "45382000" in fact
    assert tables.unions["appeals", "hours", key] == {T0 // 1000, T0 // 1000 + 3600}
    assert tables.unions["appeals", "names", key] == {hex32(0), hex32(1)}
    assert set(tables.facts["messages"]) == {(hex32(("m", 0)),), (hex32(("m", 1)),)}
    assert sum(table == "appeals" for _, table, _ in tables.facts["fact_hours"]) == 2


def test_messages_of_one_appeal_are_copies_of_one_fact_in_its_hour() -> None:
    appeal = hex32(("appeal", 1))
    rows = folded([event(n, "appeal_received", appeal=appeal, message=hex32(("m", n))) for n in (1, 2)])
    keys = {(row["fact"], row["key"]) for row in rows_of(rows, "fact_hours")}
    assert keys == {("appeals", appeal), ("messages", hex32(("m", 1))), ("messages", hex32(("m", 2)))}


def test_a_post_is_a_fact_and_counted() -> None:
    post = {"page": "vk:1", "object": "vk:1_7"}
    rows = folded([event(1, "post_published", format="photo", **post), event(2, "post_removed", **post)])
    assert [(row["object"], row["format"]) for row in rows_of(rows, "posts")] == [("vk:1_7", "photo")]
    assert [row["object"] for row in rows_of(rows, "post_removals")] == ["vk:1_7"]
    assert "fact_hours" not in rows.tables
    (cell,) = rows_of(rows, "page_hour")
    assert (cell["post_published"], cell["post_removed"]) == (1, 1)


def test_a_fact_carries_what_its_record_said() -> None:
    said = {
        "page": None,
        "place": "la:cd-4",
        "channel": "Driver Self Report",
        "entrance": "office",
        "topic": "roads.holes",
        "load": "run-1",
        "thread": hex32("thread"),
        "author": hex32("author"),
        "responder": "МЦУ",
        "urgent": True,
        "message": hex32("message"),
        "object": "vk:1_7",
        "nature": "complaint",
        "rating": 3,
    }
    (row,) = rows_of(folded([event(1, "appeal_received", at=T0 + 5, **said)]), "appeals")
    happened, appended = (datetime.fromtimestamp(ms / 1000, UTC) for ms in (T0 + 5, APPENDED))
    assert row == said | {
        "appeal": hex32(("appeal", 1)),
        "log": 1,
        "part": 0,
        "off": 0,
        "at": happened,
        "appended": appended,
        "id": hex32(1),
        "source": "test",
    }


def test_a_record_far_ahead_of_its_append_time_is_rejected() -> None:
    rows = folded([event(1, at=APPENDED + 600_000), event(2, at=APPENDED + 600_001)])
    assert [(row["off"], row["stage"], row["field"]) for row in rows_of(rows, "rejected")] == [(1, "fold", "at")]
    assert counts(rows) == [1]


def test_a_rejected_record_does_not_make_its_identity_known() -> None:
    rows = folded([event(1, at=APPENDED + HOUR), event(1)])
    assert counts(rows) == [1]


def test_records_of_an_excluded_load_are_as_if_absent() -> None:
    rules = definition(chunk=100, excluded_loads=("bad",))
    rows = folded([event(1, load="bad"), event(2, "appeal_received", load="bad"), event(1, load="good")], rules)
    assert counts(rows) == [1]
    assert set(rows.tables) == {"page_hour", "people_day", "touched", "sources"}
    assert (rows.spans[0].excluded, rows.spans[0].rejected, rows.spans[0].next_offset) == (2, 0, 3)


def test_a_mended_record_stays_rejected_at_its_own_position_only() -> None:
    rows = folded([event(1), event(1)], definition(chunk=100, mended=((1, 0, 0), (2, 0, 1), (1, 7, 1))))
    assert counts(rows) == [1]
    (row,) = rows_of(rows, "rejected")
    assert (row["off"], row["field"]) == (0, "")
    assert "mended" in row["reason"]


def test_a_stamp_replaces_the_place_of_facts_counters_and_audiences() -> None:
    rules = definition(chunk=100, stamps=(Stamp("vk:1", T0, T0 + 1, "98701000"),))
    values: list[bytes | None] = [event(1, "appeal_received"), event(2, "appeal_received", at=T0 + 1)]
    rows = folded([*values, event(3, page="vk:2")], rules)
    assert [row["place"] for row in rows_of(rows, "appeals")] == ["98701000", "45382000"]
    for table in ("page_hour", "people_day"):
        assert {(row["page"], row["place"]) for row in rows_of(rows, table)} == {
            ("vk:1", "98701000"),
            ("vk:1", "45382000"),
            ("vk:2", "45382000"),
        }


def test_the_audience_is_who_was_active_by_local_day() -> None:
    late = T0 + 4 * HOUR  # 2026-03-02 12:00 UTC: still the 2nd in Moscow, and 23:00 in Kolyma
    values: list[bytes | None] = [
        event(1, at=late, author="f" * 32),
        event(2, at=late, author="f" * 16 + "0" * 16),
        event(3, at=late + HOUR, place="44701000", author=hex32("a")),
        event(4, "reaction_removed", author=hex32("b")),
        event(5, "subscriber_joined", author=hex32("c")),
        event(6, author=None),
    ]
    people = {(str(row["day"]), row["place"]): row["people"] for row in rows_of(folded(values), "people_day")}
    assert people == {
        ("2026-03-02", "45382000"): [2**64 - 1],
        ("2026-03-03", "44701000"): [int(hex32("a")[:16], 16)],
    }


def test_sources_tell_when_each_feed_was_last_heard() -> None:
    rows = folded([event(1, source="a", at=T0 + 9), event(2, source="b", at=T0 + 5), event(1, source="a"), b"broken"])
    heard = {row["source"]: (row["off"], int(row["happened"].timestamp() * 1000)) for row in rows_of(rows, "sources")}
    assert heard == {"a": (2, T0 + 9), "b": (1, T0 + 5)}


def test_a_span_says_what_became_of_its_records() -> None:
    (span,) = folded([event(1), event(1), event(2, odd=1), b"broken", None]).spans
    assert (span.first_offset, span.next_offset, span.records) == (0, 5, 5)
    assert (span.rejected, span.repeats, span.unknown_fields) == (2, 1, 1)
    assert span.kinds == {"reaction_added": 3}
    assert span.appended == APPENDED


def test_what_was_folded_is_skipped_and_a_gap_is_an_error() -> None:
    fold = EventFold(1, 0, 0, RULES)
    fold.fold(batch([event(n) for n in range(3)]))
    fold.fold(batch([event(n) for n in range(5)]))
    assert fold.next_offset == 5
    with pytest.raises(GapError):
        fold.fold(batch([event(9)], 6))
    rows = fold.flush()
    assert rows is not None
    assert counts(rows) == [5]


def test_a_fold_begins_at_a_chunk_not_below_the_cut() -> None:
    rules = definition(chunk=4, cut=((1, 0, 8),))
    with pytest.raises(ValueError, match="not the start of a chunk"):
        EventFold(1, 0, 9, rules)
    with pytest.raises(ValueError, match="below the cut at 8"):
        EventFold(1, 0, 4, rules)
    assert EventFold(1, 1, 4, rules).next_offset == 4


def test_a_fold_refuses_to_fold_before_its_window_is_read() -> None:
    fold = EventFold(1, 0, 12, definition(chunk=4, window_chunks=2))
    assert (fold.window_from, fold.warm_offset) == (4, 4)
    with pytest.raises(ColdWindowError, match="read up to 4 only"):
        fold.fold(batch([event(1)], 12))
    with pytest.raises(GapError):
        fold.warm(batch([event(1)], 5))
    fold.warm(batch([event(n) for n in range(20)]))
    assert fold.warm_offset == 12
    # Identities 4 to 11 are known, 3 and 12 (which stood beyond the start) are not.
    fold.fold(batch([event(n) for n in (3, 4, 11, 12)], 12))
    rows = fold.flush()
    assert rows is not None
    assert (counts(rows), rows.spans[0].repeats) == ([2], 2)


def test_the_window_reaches_below_a_cut() -> None:
    fold = EventFold(1, 0, 8, definition(chunk=4, window_chunks=1, cut=((1, 0, 8),)))
    fold.warm(batch([event(n) for n in range(4, 8)], 4))
    fold.fold(batch([event(7), event(8)], 8))
    rows = fold.flush()
    assert rows is not None
    assert counts(rows) == [1]


def test_a_recorded_floor_says_that_nothing_lies_before() -> None:
    assert EventFold(1, 0, 8, definition(chunk=4), floor=8).window_from == 8
    assert EventFold(1, 0, 8, definition(chunk=4), floor=6).window_from == 6


def test_reading_ahead_judges_in_full() -> None:
    """A rejected or excluded record does not make its identity known to the worker that comes after."""
    rules = definition(chunk=4, window_chunks=1, excluded_loads=("bad",), mended=((1, 0, 2),))
    log: list[bytes | None] = [event(0, at=APPENDED + HOUR), event(1, load="bad"), event(2), event(3, kind="?")]
    fold = EventFold(1, 0, 4, rules)
    fold.warm(batch(log))
    fold.fold(batch([event(n) for n in range(4)], 4))
    rows = fold.flush()
    assert rows is not None
    assert counts(rows) == [4]


def test_merged_rows_are_one_frame_a_table() -> None:
    one, other = folded([event(1), b"?"]), folded([event(2)])
    merged = Rows.merge([one, other])
    assert merged.height == one.height + other.height
    assert counts(merged) == [1, 1]
    assert len(merged.spans) == 2
    assert Rows.merge([]) == Rows({}, ())


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe",
        b"{" * 100_000,
        b"[" * 100_000,
        b'{"v":1,"odd":' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        event(1, at=10**400),
        event(1, at=-1),
        event(1, at=1e300),
        event(1, amount=0),
        event(1, amount=2**63),
        event(1, id="0" * 31 + "G"),
        event(1, id="A" * 32),
        event(1, author=" " * 32),
        event(1, page="vk:\x00"),
        event(1, channel="\x00"),
        event(1, object="a\nb"),
        event(1, place="１２３４５６７８"),
        event(1, v=2),
        b'{"v":1,"id":"\\ud800"}',
        event(1).replace(b'"vk"', b'"\\udc00"'),
        event(1)[:-1],
        event(1) + event(2),
    ],
)
def test_bad_records_become_rows_of_rejected_beside_good_ones(raw: bytes) -> None:
    rows = folded([event("before"), raw, event("after")])
    assert counts(rows) == [2]
    (row,) = rows_of(rows, "rejected")
    assert (row["off"], row["size"]) == (1, len(raw))
    assert row["reason"].endswith(".")


def test_append_times_may_be_anything_that_a_broker_can_say() -> None:
    fold = EventFold(1, 0, 0, RULES)
    fold.fold(Batch(0, [event(1), event(2)], [-1, 2**45]))
    rows = fold.flush()
    assert rows is not None
    assert counts(rows) == [1]
