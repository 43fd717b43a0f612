"""The facts that one event is a copy of, as the tables must hold them; written apart from the fold's own code."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from schemas.contract.events import FACT_KINDS, Event

HOUR_S: Final = 3600
#: Tables whose key is any text; the others have identities of 32 hexadecimal digits.
TEXT_KEYS: Final = frozenset({"posts", "post_removals"})
#: Tables whose facts are not looked for by time: they keep no hours, and ``fact_hours`` does not list them.
WITHOUT_HOURS: Final = TEXT_KEYS
KINDS_OF_FACTS: Final = frozenset(FACT_KINDS)


class Told(Struct, frozen=True):
    """What an event says of one fact: its table and identity, what it names, the members of the tuple after times."""

    table: str
    key: str
    names: tuple[str, ...]
    said: tuple[object, ...]


def told_by(e: Event, place: str) -> Iterator[Told]:
    """The facts that an event tells of; ``place`` is the one that it counts for."""
    if e.kind == "appeal_received" and e.appeal is not None:
        said: tuple[object, ...] = (e.id, e.page, place, e.channel, e.entrance, e.topic, e.source, e.load, e.thread)
        said += (e.message, e.object, e.author, e.responder, e.nature, e.rating, e.urgent)
        yield Told("appeals", e.appeal, _names(e.thread), said)
        if e.message is not None:
            yield Told("messages", e.message, _names(e.appeal), (e.appeal,))
    elif e.kind in ("appeal_interim", "appeal_answered"):
        said = (e.kind, e.appeal, e.thread, e.reply_to, e.page, place, e.channel, e.entrance, e.source, e.load)
        yield Told("answers", e.id, _names(e.appeal, e.reply_to, e.thread), (*said, e.responder))
    elif e.kind == "post_published" and e.object is not None:
        yield Told("posts", e.object, (), (e.id, e.page, place, e.channel, e.format, e.source, e.load))
    elif e.kind == "post_removed" and e.object is not None:
        yield Told("post_removals", e.object, (), (e.id, e.page, place, e.source, e.load))
    else:
        said = (e.kind, e.appeal, e.message, e.page, place, e.topic, e.source, e.load, e.responder, e.nature, e.rating)
        yield Told("appeal_changes", e.id, _names(e.appeal, e.message), said)


def _names(*named: str | None) -> tuple[str, ...]:
    return tuple(name for name in named if name is not None)
