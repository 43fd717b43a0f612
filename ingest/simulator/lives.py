"""What became of the appeals of a run, by the rules in docs/contract.md: one pass over all facts by their time.

Written apart from ``streams/refresh``, so that each can find the other's mistakes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, Final

import numpy as np
import polars as pl
from msgspec import Struct, field

from ingest.simulator.identities import APPEAL, EVENT, MESSAGE, Identities
from ingest.simulator.rows import KIND, RESPONDERS, TOPICS, Rows
from schemas.contract.events import ANSWER_KINDS, KINDS, MESSAGE_KINDS, NATURES

_MOMENTS: Final = ("received_at", "first_answer_at", "answered_at", "closed_at", "withdrawn_at")
LIVES: Final[dict[str, type[pl.DataType]]] = {
    "appeal": pl.String, "state": pl.String, **dict.fromkeys(_MOMENTS, pl.Int64), "topic": pl.String,
    "nature": pl.String, "rating": pl.Int64, "responder": pl.String,
}  # fmt: skip
ANSWERS: Final[dict[str, type[pl.DataType]]] = {"id": pl.String, "appeal": pl.String}

_RECEIVED: Final = KIND["appeal_received"]
#: At one millisecond an appeal comes first, then its messages, then what was done, in this order.
_RANK: Final = {
    "appeal_assigned": 2, "appeal_interim": 3, "appeal_answered": 4, "appeal_closed": 5, "appeal_reopened": 6,
    "appeal_withdrawn": 7, "appeal_removed": 8, "appeal_restored": 9, "appeal_reclassified": 10, "appeal_rated": 11,
}  # fmt: skip


class Lives(Struct, frozen=True):
    """``lives``: a row an appeal, columns :data:`LIVES`; ``answers``: a row a reply, columns :data:`ANSWERS`.

    Times are milliseconds UTC. The appeal of a reply that belongs to none is the empty text.
    """

    lives: pl.DataFrame
    answers: pl.DataFrame


class _Life(Struct):
    """One appeal on its way; None is what did not happen."""

    appeal: str
    received_at: int
    topic: str | None
    nature: str | None
    rating: int | None
    open: bool = True
    state: str = "received"
    first_answer_at: int | None = None
    answered_at: int | None = None
    closed_at: int | None = None
    withdrawn_at: int | None = None
    #: ``withdrawn`` or ``removed`` while no message stands.
    gone: str | None = None
    assigned: str | None = None
    replied: str | None = None
    #: Message -> whether it stands; ``whole`` says the same of an appeal without messages.
    stands: dict[int, bool] = field(default_factory=dict)
    whole: bool = True

    @property
    def waits(self) -> bool:
        return self.open and self.gone is None

    def write(self, message: int) -> None:
        self.stands.setdefault(message, True)
        self._look(None, 0)

    def take(self, kind: str, fact: Any) -> None:
        """One fact (a row) that belongs to this appeal."""
        at, responder = int(fact["at"]), _text(RESPONDERS, fact["responder"])
        if kind in ANSWER_KINDS and self.first_answer_at is None:
            self.first_answer_at, self.replied = at, responder
        match kind:
            case "appeal_assigned":
                self.assigned = responder or self.assigned
                if self.state in ("received", "reopened"):
                    self.state = "assigned"
            case "appeal_interim" if self.open:
                self.state = "interim"
            case "appeal_answered":
                self.open, self.answered_at = False, at
                self.state = "answered" if self.closed_at is None else self.state
            case "appeal_closed":
                self.open, self.state, self.closed_at = False, "closed", at
            case "appeal_reopened":
                self.open, self.state, self.answered_at, self.closed_at = True, "reopened", None, None
            case "appeal_withdrawn" | "appeal_removed" | "appeal_restored":
                self._remove(kind.removeprefix("appeal_"), at, int(fact["message"]))
            case "appeal_reclassified":
                self.topic = _text(TOPICS, fact["topic"]) or self.topic
                self.nature = _text(NATURES, fact["nature"]) or self.nature
            case "appeal_rated":
                self.rating = int(fact["rating"])

    def _remove(self, act: str, at: int, message: int) -> None:
        if message >= 0:
            self.stands[message] = act == "restored"
        else:
            self.whole = act == "restored"
            self.stands = dict.fromkeys(self.stands, self.whole)
        self._look(None if act == "restored" else act, at)

    def _look(self, act: str | None, at: int) -> None:
        """Whether some message stands now; if none does, ``act`` at that time is why."""
        if any(self.stands.values()) if self.stands else self.whole:
            self.gone = self.withdrawn_at = None
        elif act is not None:
            self.gone, self.withdrawn_at = act, at

    def row(self) -> dict[str, Any]:
        said = {name: getattr(self, name) for name in LIVES if name != "responder"}
        return said | {"state": self.gone or self.state, "responder": self.replied or self.assigned}


def lives_of(facts: Rows, identities: Identities) -> Lives:
    """The lives of all appeals. ``facts``: rows about appeals as they were sent, other copies of a fact left out.

    Only rows of ``appeal_received`` may share a fact: they are the messages of an appeal, and the first one stands.
    """
    received = facts[facts["kind"] == _RECEIVED]
    appeals = dict(zip(*(_hexes(identities, APPEAL, _firsts(received, "appeal"), "appeal")), strict=True))
    at = _first_times(received, "appeal")
    messages = {int(row["message"]): int(row["appeal"]) for row in received[::-1] if row["message"] >= 0}
    written_at = _first_times(received, "message")
    threads = {int(thread) for thread in received["thread"]}
    lives: dict[int, _Life] = {}
    #: Thread -> its appeals in the order in which they were received.
    of_thread: dict[int, list[_Life]] = defaultdict(list)
    matches: dict[str, str] = {}

    steps: list[tuple[int, int, str, Any, int | None]] = []
    for row in _firsts(received, "appeal"):
        number = int(row["appeal"])
        steps.append((at[number], 0, appeals[number], row, number))
    for row, identity in _rows(_firsts(received, "message"), identities, MESSAGE, "message"):
        number = int(row["appeal"])
        steps.append((max(written_at[int(row["message"])], at[number]), 1, identity, row, number))
    for row, identity in _rows(facts[facts["kind"] != _RECEIVED], identities, EVENT, "fact"):
        kind = KINDS[row["kind"]]
        named = _named(kind, row, at, messages)
        if kind in ANSWER_KINDS:
            matches[identity] = ""
        when = int(row["at"])
        if named is not None:
            # A source that knows only the date may date a fact before what it is about.
            message = int(row["message"] if kind in MESSAGE_KINDS else row["reply"])
            when = max(when, at[named], written_at[message] if messages.get(message) == named else 0)
        elif kind not in ANSWER_KINDS or int(row["thread"]) not in threads:
            continue
        steps.append((when, _RANK[kind], identity, row, named))

    for _, rank, identity, row, named in sorted(steps, key=lambda step: step[:3]):
        if rank == 0:
            assert named is not None
            life = lives[named] = _born(appeals[named], row)
            of_thread[int(row["thread"])].append(life)
        elif rank == 1:
            assert named is not None
            lives[named].write(int(row["message"]))
        else:
            found = lives[named] if named is not None else _waiting(of_thread[int(row["thread"])])
            if found is None:
                continue
            if identity in matches:
                matches[identity] = found.appeal
            found.take(KINDS[row["kind"]], row)
    return Lives(
        pl.DataFrame([life.row() for life in lives.values()], schema=LIVES),
        pl.DataFrame({"id": list(matches), "appeal": list(matches.values())}, schema=ANSWERS),
    )


def _born(appeal: str, row: Any) -> _Life:
    rating = int(row["rating"]) if row["rating"] >= 0 else None
    return _Life(appeal, int(row["at"]), _text(TOPICS, row["topic"]), _text(NATURES, row["nature"]), rating)


def _named(kind: str, row: Any, at: dict[int, int], messages: dict[int, int]) -> int | None:
    """The number of the appeal that a fact names, itself or by a message; None where that is unknown."""
    appeal = int(row["appeal"])
    known = appeal if appeal in at else None
    if kind in MESSAGE_KINDS:
        return messages.get(int(row["message"]), known)
    return known if known is not None else messages.get(int(row["reply"]))


def _waiting(lives: list[_Life]) -> _Life | None:
    return next((life for life in reversed(lives) if life.waits), None)


def _firsts(rows: Rows, column: str) -> Rows:
    """The first row of each number in a column; rows without a number are left out."""
    numbers, places = np.unique(rows[column], return_index=True)
    return rows[places[numbers >= 0]]


def _first_times(rows: Rows, column: str) -> dict[int, int]:
    firsts = _firsts(rows, column)
    return dict(zip(firsts[column].tolist(), firsts["at"].tolist(), strict=True))


def _hexes(identities: Identities, domain: int, rows: Rows, column: str) -> tuple[list[int], list[str]]:
    together = identities.hexes(domain, rows[column])
    return rows[column].tolist(), [together[i : i + 32] for i in range(0, len(together), 32)]


def _rows(rows: Rows, identities: Identities, domain: int, column: str) -> Iterable[tuple[Any, str]]:
    return zip(rows, _hexes(identities, domain, rows, column)[1], strict=True)


def _text(texts: tuple[str, ...], number: Any) -> str | None:
    return texts[number] if number >= 0 else None
