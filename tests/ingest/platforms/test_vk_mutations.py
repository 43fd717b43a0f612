"""Whatever comes to VK's address becomes events, a rejection or a denial, and never an error."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ingest.platforms.platform import Accepted, Denied, Request
from ingest.platforms.vk import TYPES, Vk
from schemas.contract.events import Event, EventValidator, encode_event
from schemas.contract.rejections import Rejection, RejectionValidator, encode_rejection
from tests.ingest.platforms.builders.mutations import mutated
from tests.ingest.platforms.builders.vk_calls import CAME_MS, GROUP, SECRET, knowledge
from tests.servers.reference_data import reference_folder

KNOWN = knowledge()
ADAPTER = Vk()
EVENTS, REJECTIONS = EventValidator(), RejectionValidator()

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
#: Objects with the fields that the adapter reads, each with anything in it.
fields = st.sampled_from(
    [
        "id", "from_id", "date", "peer_id", "out", "conversation_message_id", "admin_author_id", "action",
        "reply_message", "message", "post_id", "owner_id", "post_owner_id", "reply_to_user", "reply_to_comment",
        "parents_stack", "topic_id", "text", "post_type", "attachments", "copy_history", "liker_id", "object_type",
        "object_id", "object_owner_id", "user_id", "join_type",
    ]
)  # fmt: skip
objects = anything | st.dictionaries(fields, anything | st.integers(0, 1_763_712_000), max_size=8)


def outcome(raw: bytes) -> str:
    """How a request ends; what is sent to Kafka for it is of the contract."""
    answer = ADAPTER.receive(Request(raw, {}, CAME_MS), KNOWN)
    if isinstance(answer, Denied):
        return "denied"
    assert isinstance(answer, Accepted) and not (answer.events and answer.rejections)
    assert all(isinstance(EVENTS(encode_event(event)), Event) for event in answer.events)
    assert all(isinstance(REJECTIONS(encode_rejection(each)), Rejection) for each in answer.rejections)
    return "rejected" if answer.rejections else "events" if answer.events else "nothing"


@given(st.sampled_from([*TYPES, "confirmation", "unknown_thing"]), objects, st.none() | st.text(max_size=140))
def test_any_object_of_any_type(kind: str, object: Any, event_id: str | None) -> None:
    call = {"type": kind, "group_id": GROUP, "secret": SECRET, "object": object, "event_id": event_id}
    try:
        raw = json.dumps(call).encode()
    except UnicodeEncodeError:
        return
    outcome(raw)


@given(st.binary(max_size=200))
def test_any_bytes(raw: bytes) -> None:
    assert outcome(raw) == "denied"


def test_damaged_calls_end_in_every_way() -> None:
    ends = Counter(outcome(raw) for raw in mutated(1, 4_000, reference_folder("payloads/vk/callback")))
    assert set(ends) == {"denied", "rejected", "events", "nothing"}
    assert min(ends.values()) > 50, ends
