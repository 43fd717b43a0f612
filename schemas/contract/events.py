"""Events, contract version 1: one record is one fact that happened on a page or to an appeal."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

import msgspec
from msgspec import Meta, Struct

from schemas.contract import VERSION
from schemas.contract.identifiers import (
    HEX32,
    PAGE,
    PLACE,
    SOURCE,
    TOPIC,
    KnownTexts,
    is_label,
)
from schemas.contract.rejected import Rejected, rejected_version, wrong_form
from schemas.contract.validator import RecordValidator

MAX_AMOUNT: Final = 1_000_000
#: 2100-01-01T00:00:00Z in milliseconds: what lies beyond is a unit mistake (micro- or nanoseconds).
MAX_TIME_MS: Final = 4_102_444_800_000
#: A record may be stamped this far ahead of its append time; beyond that the fold rejects it.
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
    "appeal_rated",
]
PostKind = Literal["post_published", "post_removed"]
EngagementKind = Literal[
    PostKind,
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
Nature = Literal["complaint", "question", "proposal", "thanks"]

APPEAL_KINDS: Final[tuple[str, ...]] = get_args(AppealKind)
POST_KINDS: Final[tuple[str, ...]] = get_args(PostKind)
#: Appeal kinds come first, then post kinds: the kinds that are facts have the lowest numbers.
KINDS: Final[tuple[str, ...]] = APPEAL_KINDS + get_args(EngagementKind)
FACT_KINDS: Final[tuple[str, ...]] = APPEAL_KINDS + POST_KINDS
ENTRANCES: Final[tuple[str, ...]] = get_args(Entrance)
FORMATS: Final[tuple[str, ...]] = get_args(Format)
NATURES: Final[tuple[str, ...]] = get_args(Nature)
#: Official replies to the citizen: an interim one promises, the answer ends. They name what they can, or nothing.
ANSWER_KINDS: Final = frozenset({"appeal_interim", "appeal_answered"})
#: Changes that may name a message instead of its appeal.
MESSAGE_KINDS: Final = frozenset({"appeal_withdrawn", "appeal_removed", "appeal_restored"})
#: Changes of an appeal's state or attributes.
CHANGE_KINDS: Final = frozenset(APPEAL_KINDS) - ANSWER_KINDS - {"appeal_received"}
#: Kinds that must name their appeal.
NAMES_APPEAL: Final = frozenset(APPEAL_KINDS) - ANSWER_KINDS - MESSAGE_KINDS
_FACTS: Final = frozenset(FACT_KINDS)
#: What makes an account active on a page that day. Joining or leaving is audience, removing is not activity.
ACTIVE_KINDS: Final = frozenset(
    {"appeal_received", "comment_added", "reaction_added", "repost_added", "vote_added", "service_used"}
)

Hash = Annotated[str, Meta(min_length=32, max_length=32)]
Code = Annotated[str, Meta(min_length=1, max_length=96)]
Label = Annotated[str, Meta(min_length=1, max_length=128)]
TimeMs = Annotated[int, Meta(ge=0, le=MAX_TIME_MS)]
PageId = Annotated[str, Meta(min_length=4, max_length=68)]
PlaceCode = Annotated[str, Meta(min_length=3, max_length=65)]
TopicCode = Annotated[str, Meta(min_length=3, max_length=63)]
Channel = Annotated[str, Meta(min_length=1, max_length=64)]


class Event(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One event. Texts of an open list are one printable line; identities are 32 lower-case hex digits.

    The patterns are checked by :class:`EventValidator` (with a memory of what passed, ten times as fast as in
    the decoder); lengths, types, closed lists and ranges are checked while decoding.
    """

    v: Annotated[int, Meta(description="Version of the contract, always 1.")]
    id: Annotated[
        Hash,
        Meta(description="Identity of the fact: a keyed hash of the source's own id. Sent twice, it is the same."),
    ]
    kind: Annotated[Kind, Meta(description="What happened.")]
    at: Annotated[TimeMs, Meta(description="When it happened: milliseconds since 1970-01-01T00:00:00Z.")]
    source: Annotated[
        Code, Meta(description="Which feed brought it, such as `vk-callback` or `import:incident-2026-10`.")
    ]
    place: Annotated[
        PlaceCode,
        Meta(
            description="OKTMO of the municipality (8 digits), `namespace:code` for data from elsewhere, "
            "`00000000` unknown."
        ),
    ]
    channel: Annotated[Channel, Meta(description="`vk`, `ok`, `telegram`, `max` or what the source itself calls it.")]
    entrance: Annotated[Entrance, Meta(description="Through which entrance it came.")]
    load: Annotated[Code | None, Meta(description="One run of an import.")] = None
    page: Annotated[
        PageId | None,
        Meta(description="Public id of the page (`vk:123`); null where an appeal came otherwise. Posts need it."),
    ] = None
    topic: Annotated[
        TopicCode | None, Meta(description="Two dotted levels, such as `housing.heating`; null unknown.")
    ] = None
    appeal: Annotated[Hash | None, Meta(description="Identity of the appeal.")] = None
    thread: Annotated[
        Hash | None,
        Meta(
            description="Identity of the conversation with one citizen: a keyed hash of the page, of the post, "
            "discussion or dialogue, and of the citizen's native id."
        ),
    ] = None
    message: Annotated[
        Hash | None,
        Meta(
            description="Identity of a message, a keyed hash of its native id: of the appeal's own message, or of the "
            "one that is removed or restored."
        ),
    ] = None
    reply_to: Annotated[
        Hash | None, Meta(description="Identity of the message that an official answer replies to.")
    ] = None
    author: Annotated[
        Hash | None, Meta(description="Author under a rotating key; null where the source does not say.")
    ] = None
    responder: Annotated[
        Label | None, Meta(description="Role and body of who acted (page, ЦУР, agency), never a person.")
    ] = None
    object: Annotated[Label | None, Meta(description="Public id of the post. Posts need it.")] = None
    format: Annotated[Format | None, Meta(description="Format of the post.")] = None
    nature: Annotated[Nature | None, Meta(description="Nature of the appeal; null unknown.")] = None
    rating: Annotated[
        Annotated[int, Meta(ge=1, le=5)] | None,
        Meta(description="How the citizen rates the answer, from 1 (worst) to 5 (best); null unrated."),
    ] = None
    urgent: Annotated[bool, Meta(description="Whether the source marked it as urgent.")] = False
    amount: Annotated[
        Annotated[int, Meta(ge=1, le=MAX_AMOUNT)],
        Meta(description="How many of the same kind this record stands for. Appeals and posts come one by one."),
    ] = 1


