"""Events, contract version 1: one record is one fact that happened on a page or to an appeal."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from schemas.contract.identifiers import (
    HEX32,
    NAME,
    PAGE,
    PLACE,
    SOURCE,
    TOPIC,
    KnownTexts,
    is_label,
)
from schemas.contract.refusal import Refusal, from_decoder

VERSION: Final = 1
MAX_AMOUNT: Final = 1_000_000
#: 2100-01-01T00:00:00Z in milliseconds: what lies beyond is a unit mistake (micro- or nanoseconds).
MAX_TIME_MS: Final = 4_102_444_800_000
#: A record may be stamped this far ahead of its append time; beyond that the fold refuses it.
MAX_AHEAD_MS: Final = 600_000

AppealKind = Literal[
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
]
EngagementKind = Literal[
    "post_published",
    "post_removed",
    "comment_added",
    "comment_removed",
    "reaction_added",
    "reaction_removed",
    "repost_added",
    "vote_added",
    "subscriber_joined",
    "subscriber_left",
    "service_used",
]
Kind = Literal[AppealKind, EngagementKind]
Entrance = Literal["public_page", "social_other", "pos_widget", "portal", "app", "phone", "email", "office", "other"]
Format = Literal["text", "photo", "video", "clip", "story", "article", "live"]

APPEAL_KINDS: Final[tuple[str, ...]] = get_args(AppealKind)
KINDS: Final[tuple[str, ...]] = APPEAL_KINDS + get_args(EngagementKind)
ENTRANCES: Final[tuple[str, ...]] = get_args(Entrance)
FORMATS: Final[tuple[str, ...]] = get_args(Format)
#: Official replies to the citizen: an interim one promises, the answer ends. They may know only the thread.
ANSWER_KINDS: Final = frozenset({"appeal_interim", "appeal_answered"})
#: Changes of an appeal's state; they name their appeal.
CHANGE_KINDS: Final = frozenset(APPEAL_KINDS) - ANSWER_KINDS - {"appeal_received"}
_OF_APPEALS: Final = frozenset(APPEAL_KINDS)
#: What makes an account active on a page that day. Joining or leaving is audience, removing is not activity.
ACTIVE_KINDS: Final = frozenset(
    {"appeal_received", "comment_added", "reaction_added", "repost_added", "vote_added", "service_used"}
)

Identity = Annotated[str, Meta(min_length=32, max_length=32, pattern="^[0-9a-f]{32}$")]
TimeMs = Annotated[int, Meta(ge=0, le=MAX_TIME_MS)]


class Event(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One event. Texts of an open list are one printable line; identities are 32 lower-case hex digits.

    The patterns are checked by :class:`EventValidator` (with a memory of what passed, ten times as fast as in
    the decoder); lengths, types, closed lists and ranges are checked while decoding.
    """

    #: Version of the contract, always 1.
    v: int
    #: Identity of the fact: a keyed hash of the source's own id. Sent twice, it is the same.
    id: Annotated[str, Meta(min_length=32, max_length=32)]
    #: What happened.
    kind: Kind
    #: When it happened: milliseconds since 1970-01-01T00:00:00Z.
    at: TimeMs
    #: Which feed brought it, such as ``vk-callback`` or ``import:incident-2026-10``.
    source: Annotated[str, Meta(min_length=1, max_length=96)]
    #: OKTMO of the municipality (8 digits), ``namespace:code`` for data from elsewhere, ``00000000`` unknown.
    place: Annotated[str, Meta(min_length=3, max_length=65)]
    #: ``vk``, ``ok``, ``telegram``, ``max`` or what the source itself calls it.
    channel: Annotated[str, Meta(min_length=1, max_length=64)]
    #: Through which door it came.
    entrance: Entrance
    #: One run of an import.
    load: Annotated[str, Meta(min_length=1, max_length=96)] | None = None
    #: Public id of the page (``vk:123``); null where an appeal came otherwise.
    page: Annotated[str, Meta(min_length=4, max_length=68)] | None = None
    #: Two dotted levels, such as ``housing.heating``; null unknown.
    topic: Annotated[str, Meta(min_length=3, max_length=63)] | None = None
    #: Identity of the appeal.
    appeal: Annotated[str, Meta(min_length=32, max_length=32)] | None = None
    #: Identity of the conversation.
    thread: Annotated[str, Meta(min_length=32, max_length=32)] | None = None
    #: Author under a rotating key; null where the source does not say.
    author: Annotated[str, Meta(min_length=32, max_length=32)] | None = None
    #: Role and body of who acted (page, ЦУР, agency), never a person.
    responder: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    #: Public id of the post.
    object: Annotated[str, Meta(min_length=1, max_length=128)] | None = None
    #: Format of the post.
    format: Format | None = None
    #: Whether the source marked it as urgent.
    urgent: bool = False
    #: How many of the same kind this record stands for.
    amount: Annotated[int, Meta(ge=1, le=MAX_AMOUNT)] = 1


