"""The shipped examples: complete, valid, and what they document is what the decoder understands."""

from __future__ import annotations

import json

import pytest

from schemas.contract.events import FORMATS, KINDS, Event, EventValidator, encode_event
from schemas.contract.readings import METRICS, Reading, ReadingValidator, encode_reading
from schemas.contract.rejections import Rejection, RejectionValidator, encode_rejection
from tests.schemas.builders.contract_examples import fields, names, raw


@pytest.mark.parametrize("name", names("event"))
def test_event_examples_are_valid_and_survive_the_way_there_and_back(name: str) -> None:
    validator = EventValidator()
    event = validator(raw(name))
    assert isinstance(event, Event), event
    assert validator.unknown_fields == 0
    assert json.loads(encode_event(event)) == fields(name)
    assert event.kind == name.split(".")[1]


@pytest.mark.parametrize("name", names("reading"))
def test_reading_examples_are_valid_and_survive_the_way_there_and_back(name: str) -> None:
    validator = ReadingValidator()
    reading = validator(raw(name))
    assert isinstance(reading, Reading), reading
    assert validator.unknown_fields == 0
    assert json.loads(encode_reading(reading)) == fields(name)
    assert reading.metric == name.split(".")[1]


@pytest.mark.parametrize("name", names("rejection"))
def test_rejection_examples_are_valid_and_survive_the_way_there_and_back(name: str) -> None:
    rejection = RejectionValidator()(raw(name))
    assert isinstance(rejection, Rejection), rejection
    assert json.loads(encode_rejection(rejection)) == fields(name)


def test_every_kind_and_every_metric_has_an_example() -> None:
    assert {name.split(".")[1] for name in names("event")} == set(KINDS)
    assert {name.split(".")[1] for name in names("reading")} == set(METRICS)
    assert names("rejection")


def test_every_field_of_an_event_stands_in_some_example() -> None:
    shown = {field for name in names("event") for field in fields(name)}
    assert shown == set(Event.__struct_fields__)
    assert {fields(name)["format"] for name in names("event") if "format" in fields(name)} <= set(FORMATS)


def test_examples_share_no_identity_but_by_intent() -> None:
    ids = [fields(name)["id"] for name in [*names("event"), *names("reading")]]
    assert len(set(ids)) == len(ids)
