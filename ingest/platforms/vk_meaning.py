"""What VK's calls mean: each function reads the object of one type and gives the events that follow from it."""

from __future__ import annotations

import re
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Raw, Struct

from ingest.identities import identity
from ingest.platforms import vk_objects as vk
from ingest.platforms.naming import PageNames
from ingest.platforms.platform import Knowledge
from schemas.contract import VERSION
from schemas.contract.events import MAX_AHEAD_MS, Event, Format, Kind
from schemas.contract.identifiers import UNKNOWN_PLACE

SOURCE: Final = "vk-callback"
CLERK: Final = "Администратор страницы"
#: Chats of several people have these numbers (``peer_id``): 2,000,000,000 and the number of the chat.
_FIRST_CHAT: Final = 2_000_000_000
_LAST_CHAT: Final = 2_100_000_000
_YEAR_MS: Final = 366 * 86_400_000
_HORIZON_MS: Final = 20 * _YEAR_MS
#: A reply in a discussion begins with the address of what it replies to: ``[id55501:bp-123_77|…], text``.
_TOPIC_REPLY: Final = re.compile(r"\[(id|club)(\d{1,19}):bp-(\d{1,19})_(\d{1,19})\|")
_JOINED: Final = ("join", "accepted", "approved")

_DECODERS: Final[dict[type[Any], msgspec.json.Decoder[Any]]] = {}

Events = tuple[Event, ...]
Read = TypeVar("Read")


class UnreadableError(Exception):
    """The object cannot be read; ``field`` and ``reason`` repeat none of its values."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason


class Call(Struct, frozen=True):
    """One call of VK: the community, the object, and what names the call when it is sent again."""

    group: int
    raw: Raw
    #: VK's ``event_id``, else a hash of the object.
    call_id: str
    #: When the call came, milliseconds UTC. Types without a date of their own happen then.
    came_ms: int
    known: Knowledge
    names: PageNames

    def read(self, kind: type[Read]) -> Read:
        """The object as ``kind``. Raises msgspec.ValidationError."""
        return _decoded(kind, self.raw)

    def moment(self, date: int) -> int:
        """A date of VK in milliseconds. Raises UnreadableError where it cannot be one."""
        at = date * 1000
        if at > self.came_ms + MAX_AHEAD_MS:
            raise UnreadableError("date", "Field `date` is more than 10 minutes ahead of the time the call came.")
        if at < self.came_ms - _HORIZON_MS:
            raise UnreadableError("date", "Field `date` is more than 20 years ago.")
        return at

    def is_page(self, account: int) -> bool:
        """Whether the page itself speaks: a community's id is negative."""
        return account == -self.group

    def event(self, kind: Kind, at: int, *fact: object, author: int | None = None, **fields: Any) -> Event:
        """An event of this page; ``fact`` names it, ``author`` is the native id of a person, or of nobody."""
        record = self.known.register.at("vk", str(self.group), at)
        return Event(
            v=VERSION,
            id=self.names.event(kind, *map(str, fact)),
            kind=kind,
            at=at,
            source=SOURCE,
            place=UNKNOWN_PLACE if record is None else record.place,
            channel="vk",
            entrance="public_page",
            page=self.names.page,
            author=self.known.authors.pseudonym("vk", str(author), at) if author is not None and author > 0 else None,
            **fields,
        )

    def appeal(self, at: int, citizen: int, message: tuple[str, ...], *where: str) -> Events:
        """A message of a citizen that is an appeal, or belongs to one of the same day and thread."""
        thread = self.names.thread(str(citizen), *where)
        appeal = self.names.appeal(thread, at)
        named = self.names.message(*message)
        return (self.event("appeal_received", at, appeal, author=citizen, appeal=appeal, thread=thread, message=named),)

    def post(self, owner: int | None, post: int | None) -> str | None:
        """The public id of a post on this page's wall; None for one on another wall."""
        if post is None or post <= 0 or (owner is not None and owner != -self.group):
            return None
        return f"{self.names.page}_{post}"


def message_new(call: Call) -> Events:
    """A message to the page."""
    message = _message(call)
    if message.out or message.from_id <= 0 or bytes(message.action) not in vk.ABSENT or _in_group_chat(message):
        return ()
    at = call.moment(message.date)
    return call.appeal(at, message.from_id, _in_dialogue(message.from_id, message), "dialogue")


