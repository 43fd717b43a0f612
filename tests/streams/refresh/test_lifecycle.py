"""What became of appeals: which answer belongs to which appeal, and that the order of arrival changes nothing."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from streams.refresh.lifecycle import Happening, Life, Received, lives

DAY = "2026-03-02"


def appeal(name: str, at: int, thread: str | None = "t") -> Received:
    return Received(DAY, name, thread, at)


def told(kind: str, at: int, name: str | None = None, thread: str | None = None, **more: str) -> Happening:
    return Happening(f"{kind}-{at}-{name}-{thread}", f"appeal_{kind}", at, name, thread, **more)


def life_of(name: str, received: list[Received], happenings: list[Happening]) -> Life:
    return lives(received, happenings)[DAY, name]


def test_an_answer_without_a_name_closes_the_latest_open_appeal_of_its_conversation() -> None:
    received = [appeal("a", 10), appeal("b", 20), appeal("c", 40)]
    answers = [told("answered", 30, thread="t"), told("answered", 35, thread="t"), told("answered", 50, thread="t")]
    found = lives(received, answers)
    # At 30 the latest open one is b, at 35 only a is left, at 50 it is c.
    assert {name: found[DAY, name].first_answer_at for name in "abc"} == {"a": 35, "b": 30, "c": 50}
    assert {found[DAY, name].state for name in "abc"} == {"answered"}


def test_an_answer_more_than_there_are_open_appeals_belongs_to_nothing() -> None:
    found = life_of("a", [appeal("a", 10)], [told("answered", 20, thread="t"), told("answered", 30, thread="t")])
    assert (found.first_answer_at, found.answered_at) == (20, 20)


def test_an_answer_before_any_appeal_and_one_of_another_conversation_belong_to_nothing() -> None:
    received = [appeal("a", 10), appeal("alone", 10, None)]
    found = lives(received, [told("answered", 5, thread="t"), told("answered", 20, thread="other")])
    assert all(each.state == "received" and each.first_answer_at is None for each in found.values())


def test_an_interim_answer_does_not_close() -> None:
    interim, final = told("interim", 20, thread="t", responder="МЦУ"), told("answered", 30, thread="t", responder="ЦУР")
    waiting = life_of("a", [appeal("a", 10)], [interim])
    assert (waiting.state, waiting.first_answer_at, waiting.answered_at) == ("interim", 20, None)
    done = life_of("a", [appeal("a", 10)], [interim, final])
    assert (done.state, done.first_answer_at, done.answered_at, done.responder) == ("answered", 20, 30, "МЦУ")


def test_a_named_answer_and_a_closing_take_their_appeal_off_the_conversation() -> None:
    received = [appeal("a", 10), appeal("b", 20), appeal("c", 30)]
    happenings = [told("answered", 40, "c"), told("closed", 41, "b"), told("answered", 50, thread="t")]
    found = lives(received, happenings)
    assert found[DAY, "a"].first_answer_at == 50
    assert found[DAY, "b"].first_answer_at is None
    assert (found[DAY, "b"].state, found[DAY, "b"].closed_at) == ("closed", 41)
    assert found[DAY, "c"].first_answer_at == 40


def test_a_withdrawn_appeal_is_not_answered_and_comes_back_when_restored() -> None:
    received = [appeal("a", 10), appeal("b", 20)]
    happenings = [told("withdrawn", 25, "b"), told("answered", 30, thread="t")]
    found = lives(received, happenings)
    assert (found[DAY, "b"].state, found[DAY, "b"].withdrawn_at) == ("withdrawn", 25)
    assert found[DAY, "a"].first_answer_at == 30
    back = lives(received, [*happenings, told("restored", 35, "b"), told("answered", 40, thread="t")])[DAY, "b"]
    assert (back.state, back.withdrawn_at, back.first_answer_at) == ("answered", None, 40)


def test_a_reopened_appeal_is_open_again_and_keeps_its_first_answer() -> None:
    happenings = [told("answered", 20, thread="t"), told("closed", 21, "a"), told("reopened", 30, "a")]
    found = life_of("a", [appeal("a", 10)], happenings)
    assert (found.state, found.first_answer_at, found.answered_at, found.closed_at) == ("reopened", 20, None, None)
    again = life_of("a", [appeal("a", 10)], [*happenings, told("answered", 40, thread="t")])
    assert (again.state, again.first_answer_at, again.answered_at) == ("answered", 20, 40)


def test_a_closing_that_is_dated_before_the_receipt_still_closes() -> None:
    found = life_of("a", [appeal("a", 10)], [told("closed", 3, "a"), told("answered", 20, thread="t")])
    assert (found.state, found.closed_at, found.first_answer_at) == ("closed", 3, None)


def test_the_latest_classification_stands_and_assignment_names_who_is_to_answer() -> None:
    happenings = [
        told("assigned", 20, "a", responder="ЖКХ"),
        told("reclassified", 30, "a", topic="roads.repair"),
        told("reclassified", 25, "a", topic="housing.heating"),
    ]
    found = life_of("a", [appeal("a", 10)], happenings)
    assert (found.state, found.topic, found.responder) == ("assigned", "roads.repair", "ЖКХ")


def test_every_fact_of_the_conversation_raises_the_version_of_all_its_appeals() -> None:
    received = [appeal("a", 10), appeal("b", 20)]
    few = lives(received, [told("answered", 30, "a")])
    more = lives(received, [told("answered", 30, "a"), told("answered", 5, thread="t")])
    assert (few[DAY, "a"].version, few[DAY, "b"].version) == (3, 3)
    assert (more[DAY, "a"].version, more[DAY, "b"].version) == (4, 4)


_KINDS = ("assigned", "interim", "answered", "closed", "reopened", "withdrawn", "removed", "restored", "reclassified")
_NAMES = st.sampled_from(["a", "b", "c"])


@st.composite
def conversations(draw: st.DrawFn) -> tuple[list[Received], list[Happening]]:
    received = [appeal(name, draw(st.integers(0, 20)), draw(st.sampled_from(["t", "u", None]))) for name in "abc"]
    happenings = []
    for number in range(draw(st.integers(0, 8))):
        kind, at = draw(st.sampled_from(_KINDS)), draw(st.integers(0, 30))
        named = kind not in ("interim", "answered") or draw(st.booleans())
        name, thread = (draw(_NAMES), None) if named else (None, draw(st.sampled_from(["t", "u"])))
        happenings.append(Happening(f"{number:02}", f"appeal_{kind}", at, name, thread))
    return received, happenings


@given(conversations(), st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing(
    facts: tuple[list[Received], list[Happening]], rng: random.Random
) -> None:
    received, happenings = facts
    expected = lives(received, happenings)
    rng.shuffle(received)
    rng.shuffle(happenings)
    assert lives(received, happenings) == expected


@given(conversations())
def test_an_answer_without_a_name_belongs_to_one_appeal_at_most(facts: tuple[list[Received], list[Happening]]) -> None:
    received, happenings = facts
    finals = [each for each in happenings if each.kind == "appeal_answered" and each.appeal is None]
    for final in finals:
        others = [each for each in happenings if each is not final]
        before, after = lives(received, others), lives(received, happenings)
        gained = [
            key for key in after if before[key].first_answer_at is None and after[key].first_answer_at is not None
        ]
        assert len(gained) <= 1
        assert all(each.version <= after[key].version for key, each in before.items())
