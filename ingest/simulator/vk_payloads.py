"""Synthetic events as VK would send them: native calls for the webhook, made from the contract's events alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec
from msgspec import Struct

from schemas.contract.events import Event

#: Accounts of synthetic citizens have numbers from here on: none of VK's, and no chat of several people.
_ACCOUNTS: Final = 1 << 40
_CLERK: Final = _ACCOUNTS - 1
_PAGE: Final = re.compile(r"vk:(\d{1,18})")
_TEXT: Final = "Синтетическое сообщение"
_ATTACHMENTS: Final[dict[str, Any]] = {
    "photo": {"type": "photo"},
    "video": {"type": "video", "video": {}},
    "clip": {"type": "video", "video": {"type": "short_video"}},
    "article": {"type": "article"},
    "live": {"type": "video", "video": {"live": 1}},
}


class VkCall(Struct, frozen=True):
    """One call: the community, and the body as VK posts it."""

    group: int
    body: bytes


class VkPayloads:
    """Turns events of VK pages into calls. ``secret_of`` gives the secret of a community.

    A citizen is the number of a thread, so the calls of one conversation come from one citizen. The adapter makes its
    own appeals of them: a thread on one Moscow day. What VK cannot say (an appeal is assigned, closed, rated ...) has
    no call.
    """

    def __init__(self, secret_of: Callable[[int], str]) -> None:
        self._secret_of = secret_of
        self._decode = msgspec.json.Decoder(Event).decode
        #: Messages in discussions, by their identity: a removal names the message only.
        self._in_topics: dict[str, tuple[int, int]] = {}

    def call(self, value: bytes) -> VkCall | None:
        """The call for an event of the topic ``events``, encoded; None where VK would not send one."""
        event: Event = self._decode(value)
        page = _PAGE.fullmatch(event.page or "")
        if page is None or event.channel != "vk" or event.entrance != "public_page" or event.amount != 1:
            return None
        group = int(page[1])
        made = self._object(event, group)
        if made is None:
            return None
        kind, said = made
        envelope = {"type": kind, "event_id": event.id, "v": "5.199", "object": said, "group_id": group}
        return VkCall(group, msgspec.json.encode(envelope | {"secret": self._secret_of(group)}))

    def _object(self, event: Event, group: int) -> tuple[str, Any] | None:
        if event.kind == "appeal_received":
            return self._message(event, group)
        if event.kind in ("appeal_answered", "appeal_interim"):
            return self._answer(event, group)
        if event.kind in ("appeal_removed", "appeal_restored"):
            return self._removal(event, group)
        author = _account(event.author) if event.author is not None else 0
        post = _post(event.object)
        date = event.at // 1000
        number = _number(event.id)
        match event.kind:
            case "comment_added":
                # Without an author it is another community's.
                return "wall_reply_new", _comment(number, author or -1, group, post, date)
            case "comment_removed":
                return "wall_reply_delete", {"id": number, "owner_id": -group, "post_id": post, "deleter_id": _CLERK}
            case "reaction_added" | "reaction_removed":
                like = {"liker_id": author, "object_type": "post", "object_owner_id": -group, "object_id": post}
                return "like_add" if event.kind == "reaction_added" else "like_remove", like
            case "repost_added":
                copy = [{"id": post, "owner_id": -group, "from_id": -group}]
                return "wall_repost", _wall(number, author, author, date) | {"copy_history": copy}
            case "vote_added":
                return "poll_vote_new", {"owner_id": -group, "poll_id": post, "option_id": 1, "user_id": author}
            case "subscriber_joined":
                return "group_join", {"user_id": author, "join_type": "join"}
            case "subscriber_left":
                return "group_leave", {"user_id": author, "self": 1}
            case "post_published":
                attached = _ATTACHMENTS.get(event.format or "")
                said = _wall(post, -group, -group, date) | {"created_by": _CLERK}
                return "wall_post_new", said | {"attachments": [attached] if attached else []}
        return None

    def _message(self, event: Event, group: int) -> tuple[str, Any] | None:
        if event.thread is None:
            return None
        citizen, number, date = _account(event.thread), _number(event.message or event.id), event.at // 1000
        match _where(event.thread):
            case "topic":
                topic = _topic(event.thread)
                if event.message is not None:
                    self._in_topics[event.message] = (topic, number)
                return "board_post_new", _in_topic(number, citizen, topic, group, date, _TEXT)
            case "suggested":
                return "wall_post_new", _wall(number, citizen, -group, date) | {"post_type": "suggest"}
        return "message_new", {"message": _dialogue(number, citizen, citizen, date), "client_info": {"lang_id": 0}}

    def _answer(self, event: Event, group: int) -> tuple[str, Any] | None:
        if event.thread is None:
            return None
        citizen, number, date = _account(event.thread), _number(event.id), event.at // 1000
        match _where(event.thread):
            case "topic":
                replied = _number(event.reply_to) if event.reply_to is not None else 0
                text = f"[id{citizen}:bp-{group}_{replied}|Синтетический житель], {_TEXT}"
                return "board_post_new", _in_topic(number, -group, _topic(event.thread), group, date, text)
            case "suggested":
                return None
        said = _dialogue(number, -group, citizen, date) | {"out": 1, "admin_author_id": _CLERK}
        if event.reply_to is not None:
            said["reply_message"] = {"conversation_message_id": _number(event.reply_to), "text": _TEXT}
        return "message_reply", said

    def _removal(self, event: Event, group: int) -> tuple[str, Any] | None:
        known = self._in_topics.get(event.message or "")
        if known is None:
            return None
        topic, number = known
        said = {"topic_owner_id": -group, "topic_id": topic, "id": number}
        if event.kind == "appeal_removed":
            return "board_post_delete", said
        return "board_post_restore", said | {"from_id": -1, "date": event.at // 1000, "text": _TEXT}


def _where(thread: str) -> str:
    """Seven threads of ten are dialogues, two are discussions, one is a suggested post."""
    draw = int(thread[:4], 16) % 10
    return "dialogue" if draw < 7 else "topic" if draw < 9 else "suggested"


def _account(identity: str) -> int:
    return _ACCOUNTS + int(identity[:10], 16)


def _number(identity: str) -> int:
    return 1 + int(identity[:12], 16)


def _topic(thread: str) -> int:
    return 1 + int(thread[4:8], 16) % 20


def _post(public: str | None) -> int:
    """The number of a post whose public id is ``<page>_<number>``; VK's numbers begin at 1."""
    digits = (public or "").rpartition("_")[2]
    return max(1, int(digits)) if digits.isdigit() else 1


def _dialogue(number: int, author: int, peer: int, date: int) -> dict[str, Any]:
    return {
        "id": number, "date": date, "peer_id": peer, "from_id": author, "out": 0, "conversation_message_id": number,
        "text": _TEXT, "attachments": [], "important": False, "is_hidden": False, "random_id": 0,
    }  # fmt: skip


def _comment(number: int, author: int, group: int, post: int, date: int) -> dict[str, Any]:
    return {
        "id": number, "from_id": author, "owner_id": -group, "post_id": post, "date": date, "text": _TEXT,
        "parents_stack": [], "attachments": [],
    }  # fmt: skip


def _wall(number: int, author: int, owner: int, date: int) -> dict[str, Any]:
    return {
        "inner_type": "wall_wallpost", "id": number, "from_id": author, "owner_id": owner, "date": date,
        "post_type": "post", "text": _TEXT, "attachments": [],
    }  # fmt: skip


def _in_topic(number: int, author: int, topic: int, group: int, date: int, text: str) -> dict[str, Any]:
    return {"id": number, "from_id": author, "date": date, "text": text, "topic_id": topic, "topic_owner_id": -group}
