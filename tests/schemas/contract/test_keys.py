"""Kafka keys: every record about an appeal meets its copies, whatever page a source gives it."""

from __future__ import annotations

from typing import Any

import pytest

from schemas.contract.events import Event, EventValidator
from schemas.contract.keys import event_key
from tests.schemas.builders.contract_examples import changed, fields, names

APPEAL, THREAD, MESSAGE, REPLY_TO = "a" * 32, "b" * 32, "c" * 32, "d" * 32
NAMES = {"appeal": APPEAL, "thread": THREAD, "message": MESSAGE, "reply_to": REPLY_TO}


def key_of(example: str, **values: Any) -> str:
    event = EventValidator()(changed(fields(example), **values))
    assert isinstance(event, Event), event
    return event_key(event)


@pytest.mark.parametrize("example", [name for name in names("event.appeal_") if "by_" not in name])
def test_a_record_about_an_appeal_has_the_key_of_the_appeal(example: str) -> None:
    for page in (None, "vk:1", "ok:2"):
        assert key_of(example, page=page, **NAMES) == APPEAL


def test_without_an_appeal_the_thread_decides_then_the_message() -> None:
    answer = dict.fromkeys(NAMES) | {"page": "vk:1"}
    assert key_of("event.appeal_answered", **(answer | {"thread": THREAD, "reply_to": REPLY_TO})) == THREAD
    assert key_of("event.appeal_answered", **(answer | {"reply_to": REPLY_TO})) == REPLY_TO
    assert key_of("event.appeal_removed", **(answer | {"message": MESSAGE})) == MESSAGE
    assert key_of("event.appeal_answered", **answer) == "vk:1"


@pytest.mark.parametrize("example", ["event.comment_added", "event.post_published", "event.reaction_added"])
def test_engagement_has_the_key_of_its_page(example: str) -> None:
    assert key_of(example, page="vk:1", **NAMES) == "vk:1"