def message_reply(call: Call) -> Events:
    """A message of the page. Only a clerk's is an answer: greetings and bots have no ``admin_author_id``."""
    message = _message(call)
    citizen = message.peer_id
    if not message.admin_author_id or citizen is None or citizen <= 0 or _in_group_chat(message):
        return ()
    at = call.moment(message.date)
    said = _in_dialogue(citizen, message)
    replied = message.reply_message
    reply_to = None if replied is None else call.names.message(*_in_dialogue(citizen, replied))
    thread = call.names.thread(str(citizen), "dialogue")
    return (call.event("appeal_answered", at, *said, thread=thread, reply_to=reply_to, responder=CLERK),)


def wall_reply_new(call: Call) -> Events:
    """A comment under a post: of a citizen, of another community, or of the page."""
    comment = call.read(vk.Comment)
    at = call.moment(comment.date)
    owner = comment.owner_id if comment.owner_id is not None else comment.post_owner_id
    post = call.post(owner, comment.post_id)
    if not call.is_page(comment.from_id):
        return (call.event("comment_added", at, "wall", comment.id, author=comment.from_id, object=post),)
    target = comment.reply_to_comment or (comment.parents_stack[-1] if comment.parents_stack else None)
    if not target:
        return ()
    citizen = comment.reply_to_user
    thread = None
    if citizen is not None and citizen > 0 and comment.post_id is not None:
        thread = call.names.thread(str(citizen), "post", str(comment.post_id))
    reply_to = call.names.message("wall", str(target))
    return (
        call.event(
            "appeal_answered", at, "wall", comment.id, thread=thread, reply_to=reply_to, responder=CLERK, object=post
        ),
    )


def wall_reply_delete(call: Call) -> Events:
    """A comment was removed; by whom is not told for certain."""
    deleted = call.read(vk.CommentDeleted)
    return _now(call, "comment_removed", object=call.post(deleted.owner_id, deleted.post_id))


def wall_reply_restore(call: Call) -> Events:
    """A removed comment is back."""
    comment = call.read(vk.Comment)
    if call.is_page(comment.from_id):
        return ()
    owner = comment.owner_id if comment.owner_id is not None else comment.post_owner_id
    return _now(call, "comment_added", author=comment.from_id, object=call.post(owner, comment.post_id))


def other_comment_new(call: Call) -> Events:
    """A comment under a photo, a video or goods."""
    comment = call.read(vk.Comment)
    if call.is_page(comment.from_id):
        return ()
    return (call.event("comment_added", call.moment(comment.date), call.call_id, author=comment.from_id),)


def other_comment_delete(call: Call) -> Events:
    """Such a comment was removed."""
    call.read(vk.CommentDeleted)
    return _now(call, "comment_removed")


def other_comment_restore(call: Call) -> Events:
    """Such a comment is back."""
    comment = call.read(vk.Comment)
    return () if call.is_page(comment.from_id) else _now(call, "comment_added", author=comment.from_id)


def wall_post_new(call: Call) -> Events:
    """A post on the wall, or one that a citizen suggests to the page."""
    post = call.read(vk.Post)
    at = call.moment(post.date)
    if post.post_type == "suggest":
        if post.from_id <= 0:
            return ()
        return call.appeal(at, post.from_id, ("suggested", str(post.id)), "suggested")
    if post.post_type not in (None, "post", "copy", "photo", "video", "clip"):
        return ()
    if not call.is_page(post.from_id):
        return (call.event("comment_added", at, "post", post.id, author=post.from_id),)
    public = call.post(post.owner_id, post.id)
    if public is None:
        return ()
    return (call.event("post_published", at, public, object=public, format=_format(post)),)


def wall_repost(call: Call) -> Events:
    """A post of the page on somebody's own wall."""
    post = call.read(vk.Post)
    original = post.copy_history[0] if post.copy_history else vk.CopiedPost()
    of_page = call.post(original.owner_id, original.id) if original.owner_id is not None else None
    fact = (post.from_id, post.id)
    return (call.event("repost_added", call.moment(post.date), *fact, author=post.from_id, object=of_page),)


def like_add(call: Call) -> Events:
    """A like of a post, a photo or a video."""
    return _like(call, "reaction_added")


def like_remove(call: Call) -> Events:
    """A like was taken back."""
    return _like(call, "reaction_removed")


