"""Calls of VK with invented people: the forms of API 5.199, one function for each type that has a meaning."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from itertools import count
from typing import Any

from ingest.author_keys import AuthorKey, AuthorKeys
from ingest.identities import IdentityKey
from ingest.platforms.platform import Accepted, Denied, Knowledge, Request
from ingest.platforms.vk import Vk
from ingest.registers.page_register import SINCE_EVER, PageRegister, PageRow
from ingest.sources import Source

GROUP = 123456
PAGE = f"vk:{GROUP}"
PLACE = "57701000"
SECRET = "a-secret-of-forty-characters-or-about-so"
FORMER = "the-former-secret"
CONFIRMATION = "1a2b3c4d"
#: 2025-11-21T08:00:00Z, and the moment at which calls come.
DATE = 1_763_712_000
CAME_MS = DATE * 1000 + 2_000
#: Long enough not to turn up in a hash by chance.
CITIZEN, NEIGHBOUR, CLERK = 555_010_000_001, 555_010_000_002, 777_000_000_003

_numbers = count(1)


def knowledge(**changes: Any) -> Knowledge:
    """What the adapter knows: one source, its page in the register, keys of zeros and ones."""
    known: dict[str, Any] = {
        "sources": {
            str(GROUP): Source(
                page=str(GROUP), secrets=(SECRET, FORMER), added_at=DATE * 1000, confirmation=CONFIRMATION
            )
        },
        "register": PageRegister([PageRow(PAGE, SINCE_EVER, None, PLACE)]),
        "identity": IdentityKey(bytes(32)),
        "authors": AuthorKeys([AuthorKey(date(1970, 1, 1), IdentityKey(bytes([1]) * 32))]),
    }
    return Knowledge(**(known | changes))


def body(kind: str, object: Any, **envelope: Any) -> bytes:
    """The body of a call; ``envelope`` replaces its fields."""
    said = {
        "type": kind,
        "group_id": GROUP,
        "event_id": f"event-{next(_numbers)}",
        "v": "5.199",
        "secret": SECRET,
        "object": object,
    }
    return json.dumps({key: value for key, value in (said | envelope).items() if value is not None}).encode()


def received(
    body: bytes, known: Knowledge | None = None, headers: Mapping[str, str] | None = None
) -> Accepted | Denied:
    """What the adapter makes of a body."""
    return Vk().receive(Request(body, headers or {}, CAME_MS), known or knowledge())


def message(citizen: int = CITIZEN, cmid: int = 12, date: int = DATE, **fields: Any) -> dict[str, Any]:
    """The object of ``message_new``."""
    said = {
        "id": 77, "date": date, "peer_id": citizen, "from_id": citizen, "out": 0, "conversation_message_id": cmid,
        "text": "Во дворе не вывозят мусор", "attachments": [], "important": False, "is_hidden": False, "random_id": 0,
    }  # fmt: skip
    return {"message": said | fields, "client_info": {"keyboard": True, "lang_id": 0}}


def reply(citizen: int = CITIZEN, cmid: int = 13, date: int = DATE + 60, **fields: Any) -> dict[str, Any]:
    """The object of ``message_reply``: a clerk's answer."""
    said = {
        "id": 78, "date": date, "peer_id": citizen, "from_id": -GROUP, "out": 1, "conversation_message_id": cmid,
        "text": "Заявка передана", "attachments": [], "admin_author_id": CLERK,
    }  # fmt: skip
    return said | fields


def comment(author: int = CITIZEN, number: int = 991, post: int = 42, **fields: Any) -> dict[str, Any]:
    """The object of ``wall_reply_new``."""
    said = {
        "id": number, "from_id": author, "owner_id": -GROUP, "post_id": post, "post_owner_id": -GROUP, "date": DATE,
        "text": "Когда почините фонари?", "parents_stack": [], "attachments": [],
    }  # fmt: skip
    return said | fields


def post(author: int = -GROUP, number: int = 42, **fields: Any) -> dict[str, Any]:
    """The object of ``wall_post_new``."""
    said = {
        "inner_type": "wall_wallpost", "id": number, "owner_id": -GROUP, "from_id": author, "created_by": CLERK,
        "date": DATE, "post_type": "post", "text": "Отключение воды", "attachments": [],
    }  # fmt: skip
    return said | fields


def topic_message(author: int = CITIZEN, number: int = 3, topic: int = 6, **fields: Any) -> dict[str, Any]:
    """The object of ``board_post_new``."""
    said = {
        "id": number, "from_id": author, "date": DATE, "text": "Яма на дороге", "topic_id": topic,
        "topic_owner_id": -GROUP,
    }  # fmt: skip
    return said | fields


