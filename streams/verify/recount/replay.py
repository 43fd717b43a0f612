"""What became of the appeals of one conversation, from its facts; independent of the refresher's replay.

The rules stand in ``docs/contract.md``. Which appeal a fact names is known beforehand; which one an answer finds by its
thread is found here.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec import Struct

#: Of what happens in one millisecond this is the order.
_SAME_TIME: Final = {
    kind: number
    for number, kind in enumerate(
        (
            "appeal_received",
            "message",
            "appeal_assigned",
            "appeal_interim",
            "appeal_answered",
            "appeal_closed",
            "appeal_reopened",
            "appeal_withdrawn",
            "appeal_removed",
            "appeal_restored",
            "appeal_reclassified",
            "appeal_rated",
        )
    )
}


class Fact(Struct, frozen=True, array_like=True, gc=False):
    """A fact of a conversation: a receipt (``id`` is the appeal), a message (``id`` is the message), or what was told.

    ``appeal`` is the appeal that it belongs to by name, empty where it names none that is known. ``message`` is the one
    that is removed or replied to, or empty. ``at``: when it happened by its source, ms UTC.
    """

    kind: str
    id: str
    at: int
    appeal: str = ""
    message: str = ""
    topic: str | None = None
    responder: str | None = None
    nature: str | None = None
    rating: int | None = None


class Fate(Struct, frozen=True, array_like=True, gc=False):
    """What became of an appeal; times in ms UTC."""

    received_at: int
    state: str
    first_answer_at: int | None = None
    answered_at: int | None = None
    closed_at: int | None = None
    withdrawn_at: int | None = None
    topic: str | None = None
    responder: str | None = None
    nature: str | None = None
    rating: int | None = None


class _Story:
    """The facts of one appeal in their order, and whether it awaits an answer after the latest of them."""

    def __init__(self, receipt: Fact) -> None:
        self.facts = [receipt]
        self._shut = False
        self._presence = _Presence()

    def add(self, fact: Fact) -> None:
        self.facts.append(fact)
        if fact.kind in ("appeal_answered", "appeal_closed"):
            self._shut = True
        elif fact.kind == "appeal_reopened":
            self._shut = False
        self._presence.follow(fact)

    @property
    def awaits_answer(self) -> bool:
        return not self._shut and self._presence.is_there


class _Presence:
    """Which messages of an appeal are there, and the removal after which none was."""

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._there: set[str] = set()
        self._whole = True
        self.removal: Fact | None = None

    @property
    def is_there(self) -> bool:
        return bool(self._there) if self._known else self._whole

    def follow(self, fact: Fact) -> None:
        if fact.kind == "message":
            if fact.id not in self._known:
                self._known.add(fact.id)
                self._there.add(fact.id)
        elif fact.kind == "appeal_restored":
            self._known |= {fact.message} - {""}
            self._there |= {fact.message} if fact.message else self._known
            self._whole = True
        elif fact.kind in ("appeal_withdrawn", "appeal_removed"):
            self._known |= {fact.message} - {""}
            if fact.message:
                self._there.discard(fact.message)
            else:
                self._there.clear()
                self._whole = False
            if not self.is_there:
                self.removal = fact
        if self.is_there:
            self.removal = None


def replay(facts: Sequence[Fact]) -> tuple[dict[str, Fate], dict[str, str]]:
    """The fate of each appeal that is received among the facts of one conversation, which come in any order; and the
    appeal that each answer or change belongs to, empty where it belongs to none."""
    receipts = {fact.id: fact.at for fact in facts if fact.kind == "appeal_received"}
    messages = {(fact.id, fact.appeal): fact.at for fact in facts if fact.kind == "message"}

    def when(fact: Fact) -> tuple[int, int, str]:
        begun = receipts.get(fact.appeal, fact.at)
        written = messages.get((fact.message, fact.appeal), fact.at) if fact.appeal else fact.at
        return max(fact.at, begun, written), _SAME_TIME[fact.kind], fact.id

    stories: dict[str, _Story] = {}
    order: dict[str, int] = {}
    names: list[str] = []
    awaiting: list[int] = []
    belongs: dict[str, str] = {}
    for fact in sorted(facts, key=when):
        if fact.kind == "appeal_received":
            appeal = fact.id
            stories[appeal], order[appeal] = _Story(fact), len(names)
            awaiting.append(len(names))
            names.append(appeal)
            continue
        appeal = fact.appeal if fact.appeal in stories else ""
        if not fact.appeal and awaiting:
            appeal = names[awaiting[-1]]
        if fact.kind != "message":
            belongs[fact.id] = appeal
        if not appeal:
            continue
        number, story = order[appeal], stories[appeal]
        before = story.awaits_answer
        story.add(fact)
        if story.awaits_answer and not before:
            insort(awaiting, number)
        elif before and not story.awaits_answer:
            del awaiting[bisect_left(awaiting, number)]
    return {appeal: _fate(story.facts) for appeal, story in stories.items()}, belongs


def _since_reopening(story: Sequence[Fact]) -> Sequence[Fact]:
    reopened = [number for number, fact in enumerate(story) if fact.kind == "appeal_reopened"]
    return story[reopened[-1] :] if reopened else story


def _removal(story: Iterable[Fact]) -> Fact | None:
    presence = _Presence()
    for fact in story:
        presence.follow(fact)
    return presence.removal


def _fate(story: Sequence[Fact]) -> Fate:
    now = _since_reopening(story)
    answers = [fact for fact in story if fact.kind in ("appeal_interim", "appeal_answered")]
    gone = _removal(story)
    reclassified = [fact for fact in story if fact.kind == "appeal_reclassified"]
    topics = [fact.topic for fact in reclassified if fact.topic]
    natures = [fact.nature for fact in reclassified if fact.nature]
    ratings = [fact.rating for fact in story if fact.kind == "appeal_rated" and fact.rating]
    assigned = [fact.responder for fact in story if fact.kind == "appeal_assigned" and fact.responder]
    first_responder = answers[0].responder if answers else None
    state = gone.kind.removeprefix("appeal_") if gone is not None else _state(now)
    return Fate(
        received_at=story[0].at,
        state=state,
        first_answer_at=answers[0].at if answers else None,
        answered_at=_last(now, "appeal_answered"),
        closed_at=_last(now, "appeal_closed"),
        withdrawn_at=None if gone is None else gone.at,
        topic=topics[-1] if topics else None,
        responder=first_responder or (assigned[-1] if assigned else None),
        nature=natures[-1] if natures else None,
        rating=ratings[-1] if ratings else None,
    )


def _state(now: Sequence[Fact]) -> str:
    kinds = {fact.kind for fact in now}
    for state in ("closed", "answered", "interim", "assigned", "reopened"):
        if f"appeal_{state}" in kinds:
            return state
    return "received"


def _last(story: Sequence[Fact], kind: str) -> int | None:
    return next((fact.at for fact in reversed(story) if fact.kind == kind), None)
