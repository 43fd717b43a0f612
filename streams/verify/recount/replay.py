"""What became of the appeals of one conversation, by the rules of threads, from its facts; independent of the fold's.

The rules (``docs/contract.md``): what names an appeal belongs to it, at the time of its receipt at the earliest. An
answer that names none belongs to the latest appeal of its thread that is open then: received, since its last reopening
neither finally answered nor closed, and not withdrawn or removed unless restored. Where none is open it belongs to
nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

#: Of what happens in one millisecond this is the order.
_SAME_TIME: Final = (
    "appeal_received",
    "appeal_assigned",
    "appeal_interim",
    "appeal_answered",
    "appeal_closed",
    "appeal_reopened",
    "appeal_withdrawn",
    "appeal_removed",
    "appeal_restored",
    "appeal_reclassified",
)


class Fact(Struct, frozen=True, array_like=True, gc=False):
    """A fact of a conversation. ``id`` is an appeal's own identity for a receipt; ``appeal`` empty where none is named.

    ``at``: when it happened by its source, ms UTC.
    """

    kind: str
    id: str
    at: int
    appeal: str
    topic: str | None
    responder: str | None


class Fate(Struct, frozen=True, array_like=True, gc=False):
    """What became of an appeal; times in ms UTC."""

    state: str
    first_answer_at: int | None
    answered_at: int | None
    closed_at: int | None
    withdrawn_at: int | None
    topic: str | None
    responder: str | None


def replay(facts: Sequence[Fact]) -> dict[str, Fate]:
    """The fate of each appeal that is received among the facts of one conversation, which come in any order."""
    receipts = {fact.id: fact.at for fact in facts if fact.kind == "appeal_received"}

    def when(fact: Fact) -> tuple[int, int, str]:
        at = max(fact.at, receipts.get(fact.appeal, fact.at))
        return at, _SAME_TIME.index(fact.kind), fact.id

    stories: dict[str, list[Fact]] = {}
    for fact in sorted(facts, key=when):
        if fact.kind == "appeal_received":
            stories[fact.id] = []
        elif fact.appeal:
            if fact.appeal in stories:
                stories[fact.appeal].append(fact)
        else:
            latest = next((story for story in reversed(stories.values()) if _is_open(story)), None)
            if latest is not None:
                latest.append(fact)
    return {appeal: _fate(story) for appeal, story in stories.items()}


def _is_open(story: Sequence[Fact]) -> bool:
    shut = any(fact.kind in ("appeal_answered", "appeal_closed") for fact in _since_reopening(story))
    return not shut and _withdrawal(story) is None


def _since_reopening(story: Sequence[Fact]) -> Sequence[Fact]:
    reopened = [number for number, fact in enumerate(story) if fact.kind == "appeal_reopened"]
    return story[reopened[-1] :] if reopened else story


def _withdrawal(story: Sequence[Fact]) -> Fact | None:
    last = None
    for fact in story:
        if fact.kind in ("appeal_withdrawn", "appeal_removed"):
            last = fact
        elif fact.kind == "appeal_restored":
            last = None
    return last


def _fate(story: Sequence[Fact]) -> Fate:
    now = _since_reopening(story)
    answers = [fact for fact in story if fact.kind in ("appeal_interim", "appeal_answered")]
    gone = _withdrawal(story)
    topics = [fact.topic for fact in story if fact.kind == "appeal_reclassified" and fact.topic]
    assigned = [fact.responder for fact in story if fact.kind == "appeal_assigned" and fact.responder]
    first_responder = answers[0].responder if answers else None
    state = gone.kind.removeprefix("appeal_") if gone is not None else _state(now)
    return Fate(
        state=state,
        first_answer_at=answers[0].at if answers else None,
        answered_at=_last(now, "appeal_answered"),
        closed_at=_last(now, "appeal_closed"),
        withdrawn_at=None if gone is None else gone.at,
        topic=topics[-1] if topics else None,
        responder=first_responder or (assigned[-1] if assigned else None),
    )


def _state(now: Sequence[Fact]) -> str:
    kinds = {fact.kind for fact in now}
    for state in ("closed", "answered", "interim", "assigned", "reopened"):
        if f"appeal_{state}" in kinds:
            return state
    return "received"


def _last(story: Sequence[Fact], kind: str) -> int | None:
    return next((fact.at for fact in reversed(story) if fact.kind == kind), None)
