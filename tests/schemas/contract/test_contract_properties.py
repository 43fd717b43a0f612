"""What must hold for every record: a verdict and never an exception, and nothing of the record in a rejection."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from schemas.contract.event_blocks import BlockValidator
from schemas.contract.events import Event, EventValidator
from schemas.contract.readings import Reading, ReadingValidator
from schemas.contract.rejected import Rejected
from schemas.contract.rejections import Rejection, RejectionValidator
from tests.schemas.builders.contract_examples import fields

Validator = EventValidator | ReadingValidator | RejectionValidator

VALIDATORS = [
    pytest.param(EventValidator(), Event, "event.appeal_received", id="events"),
    pytest.param(ReadingValidator(), Reading, "reading.appeals", id="readings"),
    pytest.param(RejectionValidator(), Rejection, "rejection", id="rejections"),
]
#: JSON has no name for infinity nor for what is no number: `json.dumps` would write words that are no JSON.
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
#: A busy machine is no failure.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
#: Texts that mean somebody: what a rejection must not tell. Of letters that no sentence of ours contains.
PERSONAL = st.text(alphabet="ЖЩЭЮ☺漢7483", min_size=4, max_size=40)


@PATIENT
@pytest.mark.parametrize(("validator", "kind", "_name"), VALIDATORS)
@given(raw=st.binary(max_size=300))
@example(raw=b'{"v":1,"id":"\\ud800"}')
@example(raw=b'{"v":1e400}')
@example(raw=b'{"v":NaN}')
@example(raw=b'{"v":-Infinity}')
@example(raw=b'{"v":' + b"9" * 5000 + b"}")
@example(raw=b'{"a":' * 5000)
def test_arbitrary_bytes_are_judged(validator: Validator, kind: type, _name: str, raw: bytes) -> None:
    assert isinstance(validator(raw), (kind, Rejected))


@PATIENT
@pytest.mark.parametrize(("validator", "kind", "name"), VALIDATORS)
@given(data=st.data())
def test_any_value_in_any_field_is_judged(validator: Validator, kind: type, name: str, data: st.DataObject) -> None:
    record: dict[str, Any] = fields(name)
    field = data.draw(st.sampled_from(sorted(record)))
    record[field] = data.draw(JSON)
    verdict = validator(json.dumps(record, allow_nan=False).encode())
    assert isinstance(verdict, (kind, Rejected))
    if isinstance(verdict, Rejected):
        # A reading's channel may be missing only where its metric says so, hence a pair of names.
        assert verdict.field in {field, "v", "period_to"}


@PATIENT
@pytest.mark.parametrize(("validator", "_kind", "name"), VALIDATORS)
@given(data=st.data())
def test_a_rejection_repeats_nothing_of_the_record(
    validator: Validator, _kind: type, name: str, data: st.DataObject
) -> None:
    record: dict[str, Any] = fields(name)
    text = data.draw(PERSONAL)
    for field in data.draw(st.sets(st.sampled_from(sorted(record)), min_size=1, max_size=4)):
        record[field] = data.draw(st.sampled_from([text, [text], {text: text}]))
    record[text] = text
    verdict = validator(json.dumps(record, ensure_ascii=data.draw(st.booleans())).encode())
    if isinstance(verdict, Rejected):
        assert text not in verdict.reason
        assert text not in verdict.field


@PATIENT
@given(raws=st.lists(st.binary(max_size=60) | st.sampled_from([json.dumps(fields("event.comment_added")).encode()])))
def test_neighbours_do_not_change_a_verdict(raws: list[bytes]) -> None:
    assert BlockValidator().judge(raws) == [EventValidator()(raw) for raw in raws]