def encode_event(event: Event) -> bytes:
    """The event as JSON in UTF-8; defaults are left out."""
    return msgspec.json.encode(event)


class _Lenient(Event, frozen=True, gc=False, kw_only=True):
    """The same event, decoded where a record carries fields that version 1 does not know."""


class _Strict(Event, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """The same event; a field that version 1 does not know stops the decoder (the fast path has none)."""


class _Head(Struct):
    v: object = None
    kind: object = None


class EventValidator:
    """Judges one record alone: an :class:`Event` or the :class:`Refusal` that says what is wrong with it.

    Pure but for two things that never change a verdict: a bounded memory of texts that passed, and
    ``unknown_fields``, how many accepted records carried fields outside the contract (dropped).
    """

    def __init__(self) -> None:
        self.unknown_fields = 0
        self._strict = msgspec.json.Decoder(_Strict).decode
        self._lenient = msgspec.json.Decoder(_Lenient).decode
        self._pages = KnownTexts(PAGE.fullmatch)
        self._places = KnownTexts(PLACE.fullmatch)
        self._sources = KnownTexts(SOURCE.fullmatch)
        self._topics = KnownTexts(TOPIC.fullmatch)
        self._channels = KnownTexts(is_label)

    def __call__(self, raw: bytes) -> Event | Refusal:
        """Judge ``raw``, one JSON object in UTF-8. Never raises."""
        try:
            event: Event = self._strict(raw)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return self._second_look(raw)
        return self._check(event) or event

    def _second_look(self, raw: bytes) -> Event | Refusal:
        try:
            event: Event = self._lenient(raw)
        except msgspec.ValidationError as error:
            return _with_name(raw, from_decoder(str(error)))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Refusal("", "The record is not valid JSON in UTF-8.")
        refusal = self._check(event)
        if refusal is not None:
            return refusal
        self.unknown_fields += 1
        return event

    def _check(self, event: Event) -> Refusal | None:
        if event.v != VERSION:
            return version_refusal(event.v)
        hexadecimal = HEX32.fullmatch
        if not hexadecimal(event.id):
            return _form("id", "32 lower-case hexadecimal digits")
        if event.author is not None and not hexadecimal(event.author):
            return _form("author", "32 lower-case hexadecimal digits")
        if event.place not in self._places:
            return _form("place", "eight digits of OKTMO or namespace:code")
        if event.page is not None and event.page not in self._pages:
            return _form("page", "vk:, ok:, tg: or max: followed by the page's public id")
        if event.source not in self._sources:
            return _form("source", "letters, digits and _ . : / -")
        if event.channel not in self._channels:
            return _form("channel", "one printable line")
        if event.topic is not None and event.topic not in self._topics:
            return _form("topic", "two dotted levels such as housing.heating")
        if event.load is not None and event.load not in self._sources:
            return _form("load", "letters, digits and _ . : / -")
        if event.appeal is not None and not hexadecimal(event.appeal):
            return _form("appeal", "32 lower-case hexadecimal digits")
        if event.thread is not None and not hexadecimal(event.thread):
            return _form("thread", "32 lower-case hexadecimal digits")
        if event.responder is not None and not is_label(event.responder):
            return _form("responder", "one printable line")
        if event.object is not None and not is_label(event.object):
            return _form("object", "one printable line")
        if event.appeal is None and event.kind in _OF_APPEALS:
            if event.kind not in ANSWER_KINDS:
                return Refusal("appeal", f"Field `appeal` is missing: an {event.kind} names its appeal.")
            if event.thread is None:
                return Refusal("appeal", f"An {event.kind} names its `appeal` or its `thread`.")
        return None


def ahead_refusal(field: str) -> Refusal:
    """The refusal of a time more than ten minutes ahead of the record's append time (milliseconds, UTC)."""
    return Refusal(field, f"Field `{field}` is more than 10 minutes ahead of the time the record was appended.")


def version_refusal(version: object) -> Refusal:
    """The refusal of a record whose version is not the one this release reads."""
    if isinstance(version, int) and not isinstance(version, bool) and version > VERSION:
        # A number that cannot be a version may be somebody's telephone number.
        said = f"is {version}" if version < 1000 else "is a later one"
        return Refusal("v", f"Field `v` {said}: this release reads version {VERSION}; upgrade the workers first.")
    return Refusal("v", f"Field `v` must be {VERSION}.")


def _form(field: str, expected: str) -> Refusal:
    return Refusal(field, f"Field `{field}` must be {expected}.")


def _with_name(raw: bytes, refusal: Refusal) -> Refusal:
    """A later version is named before its fields are judged; an unknown kind is refused by its name."""
    try:
        head = msgspec.json.decode(raw, type=_Head)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return refusal
    if isinstance(head.v, int) and not isinstance(head.v, bool) and head.v > VERSION:
        return version_refusal(head.v)
    if refusal.field == "kind" and isinstance(head.kind, str) and NAME.fullmatch(head.kind):
        return Refusal("kind", f"Field `kind`: {head.kind} is not a kind of version {VERSION}.")
    return refusal
