"""VK's Callback API: who may call, what each type of call becomes, and what is answered.

Sources: VKCOM/vk-api-schema (API 5.199, ``callback``), https://dev.vk.com/en/api/callback/getting-started, and
SevereCloud/vksdk (``callback``) for the retry and the answers.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import msgspec
from msgspec import Struct

from ingest.identities import IdentityKey
from ingest.platforms import vk_meaning as meaning
from ingest.platforms.naming import PageNames
from ingest.platforms.platform import Accepted, Denied, Knowledge, Request
from ingest.platforms.vk_objects import Envelope
from ingest.sources import Source
from schemas.contract import VERSION
from schemas.contract.events import Event, Kind
from schemas.contract.identifiers import NAME
from schemas.contract.rejected import from_decoder
from schemas.contract.rejections import Rejection

API_VERSION: Final = "5.199"
#: The answer that VK takes as an acknowledgement: exactly these two letters.
OK: Final = "ok"
#: The label in metrics of every type that is not in :data:`TYPES`.
UNKNOWN: Final = "unknown"


class Case(Struct, frozen=True):
    """When a call of a type becomes what; ``names`` are the fields by which the event finds its appeal or post."""

    when: str
    becomes: Kind | None
    names: str = ""


class Type(Struct, frozen=True):
    """One type of call: how it is read, and the cases for docs/payloads.md (a test compares them)."""

    read: Callable[[meaning.Call], tuple[Event, ...]] | None
    cases: tuple[Case, ...]


def _nothing(why: str) -> Type:
    return Type(None, (Case(why, None),))


_COMMENT: Final = (
    Case("of a citizen or of another community", "comment_added"),
    Case("of the page", None),
)

#: Every type of call that is known. Those that ``read`` something are switched on at VK (``gospulse sources add``).
TYPES: Final[dict[str, Type]] = {
    "message_new": Type(
        meaning.message_new,
        (
            Case("a citizen writes to the page", "appeal_received", "appeal, thread, message"),
            Case("in a chat of several people, or a service message", None),
        ),
    ),
    "message_reply": Type(
        meaning.message_reply,
        (
            Case("a clerk answers (`admin_author_id`)", "appeal_answered", "reply_to, thread"),
            Case("a greeting or a bot (no `admin_author_id`)", None),
        ),
    ),
    "wall_reply_new": Type(
        meaning.wall_reply_new,
        (
            Case("of a citizen or of another community", "comment_added", "object"),
            Case("of the page, as a reply to a comment", "appeal_answered", "reply_to, thread, object"),
            Case("of the page, not as a reply", None),
        ),
    ),
    "wall_reply_delete": Type(meaning.wall_reply_delete, (Case("always", "comment_removed", "object"),)),
    "wall_reply_restore": Type(
        meaning.wall_reply_restore,
        (Case("of a citizen or of another community", "comment_added", "object"), Case("of the page", None)),
    ),
    "wall_post_new": Type(
        meaning.wall_post_new,
        (
            Case("a citizen suggests a post (`suggest`)", "appeal_received", "appeal, thread, message"),
            Case("the page publishes", "post_published", "object"),
            Case("a citizen or another community writes on the wall", "comment_added"),
            Case("postponed, or an advertisement", None),
        ),
    ),
    "wall_repost": Type(meaning.wall_repost, (Case("always", "repost_added", "object"),)),
    "like_add": Type(
        meaning.like_add,
        (Case("of a post, a photo or a video", "reaction_added", "object"), Case("of a comment or of goods", None)),
    ),
    "like_remove": Type(
        meaning.like_remove,
        (Case("of a post, a photo or a video", "reaction_removed", "object"), Case("of a comment or of goods", None)),
    ),
    "board_post_new": Type(
        meaning.board_post_new,
        (
            Case("of a citizen in a discussion", "appeal_received", "appeal, thread, message"),
            Case("of the page, as a reply to a message", "appeal_answered", "reply_to, thread"),
            Case("of the page, not as a reply, or of another community", None),
        ),
    ),
    "board_post_delete": Type(
        meaning.board_post_delete, (Case("always: VK tells no author", "appeal_removed", "message"),)
    ),
    "board_post_restore": Type(meaning.board_post_restore, (Case("always", "appeal_restored", "message"),)),
    "group_join": Type(
        meaning.group_join,
        (Case("`join`, `accepted`, `approved`", "subscriber_joined"), Case("a request, or unsure", None)),
    ),
    "group_leave": Type(meaning.group_leave, (Case("always", "subscriber_left"),)),
    "poll_vote_new": Type(meaning.poll_vote_new, (Case("always", "vote_added"),)),
    **{
        f"{thing}_comment_{change}": Type(read, cases)
        for thing in ("photo", "video", "market")
        for change, read, cases in (
            ("new", meaning.other_comment_new, _COMMENT),
            ("delete", meaning.other_comment_delete, (Case("always", "comment_removed"),)),
            ("restore", meaning.other_comment_restore, _COMMENT),
        )
    },
    **{
        f"{thing}_edit": _nothing("an edit changes no figure")
        for thing in (
            "message", "messages", "wall_reply", "board_post", "photo_comment", "video_comment", "market_comment",
            "market_order", "group_officers",
        )
    },
    **{
        name: _nothing("no figure follows from it")
        for name in (
            "message_allow", "message_deny", "message_event", "message_read", "message_typing_state",
            "message_reaction_event", "photo_new", "video_new", "audio_new", "group_change_photo",
            "group_change_settings", "user_block", "user_unblock", "lead_forms_new", "market_order_new", "app_payload",
            "vkpay_transaction", "wall_schedule_post_new", "wall_schedule_post_delete", "donut_subscription_create",
            "donut_subscription_prolonged", "donut_subscription_expired", "donut_subscription_cancelled",
            "donut_subscription_price_changed", "donut_money_withdraw", "donut_money_withdraw_error",
        )
    },
}  # fmt: skip

#: What the administrator of a page switches on at VK.
WANTED_TYPES: Final = tuple(name for name, kind in TYPES.items() if kind.read is not None)


class Vk:
    """The adapter of VK."""

    name = "vk"

    def __init__(self) -> None:
        self._envelope = msgspec.json.Decoder(Envelope).decode

    def receive(self, request: Request, known: Knowledge) -> Accepted | Denied:
        """What a call means. Only a call with an active secret of its community is read."""
        try:
            call = self._envelope(request.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Denied(400, "not_a_callback")
        page = str(call.group_id)
        source = known.sources.get(page)
        if source is None or not source.secrets:
            # Never open: without a secret anybody could invent appeals. VK comes again, perhaps after `sources add`.
            return Denied(503, "not_configured", again=True)
        if call.type == "confirmation":
            return _confirm(call, page, source)
        if not _is_secret(call.secret, source):
            return Denied(403, "wrong_secret", page)
        return self._read(call, page, request.at_ms, known)

    def _read(self, call: Envelope, page: str, at_ms: int, known: Knowledge) -> Accepted:
        kind = TYPES.get(call.type)
        if kind is None:
            # VK's own list of types has gaps, and grows: an unknown one must not stop the callback.
            name = call.type if NAME.fullmatch(call.type) else ""
            reason = f"VK's type {name} is not known." if name else "VK's type is not known."
            return Accepted(UNKNOWN, page, OK, rejections=(_rejection("type", reason, name, at_ms),))
        if kind.read is None:
            return Accepted(call.type, page, OK)
        names = _names(known.identity, page)
        call_id = meaning.call_id(known, call.group_id, call.type, call.event_id, call.object)
        try:
            events = kind.read(meaning.Call(call.group_id, call.object, call_id, at_ms, known, names))
        except meaning.UnreadableError as error:
            rejection = _rejection(error.field, error.reason, call.type, at_ms)
        except msgspec.ValidationError as error:
            found = from_decoder(str(error))
            rejection = _rejection(found.field, found.reason, call.type, at_ms)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            rejection = _rejection("object", "Field `object` is not valid JSON.", call.type, at_ms)
        else:
            return Accepted(call.type, page, OK, events=events)
        # Acknowledged all the same: VK would send it again for hours, and then stop calling.
        return Accepted(call.type, page, OK, rejections=(rejection,))


@lru_cache(maxsize=4_096)
def _names(key: IdentityKey, page: str) -> PageNames:
    return PageNames(key, f"vk:{page}")


def _confirm(call: Envelope, page: str, source: Source) -> Accepted | Denied:
    """VK's handshake. The secret may be missing: VK confirms an address before a secret is set there."""
    if call.secret is not None and not _is_secret(call.secret, source):
        return Denied(403, "wrong_secret", page)
    if source.confirmation is None:
        return Denied(503, "no_confirmation", page, again=True)
    return Accepted("confirmation", page, source.confirmation)


def _is_secret(given: str | None, source: Source) -> bool:
    """Compared in constant time with every active secret, whatever the first comparison gives."""
    sent = (given or "").encode("utf-8", "surrogatepass")
    found = [hmac.compare_digest(sent, secret.encode()) for secret in source.secrets]
    return any(found)


def _rejection(field: str, reason: str, origin: str, at_ms: int) -> Rejection:
    return Rejection(
        v=VERSION, at=at_ms, source=meaning.SOURCE, field=field[:64], reason=reason[:300], origin=origin or None
    )