def board_post_new(call: Call) -> Events:
    """A message in a discussion: of a citizen, of the page, or of another community."""
    comment = call.read(vk.TopicComment)
    at = call.moment(comment.date)
    topic = str(comment.topic_id)
    if comment.from_id > 0:
        return call.appeal(at, comment.from_id, ("topic", topic, str(comment.id)), "topic", topic)
    replied = _TOPIC_REPLY.match(comment.text)
    if not call.is_page(comment.from_id) or replied is None:
        return ()
    kind, account, _, message = replied.groups()
    thread = call.names.thread(account, "topic", topic) if kind == "id" else None
    reply_to = call.names.message("topic", topic, message)
    return (
        call.event(
            "appeal_answered", at, "topic", topic, comment.id, thread=thread, reply_to=reply_to, responder=CLERK
        ),
    )


def board_post_delete(call: Call) -> Events:
    """A message of a discussion was removed. VK does not tell its author, so it counts as removed by the page."""
    return _board_change(call, "appeal_removed")


def board_post_restore(call: Call) -> Events:
    """A removed message of a discussion is back."""
    return _board_change(call, "appeal_restored")


def group_join(call: Call) -> Events:
    """A subscriber joined. A request to join is none yet."""
    joined = call.read(vk.Joined)
    return _now(call, "subscriber_joined", author=joined.user_id) if joined.join_type in _JOINED else ()


def group_leave(call: Call) -> Events:
    """A subscriber left, or was removed."""
    return _now(call, "subscriber_left", author=call.read(vk.OfUser).user_id)


def poll_vote_new(call: Call) -> Events:
    """A vote in a poll."""
    return _now(call, "vote_added", author=call.read(vk.OfUser).user_id)


def _now(call: Call, kind: Kind, *, author: int | None = None, object: str | None = None) -> Events:
    return (call.event(kind, call.came_ms, call.call_id, author=author, object=object),)


def _like(call: Call, kind: Kind) -> Events:
    like = call.read(vk.Like)
    if like.object_type not in ("post", "photo", "video"):
        return ()
    post = call.post(like.object_owner_id, like.object_id) if like.object_type == "post" else None
    return _now(call, kind, author=like.liker_id, object=post)


def _board_change(call: Call, kind: Kind) -> Events:
    changed = call.read(vk.TopicCommentDeleted)
    message = call.names.message("topic", str(changed.topic_id), str(changed.id))
    return (call.event(kind, call.came_ms, call.call_id, message=message),)


def _message(call: Call) -> vk.Message:
    wrapped = call.read(vk.WrappedMessage).message
    return _decoded(vk.Message, call.raw if bytes(wrapped) in vk.ABSENT else wrapped)


def _decoded(kind: type[Read], raw: Raw) -> Read:
    # A decoder that is made once halves the time that a small object takes.
    decoder = _DECODERS.get(kind)
    if decoder is None:
        decoder = _DECODERS[kind] = msgspec.json.Decoder(kind)
    found: Read = decoder.decode(raw)
    return found


def _in_group_chat(message: vk.Message) -> bool:
    return message.peer_id is not None and _FIRST_CHAT <= message.peer_id <= _LAST_CHAT


def _in_dialogue(citizen: int, message: vk.Message | vk.RepliedMessage) -> tuple[str, ...]:
    """A message's number in its dialogue, which both sides see; the older API has the community's own number only."""
    if message.conversation_message_id:
        return ("dialogue", str(citizen), str(message.conversation_message_id))
    if not message.id:
        raise UnreadableError("conversation_message_id", "Field `conversation_message_id` is missing.")
    return ("dialogue", str(citizen), "id", str(message.id))


def _format(post: vk.Post) -> Format:
    kinds = {attachment.type for attachment in post.attachments}
    videos = [each.video for each in post.attachments if each.type == "video" and each.video is not None]
    if "textlive" in kinds or any(video.live for video in videos):
        return "live"
    if post.post_type == "clip" or "clip" in kinds or any(video.type == "short_video" for video in videos):
        return "clip"
    if kinds & {"video", "video_playlist"}:
        return "video"
    if "article" in kinds:
        return "article"
    return "photo" if kinds & {"photo", "photos_list", "posted_photo", "album"} else "text"


def call_id(known: Knowledge, group: int, kind: str, event_id: str | None, raw: Raw) -> str:
    """What names a call when it is sent again: VK's ``event_id``; before API 5.103, a keyed hash of the object."""
    return event_id or identity(known.identity, "vk-call", str(group), kind, bytes(raw).decode("utf-8", "replace"))
