"""What VK's calls become: every case of the table, identities, secrets, and what stays behind."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import msgspec
import pytest

from ingest.platforms.payloads_page import PAGE as PAYLOADS_PAGE
from ingest.platforms.payloads_page import render
from ingest.platforms.platform import Accepted, Denied
from ingest.platforms.vk import OK, TYPES
from ingest.registers.page_register import PageRegister
from ingest.sources import Source
from schemas.contract.events import Event, EventValidator, encode_event
from schemas.contract.identifiers import UNKNOWN_PLACE
from schemas.contract.rejections import RejectionValidator, encode_rejection
from tests.ingest.platforms.builders.vk_calls import (
    CITIZEN,
    CLERK,
    CONFIRMATION,
    DATE,
    EVERY_CASE,
    FORMER,
    GROUP,
    NEIGHBOUR,
    PAGE,
    PLACE,
    SECRET,
    body,
    comment,
    knowledge,
    like,
    message,
    post,
    received,
    reply,
    topic_message,
)


def events(kind: str, object: Any, **envelope: Any) -> tuple[Event, ...]:
    answer = received(body(kind, object, **envelope))
    assert isinstance(answer, Accepted) and answer.reply == OK and not answer.rejections
    return answer.events


def event(kind: str, object: Any, **envelope: Any) -> Event:
    (found,) = events(kind, object, **envelope)
    return found


def test_the_table_says_what_the_adapter_does() -> None:
    became: dict[str, set[tuple[str | None, str]]] = defaultdict(set)
    judge = EventValidator()
    for _, kind, object in EVERY_CASE:
        found = events(kind, object)
        for each in found:
            assert isinstance(judge(encode_event(each)), Event)
            fields = [name for name in ("appeal", "reply_to", "thread", "message", "object") if getattr(each, name)]
            became[kind].add((each.kind, ", ".join(fields)))
        if not found:
            became[kind].add((None, ""))
    assert set(became) == {name for name, kind in TYPES.items() if kind.read is not None}
    for kind, seen in became.items():
        declared = TYPES[kind].cases
        assert {becomes for becomes, _ in seen} == {case.becomes for case in declared}, kind
        for becomes, named in seen:
            allowed = {field for case in declared if case.becomes == becomes for field in case.names.split(", ")}
            assert set(named.split(", ")) <= allowed | {""}, (kind, named)


def test_the_page_of_payloads_is_that_of_the_adapter() -> None:
    assert PAYLOADS_PAGE.read_text(encoding="utf-8") == render(), "run `python -m ingest.platforms.payloads_page`"


def test_messages_of_one_day_are_one_appeal_and_of_the_next_day_another() -> None:
    first = event("message_new", message(cmid=12))
    later = event("message_new", message(cmid=14, date=DATE + 600))
    assert (first.id, first.appeal, first.thread) == (later.id, later.appeal, later.thread)
    assert first.message != later.message and first.at != later.at
    # 2025-11-20T20:59:59Z and 21:00:00Z are two Moscow days.
    before, after = (event("message_new", message(cmid=n, date=1_763_672_399 + n)) for n in (0, 1))
    assert before.appeal != after.appeal and before.thread == after.thread


def test_what_the_page_itself_sent_is_no_appeal() -> None:
    assert events("message_new", message(out=1)) == events("message_new", message(from_id=-GROUP)) == ()


def test_two_citizens_are_two_threads_and_an_answer_finds_its_own() -> None:
    mine, theirs = event("message_new", message()), event("message_new", message(NEIGHBOUR))
    assert mine.thread != theirs.thread and mine.author != theirs.author
    answer = event("message_reply", reply(reply_message={"conversation_message_id": 12}))
    assert (answer.kind, answer.thread, answer.reply_to) == ("appeal_answered", mine.thread, mine.message)
    assert answer.author is None


def test_an_official_reply_names_the_comment_and_the_citizen_s_thread() -> None:
    to_me, to_them = (
        event("wall_reply_new", comment(-GROUP, 900 + n, reply_to_comment=991, reply_to_user=citizen))
        for n, citizen in enumerate((CITIZEN, NEIGHBOUR))
    )
    assert to_me.reply_to == to_them.reply_to and to_me.thread != to_them.thread
    assert to_me.kind == "appeal_answered" and to_me.object == f"{PAGE}_42"


def test_an_answer_in_a_discussion_names_the_message_it_replies_to() -> None:
    asked = event("board_post_new", topic_message())
    answer = event("board_post_new", topic_message(-GROUP, 4, text=f"[id{CITIZEN}:bp-{GROUP}_3|Имя], сделано"))
    assert (answer.reply_to, answer.thread) == (asked.message, asked.thread)


def test_a_removal_and_its_return_name_the_message_and_no_author() -> None:
    asked = event("board_post_new", topic_message())
    gone = event("board_post_delete", {"topic_owner_id": -GROUP, "topic_id": 6, "id": 3, "deleter_id": CLERK})
    back = event("board_post_restore", topic_message())
    assert gone.message == back.message == asked.message
    assert (gone.kind, back.kind) == ("appeal_removed", "appeal_restored")
    assert gone.author is None and back.author is None and gone.appeal is None


def test_a_call_that_comes_again_gives_the_same_events() -> None:
    for name, kind, object in EVERY_CASE:
        again = [events(kind, object, event_id="one") for _ in range(2)]
        assert again[0] == again[1], name
        # The older API has no `event_id`.
        older = [events(kind, object, event_id=None) for _ in range(2)]
        assert older[0] == older[1], name


def test_likes_that_come_and_go_are_facts_of_their_own() -> None:
    assert len({event("like_add", like(), event_id=f"e{n}").id for n in range(3)}) == 3


def test_a_page_that_the_register_does_not_know_stands_under_the_unknown_place() -> None:
    known = knowledge(register=PageRegister())
    answer = received(body("message_new", message()), known)
    assert isinstance(answer, Accepted) and answer.events[0].place == UNKNOWN_PLACE
    assert event("message_new", message()).place == PLACE


def test_a_comment_on_another_wall_names_no_post_of_this_page() -> None:
    assert event("wall_reply_new", comment(owner_id=-1, post_owner_id=-1)).object is None
    repost = post(CITIZEN, 9, owner_id=CITIZEN, copy_history=[{"id": 7, "owner_id": -1}])
    assert event("wall_repost", repost).object is None


@pytest.mark.parametrize("secret", [None, "", "x", SECRET + "x", SECRET[:-1], SECRET.upper(), "\udcff", "é"])
def test_a_wrong_secret_is_denied_and_nothing_is_read(secret: str | None) -> None:
    answer = received(body("message_new", message(), secret=secret))
    assert answer == Denied(403, "wrong_secret", str(GROUP)) or answer == Denied(400, "not_a_callback")


def test_both_secrets_are_active_while_one_replaces_the_other() -> None:
    for secret in (SECRET, FORMER):
        assert events("message_new", message(), secret=secret)


def test_without_a_secret_no_page_is_open() -> None:
    for sources in ({}, {str(GROUP): Source(page=str(GROUP), secrets=(), added_at=0)}):
        for kind in ("message_new", "confirmation"):
            answer = received(body(kind, message(), secret=""), knowledge(sources=sources))
            assert answer == Denied(503, "not_configured", again=True)


def test_the_handshake_is_answered_with_the_text_of_its_community() -> None:
    for secret in (SECRET, FORMER, None):
        answer = received(body("confirmation", None, secret=secret, event_id=None))
        assert isinstance(answer, Accepted) and answer.reply == CONFIRMATION and not answer.events
    assert received(body("confirmation", None, secret="wrong")) == Denied(403, "wrong_secret", str(GROUP))
    other = received(body("confirmation", None, group_id=1))
    assert isinstance(other, Denied) and other.reason == "not_configured"
    bare = knowledge(sources={str(GROUP): Source(page=str(GROUP), secrets=(SECRET,), added_at=0)})
    assert received(body("confirmation", None), bare) == Denied(503, "no_confirmation", str(GROUP), again=True)


def test_an_unknown_type_is_accepted_and_noted() -> None:
    answer = received(body("new_thing_added", {"user_id": CITIZEN, "text": "тайна"}))
    assert isinstance(answer, Accepted) and answer.reply == OK and answer.label == "unknown"
    (noted,) = answer.rejections
    assert (noted.field, noted.origin) == ("type", "new_thing_added")
    assert RejectionValidator()(encode_rejection(noted)) == noted
    strange = received(body("Тип +79991234567", {}))
    assert isinstance(strange, Accepted) and "999" not in repr(strange.rejections)


@pytest.mark.parametrize(
    ("object", "field"),
    [
        ({"message": message()["message"] | {"date": "вчера"}}, "date"),
        ({"message": message()["message"] | {"date": DATE + 700}}, "date"),
        ({"message": message()["message"] | {"date": 1}}, "date"),
        ({"message": {"date": DATE}}, "from_id"),
        ({"message": message()["message"] | {"from_id": 1 << 70}}, "from_id"),
        ({"message": message()["message"] | {"conversation_message_id": None, "id": None}}, "conversation_message_id"),
        ([], ""),
        ("+79991234567", ""),
        (None, ""),
    ],
)
def test_what_cannot_be_read_is_acknowledged_and_noted_without_its_contents(object: Any, field: str) -> None:
    answer = received(body("message_new", object))
    assert isinstance(answer, Accepted) and answer.reply == OK and not answer.events
    (noted,) = answer.rejections
    assert noted.field == field and noted.origin == "message_new"
    assert "вчера" not in noted.reason and "999" not in noted.reason
    assert RejectionValidator()(encode_rejection(noted)) == noted


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"null", b'{"type":1,"group_id":1}', b'{"type":"message_new"}', b"\xff", b"[" * 100_000]
)
def test_what_is_no_call_is_denied(raw: bytes) -> None:
    assert received(raw) == Denied(400, "not_a_callback")


def test_nothing_personal_leaves_the_adapter() -> None:
    marks = ("Маркова", "+79991234567", "mark@personal.example", str(CITIZEN), str(CLERK), "ул. Тайная")
    story = "Маркова, +79991234567, mark@personal.example, ул. Тайная"
    for name, kind, object in EVERY_CASE:
        said = json.loads(json.dumps(object))
        for place in (said, said.get("message", {})):
            place.update(text=story, screen_name=story, geo={"place": story}, signer_id=CLERK, first_name="Маркова")
        if kind == "board_post_new" and object["from_id"] < 0:
            said["text"] = object["text"].replace("Имя", "Маркова") + story
        answer = received(body(kind, said, user_name="Маркова"))
        assert isinstance(answer, Accepted), name
        written = b"".join(map(encode_event, answer.events)) + b"".join(map(encode_rejection, answer.rejections))
        found = [mark for mark in marks if mark in written.decode() or mark in repr(msgspec.to_builtins(answer.label))]
        assert not found, (name, found)
