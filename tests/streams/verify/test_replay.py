"""The verifier's replay of conversations: its rules by example; two independent replays agree on everything."""

from __future__ import annotations

import random

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from schemas.contract.events import ANSWER_KINDS, CHANGE_KINDS, MESSAGE_KINDS
from streams.refresh.lifecycle import Conversations, Happening, Message, Received
from streams.refresh.lifecycle import replay as refreshed
from streams.verify.recount.replay import Fact, Fate, replay

KINDS = sorted(ANSWER_KINDS | CHANGE_KINDS)
APPEALS = ("a", "b", "c")
MESSAGES = ("m1", "m2", "m3", "m4")


def _fact(kind: str, name: str, at: int, appeal: str = "", message: str = "", by: str | None = None) -> Fact:
    return Fact(kind if kind == "message" else f"appeal_{kind}", name, at, appeal, message, responder=by)


def test_an_answer_that_names_no_appeal_closes_the_latest_open_one() -> None:
    fates, matches = replay(
        [
            _fact("answered", "3", 30, by="page"),
            _fact("received", "a", 10),
            _fact("received", "b", 20),
            _fact("answered", "4", 40, by="agency"),
            _fact("answered", "5", 50),
        ]
    )
    assert fates["b"] == Fate(20, "answered", 30, 30, responder="page")
    assert fates["a"] == Fate(10, "answered", 40, 40, responder="agency")
    assert matches == {"3": "b", "4": "a", "5": ""}


def test_withdrawn_and_closed_appeals_take_no_answer_and_reopened_ones_do() -> None:
    facts = [
        _fact("received", "a", 10),
        _fact("closed", "1", 12, "a"),
        _fact("received", "b", 20),
        _fact("withdrawn", "2", 21, "b"),
        _fact("answered", "3", 30),
    ]
    assert {fate.first_answer_at for fate in replay(facts)[0].values()} == {None}
    again, _ = replay([*facts, _fact("reopened", "4", 25, "a")])
    assert again["a"] == Fate(10, "answered", 30, 30)
    assert again["b"].withdrawn_at == 21


def test_an_appeal_is_gone_with_its_last_message() -> None:
    facts = [_fact("received", "a", 10), _fact("message", "m1", 10, "a"), _fact("message", "m2", 12, "a")]
    removals = [_fact("removed", "1", 20, "a", "m1"), _fact("withdrawn", "2", 25, "a", "m2")]
    assert replay([*facts, removals[0]])[0]["a"].state == "received"
    assert replay([*facts, *removals])[0]["a"] == Fate(10, "withdrawn", withdrawn_at=25)
    assert replay([*facts, *removals, _fact("restored", "3", 30, "a", "m1")])[0]["a"] == Fate(10, "received")


def test_what_is_dated_before_the_receipt_follows_it_and_keeps_its_time() -> None:
    fates, _ = replay([_fact("closed", "1", 5, "a"), _fact("received", "a", 10)])
    assert fates["a"] == Fate(10, "closed", closed_at=5)


@st.composite
def conversations(draw: st.DrawFn) -> Conversations:
    """One thread with some appeals and messages, and facts that name any of them, or nothing."""
    known = draw(st.lists(st.sampled_from(APPEALS), min_size=1, max_size=3, unique=True))
    happenings = [
        Happening(
            id=f"{number:02}",
            kind=draw(st.sampled_from(KINDS)),
            at=draw(st.integers(0, 9)),
            appeal=draw(st.sampled_from([*APPEALS, None])),
            message=draw(st.sampled_from([*MESSAGES, None, None])),
            thread=draw(st.sampled_from(["t", None])),
            topic=draw(st.sampled_from([None, "roads", "housing"])),
            responder=draw(st.sampled_from([None, "page", "agency"])),
            nature=draw(st.sampled_from([None, "thanks"])),
            rating=draw(st.sampled_from([None, 1, 5])),
        )
        for number in range(draw(st.integers(0, 12)))
    ]
    return Conversations(
        received=[Received(appeal, "t", draw(st.integers(0, 6))) for appeal in known],
        messages=[
            Message(message, draw(st.sampled_from(known)), draw(st.integers(0, 9)))
            for message in draw(st.lists(st.sampled_from(MESSAGES), max_size=3, unique=True))
        ],
        happenings=happenings,
    )


def named(happening: Happening, facts: Conversations) -> str:
    """The appeal that a fact names, as the verifier's SQL finds it."""
    by_appeal = happening.appeal if happening.appeal in {each.appeal for each in facts.received} else None
    by_message = {each.message: each.appeal for each in facts.messages}.get(happening.message or "")
    if happening.kind in MESSAGE_KINDS:
        return by_message or by_appeal or ""
    return by_appeal or (by_message if happening.kind in ANSWER_KINDS else None) or ""


@given(conversations(), st.randoms())
def test_two_replays_that_share_nothing_agree(conversation: Conversations, order: random.Random) -> None:
    facts = [Fact("appeal_received", each.appeal, each.at) for each in conversation.received]
    facts += [Fact("message", each.message, each.at, each.appeal) for each in conversation.messages]
    expected = refreshed(conversation)
    for each in conversation.happenings:
        appeal = named(each, conversation)
        if appeal or (each.kind in ANSWER_KINDS and each.thread):
            more = (each.topic, each.responder, each.nature, each.rating)
            message = each.message if each.kind in ANSWER_KINDS | MESSAGE_KINDS else None
            facts.append(Fact(each.kind, each.id, each.at, appeal, message or "", *more))
        else:
            assert expected.matches[each.id] is None
    order.shuffle(facts)
    fates, matches = replay(facts)
    assert fates == {appeal: Fate(*msgspec.structs.astuple(life)) for appeal, life in expected.lives.items()}
    assert {identity: appeal or None for identity, appeal in matches.items()} == {
        identity: appeal for identity, appeal in expected.matches.items() if identity in matches
    }
