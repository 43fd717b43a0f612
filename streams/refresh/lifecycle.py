"""The lives of appeals: the facts of conversations, replayed in the order in which they happened.

A pure function. The rules stand in ``docs/contract.md``. The cost is linear in the number of facts, but for the sort.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, Literal

from msgspec import Struct

State = Literal["received", "assigned", "interim", "answered", "closed", "reopened", "withdrawn", "removed"]

#: At one and the same millisecond things happen in this order: any order would do, but every replay needs the same.
_ORDER: Final = {
    kind: rank
    for rank, kind in enumerate(
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
_ANSWERS: Final = frozenset({"appeal_interim", "appeal_answered"})
_OF_MESSAGES: Final = frozenset({"appeal_withdrawn", "appeal_removed", "appeal_restored"})


class Received(Struct, frozen=True, gc=False):
    """An appeal: identity, conversation, time (ms UTC)."""

    appeal: str
    thread: str | None
    at: int


class Message(Struct, frozen=True, gc=False):
    """A message of a citizen: identity, the appeal that it belongs to, time (ms UTC)."""

    message: str
    appeal: str
    at: int


class Happening(Struct, frozen=True, gc=False):
    """An answer or a change: identity, kind, time (ms UTC), and what it names.

    ``message`` is the message that an answer replies to, or that a change removes or restores.
    """

    id: str
    kind: str
    at: int
    appeal: str | None = None
    message: str | None = None
    thread: str | None = None
    topic: str | None = None
    responder: str | None = None
    nature: str | None = None
    rating: int | None = None


class Life(Struct, frozen=True, kw_only=True, gc=False):
    """What became of an appeal. Times are ms UTC as their sources gave them, None for what did not happen."""

    received_at: int
    state: State
    #: First official reply, interim or final.
    first_answer_at: int | None = None
    #: Final official reply; None again after a reopening.
    answered_at: int | None = None
    #: Closing; None again after a reopening.
    closed_at: int | None = None
    #: Withdrawal by the author or removal by the page; None while a message of it stands.
    withdrawn_at: int | None = None
    #: Topic by the latest reclassification; None where there was none.
    topic: str | None = None
    #: Who replied first, else who was assigned last.
    responder: str | None = None
    #: Nature by the latest reclassification; None where there was none.
    nature: str | None = None
    #: Latest rating by the citizen; None where there was none.
    rating: int | None = None


class Conversations(Struct, frozen=True):
    """Whole conversations: every appeal of some threads, and all facts that name the thread, the appeal or a message.

    ``threads`` are wholly here, also where nothing is received in them. ``appeals_elsewhere`` and
    ``messages_elsewhere`` (message -> appeal) are known, but belong to other threads.
    """

    received: Sequence[Received]
    threads: Collection[str] = frozenset()
    messages: Sequence[Message] = ()
    happenings: Sequence[Happening] = ()
    appeals_elsewhere: Collection[str] = frozenset()
    messages_elsewhere: Mapping[str, str] = {}


class Replayed(Struct, frozen=True):
    """The life of each appeal, and the appeal that each answer and change belongs to (None: to none).

    What belongs to an appeal or a thread elsewhere is absent from ``matches``.
    """

    lives: dict[str, Life]
    matches: dict[str, str | None]


class _Messages:
    """Which messages of an appeal stand. Constant time: the exceptions from "all stand" or "none stands"."""

    __slots__ = ("_all_stand", "_exceptions", "_known")

    def __init__(self) -> None:
        self._known: set[str] = set()
        self._all_stand = True
        self._exceptions: set[str] = set()

    def add(self, message: str) -> None:
        if message not in self._known:
            self.set(message, stands=True)

    def set(self, message: str, *, stands: bool) -> None:
        self._known.add(message)
        if stands == self._all_stand:
            self._exceptions.discard(message)
        else:
            self._exceptions.add(message)

    def set_all(self, *, stand: bool) -> None:
        self._all_stand, self._exceptions = stand, set()

    @property
    def any_stands(self) -> bool:
        if not self._all_stand:
            return bool(self._exceptions)
        return not self._known or len(self._exceptions) < len(self._known)


class _Appeal:
    """One appeal while its conversation is replayed."""

    __slots__ = (
        "answered_at",
        "closed_at",
        "first_answer",
        "gone",
        "messages",
        "nature",
        "open",
        "rating",
        "received",
        "responder",
        "state",
        "topic",
    )

    def __init__(self, received: Received) -> None:
        self.received = received
        self.open = True
        self.state: State = "received"
        self.first_answer: Happening | None = None
        self.answered_at: int | None = None
        self.closed_at: int | None = None
        #: The withdrawal or removal after which no message stands.
        self.gone: Happening | None = None
        self.messages = _Messages()
        self.topic: str | None = None
        self.responder: str | None = None
        self.nature: str | None = None
        self.rating: int | None = None

    @property
    def awaits_answer(self) -> bool:
        """Whether an answer that names the thread alone may belong to it."""
        return self.open and self.gone is None

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
        elif kind in _OF_MESSAGES:
            self._remove_or_restore(happening)
        elif kind == "appeal_reclassified":
            self.topic = happening.topic or self.topic
            self.nature = happening.nature or self.nature
        elif kind == "appeal_rated":
            self.rating = happening.rating or self.rating

    def add(self, message: str) -> None:
        self.messages.add(message)
        if self.messages.any_stands:
            self.gone = None

    def _remove_or_restore(self, happening: Happening) -> None:
        restored = happening.kind == "appeal_restored"
        if happening.message is None:
            self.messages.set_all(stand=restored)
        else:
            self.messages.set(happening.message, stands=restored)
        if self.messages.any_stands:
            self.gone = None
        elif not restored:
            self.gone = happening

    def life(self) -> Life:
        answer, gone = self.first_answer, self.gone
        state: State = self.state
        if gone is not None:
            state = "withdrawn" if gone.kind == "appeal_withdrawn" else "removed"
        return Life(
            received_at=self.received.at,
            state=state,
            first_answer_at=None if answer is None else answer.at,
            answered_at=self.answered_at,
            closed_at=self.closed_at,
            withdrawn_at=None if gone is None else gone.at,
            topic=self.topic,
            responder=(answer.responder if answer is not None else None) or self.responder,
            nature=self.nature,
            rating=self.rating,
        )


#: What happens at one moment of a conversation: effective time, rank of the kind, identity, and which appeal it
#: belongs to (None: the latest open one) with the message or happening itself.
_Step = tuple[int, int, str, str | None, "Received | Message | Happening"]


def replay(conversations: Conversations) -> Replayed:
    """The life of each appeal, from all facts of some conversations in any order.

    A fact that names an appeal or a message and is dated before it (sources that know only a date) is taken as
    following at once, and keeps its own time.
    """
    received = {each.appeal: each for each in conversations.received}
    # An appeal without a thread is a conversation of its own.
    home = {each.appeal: (each.thread is not None, each.thread or each.appeal) for each in received.values()}
    threads = {name for is_thread, name in home.values() if is_thread} | set(conversations.threads)
    messages = {each.message: each for each in conversations.messages if each.appeal in received}
    steps: dict[tuple[bool, str], list[_Step]] = {
        where: [] for where in [*home.values(), *((True, t) for t in threads)]
    }
    for appeal in received.values():
        steps[home[appeal.appeal]].append((appeal.at, _ORDER["appeal_received"], appeal.appeal, appeal.appeal, appeal))
    for each in messages.values():
        at = max(each.at, received[each.appeal].at)
        steps[home[each.appeal]].append((at, _ORDER["message"], each.message, each.appeal, each))
    matches: dict[str, str | None] = {}
    for happening in conversations.happenings:
        named = _named(happening, received, messages, conversations)
        thread = happening.thread if happening.kind in _ANSWERS else None
        if (named is not None and named not in received) or (named is None and thread and thread not in threads):
            continue
        matches[happening.id] = named
        if named is None and thread:
            steps[True, thread].append((happening.at, _ORDER[happening.kind], happening.id, None, happening))
        elif named is not None:
            at = max(happening.at, received[named].at)
            message = messages.get(_message_of(happening) or "")
            if message is not None and message.appeal == named:
                at = max(at, message.at)
            steps[home[named]].append((at, _ORDER[happening.kind], happening.id, named, happening))
    lives: dict[str, Life] = {}
    for conversation in steps.values():
        for appeal_id, state in _follow(conversation, matches).items():
            lives[appeal_id] = state.life()
    return Replayed(lives, matches)


def _named(
    happening: Happening,
    received: Mapping[str, Received],
    messages: Mapping[str, Message],
    conversations: Conversations,
) -> str | None:
    """The appeal that a fact names, itself or by a message: the first that is known; None where there is none."""

    def by_appeal() -> str | None:
        known = happening.appeal in received or happening.appeal in conversations.appeals_elsewhere
        return happening.appeal if known else None

    def by_message() -> str | None:
        message = _message_of(happening) or ""
        known = messages.get(message)
        return known.appeal if known is not None else conversations.messages_elsewhere.get(message)

    if happening.kind in _OF_MESSAGES:
        return by_message() or by_appeal()
    return by_appeal() or by_message()


def _message_of(happening: Happening) -> str | None:
    """The message that an answer replies to, or that a change removes or restores."""
    return happening.message if happening.kind in _OF_MESSAGES or happening.kind in _ANSWERS else None


def _follow(steps: Iterable[_Step], matches: dict[str, str | None]) -> dict[str, _Appeal]:
    """Replay one conversation; notes in ``matches`` which answers found an open appeal."""
    states: dict[str, _Appeal] = {}
    #: Appeals that may await an answer, the latest received first: (minus its number, identity).
    awaiting: list[tuple[int, str]] = []
    number: dict[str, int] = {}
    for _, _, identity, appeal, step in sorted(steps, key=lambda step: step[:3]):
        if isinstance(step, Received):
            states[identity] = _Appeal(step)
            number[identity] = len(number)
            heapq.heappush(awaiting, (-number[identity], identity))
            continue
        if appeal is None:
            while awaiting and not states[awaiting[0][1]].awaits_answer:
                heapq.heappop(awaiting)
            if not awaiting:
                continue
            appeal = matches[identity] = awaiting[0][1]
        state = states[appeal]
        awaited = state.awaits_answer
        if isinstance(step, Message):
            state.add(step.message)
        else:
            state.follow(step)
        if state.awaits_answer and not awaited:
            heapq.heappush(awaiting, (-number[appeal], appeal))
    return states
