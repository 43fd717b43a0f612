"""What became of appeals: the facts of a conversation, replayed in the order in which they happened."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal

from msgspec import Struct

State = Literal["received", "assigned", "interim", "answered", "closed", "reopened", "withdrawn", "removed"]

#: At one and the same millisecond things happen in this order: any order would do, but every replay needs the same.
_ORDER: Final = {
    kind: rank
    for rank, kind in enumerate(
        (
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
            "appeal_rated",
        )
    )
}
_ANSWERS: Final = frozenset({"appeal_interim", "appeal_answered"})


class Received(Struct, frozen=True):
    """An appeal: its day of receipt (part of its key, opaque here), identity, conversation, time (ms UTC)."""

    day: str
    appeal: str
    thread: str | None
    at: int


class Happening(Struct, frozen=True):
    """An answer or a change: identity, kind, time (ms UTC), and the appeal it names or the conversation it knows."""

    id: str
    kind: str
    at: int
    appeal: str | None
    thread: str | None = None
    topic: str | None = None
    responder: str | None = None


class Life(Struct, frozen=True, kw_only=True):
    """What became of an appeal. Times are ms UTC as their sources gave them, None for what did not happen.

    ``version`` is the number of facts of the conversation: facts are never taken back, so of two lives of one appeal
    the one with the higher version knew more.
    """

    version: int
    state: State
    #: First official reply, interim or final.
    first_answer_at: int | None = None
    #: Final official reply; None again after a reopening.
    answered_at: int | None = None
    #: Closing; None again after a reopening.
    closed_at: int | None = None
    #: Withdrawal by the author or removal by the page; None again after a restoration.
    withdrawn_at: int | None = None
    #: Topic by the latest reclassification; None where there was none.
    topic: str | None = None
    #: Who replied first, else who was assigned last.
    responder: str | None = None


class _Appeal:
    """One appeal while its conversation is replayed."""

    __slots__ = (
        "answered_at",
        "closed_at",
        "first_answer",
        "gone",
        "open",
        "responder",
        "state",
        "topic",
        "withdrawn_at",
    )

    def __init__(self) -> None:
        self.open = True
        self.gone: State | None = None
        self.state: State = "received"
        self.first_answer: Happening | None = None
        self.answered_at: int | None = None
        self.closed_at: int | None = None
        self.withdrawn_at: int | None = None
        self.topic: str | None = None
        self.responder: str | None = None

    def follow(self, happening: Happening) -> None:
        kind = happening.kind
        if kind in _ANSWERS and self.first_answer is None:
            self.first_answer = happening
        if kind == "appeal_assigned":
            self.responder = happening.responder or self.responder
            if self.state in ("received", "reopened"):
                self.state = "assigned"
        elif kind == "appeal_interim":
            if self.open:
                self.state = "interim"
        elif kind == "appeal_answered":
            self.open, self.answered_at = False, happening.at
            if self.closed_at is None:
                self.state = "answered"
        elif kind == "appeal_closed":
            self.open, self.state, self.closed_at = False, "closed", happening.at
        elif kind == "appeal_reopened":
            self.open, self.state, self.closed_at, self.answered_at = True, "reopened", None, None
        elif kind in ("appeal_withdrawn", "appeal_removed"):
            self.gone = "withdrawn" if kind == "appeal_withdrawn" else "removed"
            self.withdrawn_at = happening.at
        elif kind == "appeal_restored":
            self.gone = self.withdrawn_at = None
        elif kind == "appeal_reclassified":
            self.topic = happening.topic or self.topic

    def life(self, version: int) -> Life:
        answer = self.first_answer
        return Life(
            version=version,
            state=self.gone or self.state,
            first_answer_at=None if answer is None else answer.at,
            answered_at=self.answered_at,
            closed_at=self.closed_at,
            withdrawn_at=self.withdrawn_at,
            topic=self.topic,
            responder=(answer.responder if answer is not None else None) or self.responder,
        )


def lives(received: Iterable[Received], happenings: Iterable[Happening]) -> dict[tuple[str, str], Life]:
    """The life of each appeal by (day, appeal), from all facts of their conversations in any order.

    What names an appeal belongs to it. An answer that names none belongs to the latest appeal of its conversation that
    is open at that time (received, neither answered nor closed, withdrawn or removed); a final one closes it for
    further answers, an interim one does not; where none is open it belongs to nothing. What names an appeal and is
    dated before its receipt (sources that know only a date) is taken as following at once, and keeps its own time.
    """
    conversations: dict[str, list[Received]] = {}
    home: dict[str, str] = {}
    keys: dict[str, list[Received]] = {}
    for each in received:
        keys.setdefault(each.appeal, []).append(each)
    for appeal, copies in keys.items():
        first = min(copies, key=lambda copy: (copy.at, copy.day))
        # A thread and an appeal never share an identity's space: one has a prefix.
        home[appeal] = f"thread {first.thread}" if first.thread else f"appeal {appeal}"
        conversations.setdefault(home[appeal], []).append(first)
    told: dict[str, list[Happening]] = {}
    for happening in happenings:
        where = home.get(happening.appeal) if happening.appeal is not None else f"thread {happening.thread}"
        if where is not None:
            told.setdefault(where, []).append(happening)
    found: dict[tuple[str, str], Life] = {}
    for conversation, appeals in conversations.items():
        replies = told.get(conversation, ())
        version = sum(len(keys[appeal.appeal]) for appeal in appeals) + len(replies)
        for appeal, state in _replay(appeals, replies).items():
            life = state.life(version)
            for copy in keys[appeal]:
                found[copy.day, appeal] = life
    return found


def _replay(appeals: Sequence[Received], happenings: Sequence[Happening]) -> dict[str, _Appeal]:
    receipt = {appeal.appeal: appeal.at for appeal in appeals}
    steps: list[tuple[int, int, str, Happening | None]] = [
        (appeal.at, _ORDER["appeal_received"], appeal.appeal, None) for appeal in appeals
    ]
    for happening in happenings:
        at = happening.at
        if happening.appeal is not None:
            at = max(at, receipt[happening.appeal])
        steps.append((at, _ORDER[happening.kind], happening.id, happening))
    steps.sort(key=lambda step: step[:3])
    states: dict[str, _Appeal] = {}
    for _, _, identity, step in steps:
        if step is None:
            states[identity] = _Appeal()
        elif step.appeal is not None:
            states[step.appeal].follow(step)
        else:
            # Appeals were added in the order of receipt: the last open one is the latest.
            latest = next((state for state in reversed(states.values()) if state.open and state.gone is None), None)
            if latest is not None:
                latest.follow(step)
    return states
