"""From rows to events: which, with which identities, and what is rejected without a word of the row."""

from __future__ import annotations

import copy
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.files.conversion import RowRejectedError
from schemas.contract.events import Event, EventValidator
from schemas.contract.topics import EVENTS
from tests.ingest.builders.sample_mappings import APPEALS, NOW_MS, cells, converter, made

MAPPING = made(APPEALS)
ROW = {"id": "A-1", "how": "call", "district": "5", "about": "cold", "came": "2026-10-01T09:00:00"}
#: The zone is UTC+5.
CAME_MS = 1_790_827_200_000


def events(row: dict[str, str], mapping: Any = MAPPING, **options: Any) -> list[Event]:
    outgoing = converter(mapping, **options)(cells(mapping, **row))
    judged = [EventValidator()(record.value) for record in outgoing]
    assert all(isinstance(event, Event) for event in judged)
    assert {record.topic for record in outgoing} <= {EVENTS}
    return [event for event in judged if isinstance(event, Event)]


def rejection(row: dict[str, str], mapping: Any = MAPPING) -> RowRejectedError:
    with pytest.raises(RowRejectedError) as caught:
        converter(mapping)(cells(mapping, **row))
    return caught.value


def with_fields(**fields: Any) -> Any:
    tables = copy.deepcopy(APPEALS)
    tables["fields"].update(fields)
    return made(tables)


def test_a_row_becomes_its_receipt_and_its_changes() -> None:
    received, closed = events({**ROW, "closed": "2026-10-03", "who": "Agency"})
    assert (received.kind, received.at, received.place) == ("appeal_received", CAME_MS, "test:d-5")
    assert (received.channel, received.entrance, received.topic) == ("call", "phone", "housing.heating")
    assert (received.source, received.load, received.page) == ("import:test", "load-1", None)
    assert received.author is None and received.responder is None
    assert (closed.kind, closed.appeal, closed.responder) == ("appeal_closed", received.appeal, "Agency")
    assert closed.id != received.id
    assert [event.kind for event in events(ROW)] == ["appeal_received"]


def test_a_closing_before_the_receipt_is_sent_as_the_source_says_it() -> None:
    received, closed = events({**ROW, "closed": "2026-09-01"})
    assert closed.at < received.at


def test_gaps_become_what_the_mapping_says() -> None:
    (event,) = events({**ROW, "district": "", "about": "something else"})
    assert (event.place, event.topic) == ("test:none", None)
    (event,) = events(ROW, with_fields(place={"column": "closed"}))
    assert event.place == "00000000"


@given(st.permutations(range(8)), st.integers(0, 3))
def test_identities_do_not_depend_on_order_load_or_time(order: list[int], later: int) -> None:
    rows = [{**ROW, "id": str(n), "closed": "2026-10-03"} for n in range(8)]
    convert = converter(load=f"load-{later}", now_ms=NOW_MS + later * 86_400_000)
    found = {n: [msgspec.json.decode(out.value) for out in convert(cells(MAPPING, **rows[n]))] for n in order}
    plain = converter()
    for n in range(8):
        expected = [msgspec.json.decode(out.value) for out in plain(cells(MAPPING, **rows[n]))]
        assert [{**event, "load": ""} for event in found[n]] == [{**event, "load": ""} for event in expected]


def test_the_kafka_key_is_the_appeal_whatever_the_page() -> None:
    (record,) = converter()(cells(MAPPING, **ROW))
    assert record.key == msgspec.json.decode(record.value)["appeal"]
    mapping = with_fields(page={"column": "who"})
    (record,) = converter(mapping)(cells(mapping, **ROW, who="vk:77"))
    assert record.key == msgspec.json.decode(record.value)["appeal"]


def test_another_source_key_or_source_is_another_appeal() -> None:
    appeals = [
        events(ROW)[0].appeal,
        events({**ROW, "id": "A-2"})[0].appeal,
        events(ROW, source="import:other")[0].appeal,
    ]
    assert len(set(appeals)) == 3


def test_an_appeal_closed_twice_has_two_closings() -> None:
    first = events({**ROW, "closed": "2026-10-03"})
    second = events({**ROW, "closed": "2026-10-09"})
    assert first[0].id == second[0].id and first[1].id != second[1].id


def test_conditions_choose_the_kind() -> None:
    closed_as = [("appeal_closed", "done"), ("appeal_withdrawn", "taken back")]
    rules = [{"kind": kind, "at": "closed", "when": {"column": "who", "values": [text]}} for kind, text in closed_as]
    mapping = made(APPEALS, events=[APPEALS["events"][0], *rules])
    row = {**ROW, "closed": "2026-10-03"}
    assert [event.kind for event in events({**row, "who": "taken back"}, mapping)][1:] == ["appeal_withdrawn"]
    assert [event.kind for event in events({**row, "who": "other"}, mapping)][1:] == []


def test_a_conversation_links_answers_to_appeals() -> None:
    mapping = made(APPEALS, thread=["who"])
    (first,) = events({**ROW, "who": "thread-1"}, mapping)
    (second,) = events({**ROW, "id": "A-2", "who": "thread-1"}, mapping)
    (alone,) = events({**ROW, "id": "A-3"}, mapping)
    assert first.thread == second.thread is not None and alone.thread is None


SECRET = "Иван Петров +7 912 345"


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"id": ""}, "key"),
        ({"came": ""}, "at"),
        ({"came": SECRET}, "at"),
        ({"came": "2026-12-01"}, "at"),
        ({"came": "1999-12-01"}, "at"),
        ({"closed": SECRET}, "at"),
        ({"how": SECRET}, "entrance"),
        ({"how": ""}, "channel"),
        ({"district": SECRET}, "place"),
        ({"closed": "2026-10-03", "who": SECRET + "\n"}, "responder"),
        ({"closed": "2026-10-03", "who": SECRET * 10}, "responder"),
    ],
)
def test_a_rejection_names_the_field_and_not_the_content(row: dict[str, str], field: str) -> None:
    error = rejection({**ROW, **row})
    assert error.why.field == field
    assert "Иван" not in error.why.reason and "912" not in str(error)


@given(st.dictionaries(st.sampled_from(sorted(MAPPING.columns)), st.text(max_size=70)))
def test_any_texts_give_valid_events_or_a_rejection(row: dict[str, str]) -> None:
    validate = EventValidator()
    try:
        outgoing = converter()(cells(MAPPING, **{**ROW, **row}))
    except RowRejectedError as error:
        assert 0 < len(error.why.reason) <= 300 and len(error.why.field) <= 64
    else:
        assert all(isinstance(validate(record.value), Event) for record in outgoing)


def test_urgent_is_a_truth() -> None:
    mapping = with_fields(urgent={"column": "who", "values": {"hot": "yes"}, "unlisted": "no"})
    assert [events({**ROW, "who": who}, mapping)[0].urgent for who in ("hot", "cold", "")] == [True, False, False]
