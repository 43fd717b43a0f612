"""Kafka keys: which partition a record belongs to, by what the source itself says."""

from __future__ import annotations

from typing import Final

from schemas.contract.events import APPEAL_KINDS, Event
from schemas.contract.readings import Reading

_OF_APPEALS: Final = frozenset(APPEAL_KINDS)


def event_key(event: Event) -> str:
    """The key of an event.

    Every record about an appeal has the key of its appeal, else of its thread, else of the message that it names.
    So the copies of a fact meet in one partition, and a page that is added to a mapping moves none of them.
    Everything else has the key of its page.
    """
    if event.kind in _OF_APPEALS:
        named = event.appeal or event.thread or event.reply_to or event.message
        if named is not None:
            return named
    return event.page or event.object or event.id


def reading_key(reading: Reading) -> str:
    """The key of a reading: its page, else what was measured."""
    return reading.page or reading.object
