"""Rejections: each wrong field is named in one sentence that tells nothing of the record."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import Struct

from schemas.contract.event_blocks import BlockValidator
from schemas.contract.events import FACT_KINDS, MAX_TIME_MS, Event, EventValidator, encode_event
from schemas.contract.readings import MAX_VALUE, Reading, ReadingValidator, encode_reading
from schemas.contract.rejected import Rejected
from schemas.contract.rejections import Rejection, RejectionValidator
from tests.schemas.builders.contract_examples import changed, fields, without

MARK = "Иванов-79161234567"

TEXT_TOO_LONG = {"source": 97, "channel": 65, "load": 97, "responder": 129, "object": 161, "origin": 161, "reason": 301}
BAD_IDENTITIES = ["", "a" * 31, "a" * 33, "A" * 32, "g" * 32, " " + "a" * 31, "a" * 31 + "\n", "١" * 32, 12, None]
BAD_TIMES = [-1, MAX_TIME_MS + 1, 1.5, "1790000000000", True, None, 10**30]
BAD_TEXTS: dict[str, list[Any]] = {
    "id": BAD_IDENTITIES,
    "author": [value for value in BAD_IDENTITIES if value is not None],
    "appeal": [value for value in BAD_IDENTITIES if value is not None],
    "thread": [value for value in BAD_IDENTITIES if value is not None],
    "message": [value for value in BAD_IDENTITIES if value is not None],
    "reply_to": [value for value in BAD_IDENTITIES if value is not None],
    "place": ["", "1", "1234567", "123456789", "1234567a", "٠" * 8, "UP:1", "la:", ":1", "la:a b", 12345678, None],
    "page": ["", "vk:", "fb:1", "vk:a b", "vk:" + "1" * 65, "VK:1", 5],
    "source": ["", " ", "a b", "-a", "источник", "a\n", 5, None],
    "load": ["", "a b", "a\n", 5],
    "topic": ["", "housing", "a.b.c", "Housing.heating", "жкх.отопление", "a b.c", 5],
    "v": [0, -1, "1", None, 1.5, True],
}
BAD_EVENT: dict[str, list[Any]] = {
    **BAD_TEXTS,
    "kind": ["", "unknown_kind", "Appeal_received", MARK, 5, None],
    "at": BAD_TIMES,
    "channel": ["", " ", "a\nb", "\u200e\u2028", 5, None],
    "entrance": ["", "window", MARK, None],
    "responder": ["", "\t", "a\x00", 5],
    "object": ["", "\n", 5],
    "format": ["", "poem", 5],
    "nature": ["", "anger", 5],
    "rating": [0, 6, 4.5, "5", True],
    "urgent": ["yes", 1, None],
    "amount": [0, -1, 2, 1_000_001, 1.5, "1", None],
}
BAD_READING: dict[str, list[Any]] = {
    **{
        name: values
        for name, values in BAD_TEXTS.items()
        if name not in ("author", "appeal", "thread", "message", "reply_to")
    },
    "object": ["", " ", "\n", 5, None],
    "metric": ["", "unknown_metric", MARK, 5, None],
    "value": [-1, MAX_VALUE + 1, 1.5, "1", None],
    "period_from": BAD_TIMES,
    "period_to": BAD_TIMES,
    "observed_at": BAD_TIMES,
    "complete_at": [value for value in BAD_TIMES if value is not None],
    "channel": ["", "\n", 5, None],
    "entrance": ["", "window", None],
}
BAD_REJECTION: dict[str, list[Any]] = {
    "v": BAD_TEXTS["v"],
    "at": BAD_TIMES,
    "source": BAD_TEXTS["source"],
    "load": BAD_TEXTS["load"],
    "field": ["a" * 65, "a\n", 5, None],
    "reason": ["", "a" * 301, "a\nb", 5, None],
    "origin": ["a\n", 5],
}


def cases(bad: dict[str, list[Any]]) -> list[tuple[str, object]]:
    return [(field, value) for field, values in bad.items() for value in values]


def judge_event(raw: bytes) -> object:
    """The verdict, which must be the same one by one and among others."""
    verdict = EventValidator()(raw)
    good = json.dumps(fields("event.comment_added")).encode()
    together = BlockValidator().judge([good, raw, good])
    assert together[1] == verdict, "EventValidator and BlockValidator (schemas/contract/event_blocks.py) differ"
    assert isinstance(together[0], Event)
    assert isinstance(together[2], Event)
    return verdict


def assert_rejected(verdict: object, field: str, value: object = None) -> None:
    assert isinstance(verdict, Rejected), verdict
    assert verdict.field == field
    assert f"`{field}`" in verdict.reason
    assert verdict.reason.endswith(".")
    assert verdict.reason.count("\n") == 0
    assert MARK not in verdict.reason
    if isinstance(value, str) and len(value) > 8 and value.strip() and not value.startswith("unknown_"):
        assert value not in verdict.reason


@pytest.mark.parametrize(
    ("kind", "bad", "table"),
    [
        (Event, BAD_EVENT, "BAD_EVENT"),
        (Reading, BAD_READING, "BAD_READING"),
        (Rejection, BAD_REJECTION, "BAD_REJECTION"),
    ],
)
def test_every_field_is_tried_with_wrong_values(kind: type[Struct], bad: dict[str, list[Any]], table: str) -> None:
    untried = [field for field in kind.__struct_fields__ if not bad.get(field)]
    assert not untried, f"give {table} in this file some wrong values of {', '.join(untried)}"


@pytest.mark.parametrize(("field", "value"), cases(BAD_EVENT))
def test_a_wrong_field_of_an_event_is_named(field: str, value: object) -> None:
    assert_rejected(judge_event(changed(fields("event.appeal_received"), **{field: value})), field, value)


@pytest.mark.parametrize(("field", "value"), cases(BAD_READING))
def test_a_wrong_field_of_a_reading_is_named(field: str, value: object) -> None:
    assert_rejected(ReadingValidator()(changed(fields("reading.appeals"), **{field: value})), field, value)


@pytest.mark.parametrize(("field", "value"), cases(BAD_REJECTION))
def test_a_wrong_field_of_a_rejection_is_named(field: str, value: object) -> None:
    assert_rejected(RejectionValidator()(changed(fields("rejection"), **{field: value})), field, value)


@pytest.mark.parametrize("field", sorted(TEXT_TOO_LONG))
def test_a_text_that_is_too_long_is_named_without_being_repeated(field: str) -> None:
    text = "a" * TEXT_TOO_LONG[field]
    for name, validator in (
        ("event.appeal_assigned", EventValidator()),
        ("reading.appeals", ReadingValidator()),
        ("rejection", RejectionValidator()),
    ):
        if field in fields(name) or (name.startswith("event") and field in Event.__struct_fields__):
            assert_rejected(validator(changed(fields(name), **{field: text})), field, text)


@pytest.mark.parametrize("field", ["v", "id", "kind", "at", "source", "place", "channel", "entrance"])
def test_a_missing_field_of_an_event_is_named(field: str) -> None:
    assert_rejected(judge_event(without(fields("event.comment_added"), field)), field)


@pytest.mark.parametrize(
    "field",
    ["v", "id", "object", "metric", "value", "period_from", "period_to", "observed_at", "source", "place", "channel",
     "entrance"],
)  # fmt: skip
def test_a_missing_field_of_a_reading_is_named(field: str) -> None:
    assert_rejected(ReadingValidator()(without(fields("reading.appeals"), field)), field)


@pytest.mark.parametrize("field", ["v", "at", "source", "field", "reason"])
def test_a_missing_field_of_a_rejection_is_named(field: str) -> None:
    assert_rejected(RejectionValidator()(without(fields("rejection"), field)), field)


@pytest.mark.parametrize("kind", ["received", "assigned", "closed", "reopened", "reclassified", "rated"])
def test_an_appeal_and_its_changes_name_their_appeal(kind: str) -> None:
    assert_rejected(judge_event(without(fields(f"event.appeal_{kind}"), "appeal")), "appeal")


@pytest.mark.parametrize("kind", ["withdrawn", "removed", "restored"])
def test_a_removal_names_its_appeal_or_the_message(kind: str) -> None:
    record = fields(f"event.appeal_{kind}")
    del record["appeal"]
    assert_rejected(judge_event(json.dumps(record).encode()), "appeal")
    assert isinstance(judge_event(changed(record, message="0" * 32)), Event)


@pytest.mark.parametrize("kind", ["interim", "answered"])
def test_an_answer_names_what_it_can_or_nothing(kind: str) -> None:
    record = fields(f"event.appeal_{kind}")
    nothing = {name: value for name, value in record.items() if name not in ("appeal", "thread")}
    assert isinstance(judge_event(json.dumps(nothing).encode()), Event)
    for name in ("appeal", "reply_to", "thread"):
        assert isinstance(judge_event(changed(nothing, **{name: "0" * 32})), Event)


@pytest.mark.parametrize("kind", FACT_KINDS)
def test_a_fact_comes_alone(kind: str) -> None:
    assert_rejected(judge_event(changed(fields(f"event.{kind}"), amount=2)), "amount")
    assert isinstance(judge_event(changed(fields("event.reaction_added"), amount=2)), Event)


def test_a_rating_is_a_rating() -> None:
    assert_rejected(judge_event(without(fields("event.appeal_rated"), "rating")), "rating")


@pytest.mark.parametrize("kind", ["published", "removed"])
@pytest.mark.parametrize("field", ["page", "object"])
def test_a_post_names_its_page_and_itself(kind: str, field: str) -> None:
    assert_rejected(judge_event(without(fields(f"event.post_{kind}"), field)), field)


def test_a_period_that_does_not_last_is_rejected() -> None:
    record = fields("reading.views")
    assert_rejected(ReadingValidator()(changed(record, period_to=record["period_from"])), "period_to")


@pytest.mark.parametrize("metric", ["subscribers", "post_views"])
def test_only_totals_of_appeals_must_say_how_they_came(metric: str) -> None:
    assert not isinstance(ReadingValidator()(json.dumps(fields(f"reading.{metric}")).encode()), Rejected)


@pytest.mark.parametrize(
    ("validator", "record"),
    [
        (EventValidator(), "event.comment_added"),
        (ReadingValidator(), "reading.views"),
        (RejectionValidator(), "rejection"),
    ],
)
def test_a_later_version_is_named_before_anything_else(
    validator: EventValidator | ReadingValidator | RejectionValidator, record: str
) -> None:
    """Also where version 2 changed what the other fields look like."""
    for raw in (changed(fields(record), v=2), changed({"v": 2}), changed(fields(record), v=2, source={"new": "form"})):
        verdict = validator(raw)
        assert isinstance(verdict, Rejected)
        assert verdict.field == "v"
        assert "is 2" in verdict.reason
        assert "version 1" in verdict.reason
        assert "upgrade" in verdict.reason


def test_a_version_that_may_be_a_telephone_number_is_not_repeated() -> None:
    verdict = EventValidator()(changed(fields("event.comment_added"), v=79161234567))
    assert isinstance(verdict, Rejected)
    assert "79161234567" not in verdict.reason


def test_an_unknown_kind_or_metric_is_rejected_by_its_name() -> None:
    kind = EventValidator()(changed(fields("event.comment_added"), kind="story_viewed"))
    metric = ReadingValidator()(changed(fields("reading.views"), metric="mood"))
    assert isinstance(kind, Rejected)
    assert isinstance(metric, Rejected)
    assert "story_viewed" in kind.reason
    assert "mood" in metric.reason


@pytest.mark.parametrize("name", ["79161234567", "IvanIvanov", "ivan@example.org", "иванов_иван", "a" * 60])
def test_what_does_not_look_like_a_kind_is_not_repeated(name: str) -> None:
    for verdict in (
        EventValidator()(changed(fields("event.comment_added"), kind=name)),
        ReadingValidator()(changed(fields("reading.views"), metric=name)),
    ):
        assert isinstance(verdict, Rejected)
        assert name not in verdict.reason


@pytest.mark.parametrize(
    "raw",
    [b"", b"{", b"null", b"[]", b"5", b'"text"', b"\xff\xfe", b'{"v":1,"v":', b"[" * 100_000, b"\x00"],
)
def test_what_is_no_object_is_rejected_as_a_whole(raw: bytes) -> None:
    for validator in (EventValidator(), ReadingValidator(), RejectionValidator()):
        verdict = validator(raw)
        assert isinstance(verdict, Rejected)
        assert verdict.field == ""
        assert verdict.reason


def test_two_objects_are_not_one_record() -> None:
    record = json.dumps(fields("event.comment_added")).encode()
    verdict = judge_event(record + record)
    assert isinstance(verdict, Rejected)
    assert verdict.field == ""


def test_unknown_fields_are_dropped_and_counted() -> None:
    events, readings = EventValidator(), ReadingValidator()
    event = events(changed(fields("event.comment_added"), name="Иванов", extra={"a": [1]}))
    reading = readings(changed(fields("reading.views"), name="Иванов"))
    assert isinstance(event, Event)
    assert isinstance(reading, Reading)
    assert json.loads(encode_event(event)) == fields("event.comment_added")
    assert json.loads(encode_reading(reading)) == fields("reading.views")
    assert (events.unknown_fields, readings.unknown_fields) == (1, 1)


def test_a_rejected_record_does_not_count_its_unknown_fields() -> None:
    events = EventValidator()
    assert isinstance(events(changed(fields("event.comment_added"), name="Иванов", place="nowhere")), Rejected)
    assert events.unknown_fields == 0
