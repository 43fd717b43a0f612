"""The verifier's replay of conversations: its rules by example; two independent replays agree on everything."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from schemas.contract.events import ANSWER_KINDS, CHANGE_KINDS
from streams.refresh.lifecycle import Happening, Received, lives
from streams.verify.recount.replay import Fact, Fate, replay

KINDS = sorted(ANSWER_KINDS | CHANGE_KINDS)
APPEALS = ("a", "b", "c")


def _fact(kind: str, name: str, at: int, appeal: str = "", topic: str | None = None, by: str | None = None) -> Fact:
    return Fact(f"appeal_{kind}", name, at, appeal, topic, by)


def test_an_answer_that_names_no_appeal_closes_the_latest_open_one() -> None:
    fates = replay(
        [
            _fact("answered", "3", 30, by="page"),
            _fact("received", "a", 10),
            _fact("received", "b", 20),
            _fact("answered", "4", 40, by="agency"),
            _fact("answered", "5", 50),
        ]
    )
    assert fates["b"] == Fate("answered", 30, 30, None, None, None, "page")
    assert fates["a"] == Fate("answered", 40, 40, None, None, None, "agency")


def test_withdrawn_and_closed_appeals_take_no_answer_and_reopened_ones_do() -> None:
    facts = [
        _fact("received", "a", 10),
        _fact("closed", "1", 12, "a"),
        _fact("received", "b", 20),
        _fact("withdrawn", "2", 21, "b"),
        _fact("answered", "3", 30),
    ]
    assert {fate.first_answer_at for fate in replay(facts).values()} == {None}
    again = replay([*facts, _fact("reopened", "4", 25, "a")])
    assert again["a"] == Fate("answered", 30, 30, None, None, None, None)
    assert again["b"].withdrawn_at == 21


def test_what_is_dated_before_the_receipt_follows_it_and_keeps_its_time() -> None:
    fates = replay([_fact("closed", "1", 5, "a"), _fact("received", "a", 10)])
    assert fates["a"] == Fate("closed", None, None, 5, None, None, None)


@st.composite
def conversations(draw: st.DrawFn) -> tuple[list[Received], list[Happening]]:
    received = [
        Received("2026-10-01", appeal, "t", draw(st.integers(0, 6)))
        for appeal in draw(st.lists(st.sampled_from(APPEALS), min_size=1, max_size=3, unique=True))
    ]
    happenings = []
    for number in range(draw(st.integers(0, 12))):
        kind = draw(st.sampled_from(KINDS))
        named = kind not in ("appeal_interim", "appeal_answered") or draw(st.booleans())
        happenings.append(
            Happening(
                id=f"{number:02}",
                kind=kind,
                at=draw(st.integers(0, 9)),
                appeal=draw(st.sampled_from(APPEALS)) if named else None,
                thread=None if named else "t",
                topic=draw(st.sampled_from([None, "roads", "housing"])),
                responder=draw(st.sampled_from([None, "page", "agency"])),
            )
        )
    return received, happenings


@given(conversations(), st.randoms())
def test_two_replays_that_share_nothing_agree(
    conversation: tuple[list[Received], list[Happening]], order: random.Random
) -> None:
    received, happenings = conversation
    facts = [Fact("appeal_received", each.appeal, each.at, "", None, None) for each in received]
    facts += [Fact(h.kind, h.id, h.at, h.appeal or "", h.topic, h.responder) for h in happenings]
    order.shuffle(facts)
    expected = {
        appeal: Fate(
            life.state,
            life.first_answer_at,
            life.answered_at,
            life.closed_at,
            life.withdrawn_at,
            life.topic,
            life.responder,
        )
        for (_day, appeal), life in lives(received, happenings).items()
    }
    assert replay(facts) == expected
