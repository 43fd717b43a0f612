"""What VK sends in ``object``, as far as it is read. What is not declared here is never decoded.

No name is declared, and no text but that of a message in a discussion, for the address at its beginning.

Source: VKCOM/vk-api-schema, API 5.199, ``callback``, ``wall``, ``board``, ``messages``; older forms where they differ.
"""

from __future__ import annotations

from typing import Annotated, Final

from msgspec import Meta, Raw, Struct

#: A field that is absent or null, where what it holds is not decoded.
ABSENT: Final = (b"", b"null")

#: All ids are signed 64-bit numbers; communities have negative ones.
Id = Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
#: Seconds since 1970 (UTC).
Seconds = Annotated[int, Meta(ge=0, le=1 << 40)]


class Envelope(Struct):
    """The body of every call (``callback_base``)."""

    type: Annotated[str, Meta(max_length=64)]
    group_id: Annotated[int, Meta(ge=1, le=(1 << 63) - 1)]
    object: Raw = Raw(b"null")
    event_id: Annotated[str, Meta(max_length=128)] | None = None
    secret: Annotated[str, Meta(max_length=256)] | None = None


class RepliedMessage(Struct):
    """The message that a message of a dialogue replies to."""

    conversation_message_id: Id | None = None
    id: Id | None = None


class Message(Struct):
    """``messages_message``. ``admin_author_id`` is there when a clerk wrote it; it is looked at, never kept."""

    date: Seconds
    from_id: Id
    peer_id: Id | None = None
    id: Id | None = None
    conversation_message_id: Id | None = None
    out: int = 0
    admin_author_id: Id | None = None
    action: Raw = Raw()
    reply_message: RepliedMessage | None = None


class WrappedMessage(Struct):
    """``callback_message_object`` since API 5.103; before, the message itself."""

    message: Raw = Raw()


class Comment(Struct):
    """``wall_wall_comment``, also of photos, videos and goods."""

    id: Id
    from_id: Id
    date: Seconds
    post_id: Id | None = None
    owner_id: Id | None = None
    post_owner_id: Id | None = None
    reply_to_user: Id | None = None
    reply_to_comment: Id | None = None
    parents_stack: list[Id] = []


class CommentDeleted(Struct):
    """``callback_wall_comment_delete`` and its kin."""

    id: Id
    owner_id: Id | None = None
    post_id: Id | None = None


class TopicComment(Struct):
    """``board_topic_comment``. ``text`` may begin with the address of the message that it replies to."""

    id: Id
    from_id: Id
    date: Seconds
    topic_id: Id
    text: str = ""


class TopicCommentDeleted(Struct):
    """``callback_board_post_delete``."""

    id: Id
    topic_id: Id


class Video(Struct):
    """What tells a broadcast and a clip from a video."""

    live: int | bool | None = None
    type: str | None = None


class Attachment(Struct):
    """``wall_wallpost_attachment``."""

    type: str
    video: Video | None = None


class CopiedPost(Struct):
    """The post that was reposted."""

    id: Id | None = None
    owner_id: Id | None = None


class Post(Struct):
    """``wall_wallpost_full``."""

    id: Id
    from_id: Id
    date: Seconds
    owner_id: Id | None = None
    post_type: str | None = None
    attachments: list[Attachment] = []
    copy_history: list[CopiedPost] = []


class Like(Struct):
    """``callback_like_add_remove``."""

    liker_id: Id
    object_type: str
    object_id: Id
    object_owner_id: Id | None = None


class Joined(Struct):
    """``callback_group_join``."""

    user_id: Id
    join_type: str | None = None


class OfUser(Struct):
    """What names its person only: leaving, a vote."""

    user_id: Id | None = None