def like(liker: int = CITIZEN, kind: str = "post", number: int = 42, **fields: Any) -> dict[str, Any]:
    """The object of ``like_add`` and ``like_remove``."""
    said = {"liker_id": liker, "object_type": kind, "object_owner_id": -GROUP, "object_id": number, "post_id": 0}
    return said | fields


CLIP = {"type": "video", "video": {"type": "short_video"}}
IN_TOPIC = f"[id{CITIZEN}:bp-{GROUP}_3|Имя], сделано"

#: One call for each case of each type: name, type, object.
EVERY_CASE: tuple[tuple[str, str, Any], ...] = (
    ("a citizen writes to the page", "message_new", message()),
    ("in a chat of several people", "message_new", message(peer_id=2_000_000_001)),
    ("a citizen writes, in an old form", "message_new", message(peer_id=None)),
    ("a service message", "message_new", message(action={"type": "chat_invite_user"})),
    ("a clerk answers", "message_reply", reply()),
    ("a clerk answers one message", "message_reply", reply(reply_message={"conversation_message_id": 12, "text": "…"})),
    ("a greeting", "message_reply", reply(admin_author_id=None)),
    ("a citizen comments", "wall_reply_new", comment()),
    ("another community comments", "wall_reply_new", comment(-999)),
    (
        "the page replies to a comment",
        "wall_reply_new",
        comment(-GROUP, 992, reply_to_comment=991, reply_to_user=CITIZEN, parents_stack=[991]),
    ),
    ("the page replies within a branch", "wall_reply_new", comment(-GROUP, 993, parents_stack=[991])),
    ("the page comments", "wall_reply_new", comment(-GROUP, 994)),
    ("a comment is removed", "wall_reply_delete", {"owner_id": -GROUP, "id": 991, "deleter_id": CLERK, "post_id": 42}),
    ("a comment is back", "wall_reply_restore", comment()),
    ("a comment of the page is back", "wall_reply_restore", comment(-GROUP, 994)),
    ("a citizen suggests a post", "wall_post_new", post(CITIZEN, 50, post_type="suggest")),
    ("the page publishes a text", "wall_post_new", post()),
    ("the page publishes a photo", "wall_post_new", post(number=43, attachments=[{"type": "photo"}])),
    ("the page publishes a clip", "wall_post_new", post(number=44, attachments=[CLIP])),
    ("the page goes live", "wall_post_new", post(number=45, attachments=[{"type": "video", "video": {"live": 1}}])),
    ("a citizen writes on the wall", "wall_post_new", post(CITIZEN, 46)),
    ("a postponed post", "wall_post_new", post(number=47, post_type="postpone")),
    (
        "a citizen reposts",
        "wall_repost",
        post(CITIZEN, 9, owner_id=CITIZEN, copy_history=[{"id": 42, "owner_id": -GROUP, "from_id": -GROUP}]),
    ),
    ("a like of a post", "like_add", like()),
    ("a like of a photo", "like_add", like(kind="photo")),
    ("a like of a comment", "like_add", like(kind="comment")),
    ("a like is taken back", "like_remove", like()),
    ("a like of a comment is taken back", "like_remove", like(kind="comment")),
    ("a citizen writes in a discussion", "board_post_new", topic_message()),
    ("the page answers there", "board_post_new", topic_message(-GROUP, 4, text=IN_TOPIC)),
    ("the page speaks there", "board_post_new", topic_message(-GROUP, 5)),
    ("a message there is removed", "board_post_delete", {"topic_owner_id": -GROUP, "topic_id": 6, "id": 3}),
    ("a message there is back", "board_post_restore", topic_message()),
    ("a subscriber joins", "group_join", {"user_id": CITIZEN, "join_type": "join"}),
    ("somebody asks to join", "group_join", {"user_id": CITIZEN, "join_type": "request"}),
    ("a subscriber leaves", "group_leave", {"user_id": CITIZEN, "self": 1}),
    ("a vote", "poll_vote_new", {"owner_id": -GROUP, "poll_id": 4, "option_id": 3, "user_id": CITIZEN}),
    *(
        case
        for thing in ("photo", "video", "market")
        for case in (
            (f"a citizen comments on {thing}", f"{thing}_comment_new", comment()),
            (f"the page comments on {thing}", f"{thing}_comment_new", comment(-GROUP)),
            (f"a comment on {thing} is removed", f"{thing}_comment_delete", {"id": 4, "user_id": CITIZEN}),
            (f"a comment on {thing} is back", f"{thing}_comment_restore", comment()),
            (f"the page's comment on {thing} is back", f"{thing}_comment_restore", comment(-GROUP)),
        )
    ),
)  # fmt: skip