def encode_event(event: Event) -> bytes:
    """The event as JSON in UTF-8; defaults are left out."""
    return msgspec.json.encode(event)


class _Strict(Event, frozen=True, gc=False, kw_only=True, forbid_unknown_fields=True):
    """The same event; a field that version 1 does not know stops the decoder (the fast path has none)."""


class EventValidator(RecordValidator[Event]):
    """Judges one record alone: an :class:`Event` or the :class:`Rejected` that says what is wrong with it.

    A bounded memory of texts that passed makes it fast and never changes a verdict.
    """

    named = "kind"

    def __init__(self) -> None:
        super().__init__(_Strict, Event)
        self._pages = KnownTexts(PAGE.fullmatch)
        self._places = KnownTexts(PLACE.fullmatch)
        self._sources = KnownTexts(SOURCE.fullmatch)
        self._topics = KnownTexts(TOPIC.fullmatch)
        self._channels = KnownTexts(is_label)

    def _check(self, event: Event) -> Rejected | None:
        if event.v != VERSION:
            return rejected_version(event.v)
        hexadecimal = HEX32.fullmatch
        if not hexadecimal(event.id):
            return wrong_form("id")
        if event.author is not None and not hexadecimal(event.author):
            return wrong_form("author")
        if event.place not in self._places:
            return wrong_form("place")
        if event.page is not None and event.page not in self._pages:
            return wrong_form("page")
        if event.source not in self._sources:
            return wrong_form("source")
        if event.channel not in self._channels:
            return wrong_form("channel")
        if event.topic is not None and event.topic not in self._topics:
            return wrong_form("topic")
        if event.load is not None and event.load not in self._sources:
            return wrong_form("load")
        if event.appeal is not None and not hexadecimal(event.appeal):
            return wrong_form("appeal")
        if event.thread is not None and not hexadecimal(event.thread):
            return wrong_form("thread")
        if event.responder is not None and not is_label(event.responder):
            return wrong_form("responder")
        if event.object is not None and not is_label(event.object):
            return wrong_form("object")
        if event.message is not None and not hexadecimal(event.message):
            return wrong_form("message")
        if event.reply_to is not None and not hexadecimal(event.reply_to):
            return wrong_form("reply_to")
        return rejected_fact(event) if event.kind in _FACTS else None


def rejected_fact(event: Event) -> Rejected | None:
    """Why an event of a fact kind does not say what its kind needs; None where it does."""
    kind = event.kind
    if event.amount != 1:
        return Rejected("amount", f"Field `amount` must be 1: each {kind} is a record of its own; totals are readings.")
    if kind in NAMES_APPEAL:
        if event.appeal is None:
            return Rejected("appeal", f"Field `appeal` is missing: an {kind} names its appeal.")
        if kind == "appeal_rated" and event.rating is None:
            return Rejected("rating", "Field `rating` is missing: an appeal_rated carries the citizen's rating.")
    elif kind in MESSAGE_KINDS:
        if event.appeal is None and event.message is None:
            return Rejected("appeal", f"An {kind} names its `appeal` or the `message`.")
    elif kind in POST_KINDS:
        if event.page is None:
            return Rejected("page", f"Field `page` is missing: a {kind} names its page.")
        if event.object is None:
            return Rejected("object", f"Field `object` is missing: a {kind} names the post.")
    return None


def rejected_ahead(field: str) -> Rejected:
    """The rejection of a time more than ten minutes ahead of the record's append time (milliseconds, UTC)."""
    return Rejected(field, f"Field `{field}` is more than 10 minutes ahead of the time the record was appended.")
