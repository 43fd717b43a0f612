"""What became of appeals: which answer and removal belongs to which appeal; the order of arrival changes nothing."""

from __future__ import annotations

import random
import sys
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from streams.refresh.lifecycle import Conversations, Happening, Life, Message, Received, Replayed, replay


def appeal(name: str, at: int, thread: str | None = "t") -> Received:
    return Received(name, thread, at)


def told(kind: str, at: int, name: str | None = None, thread: str | None = None, **more: Any) -> Happening:
    return Happening(f"{kind}-{at}-{name}-{thread}-{more}", f"appeal_{kind}", at, name, thread=thread, **more)


def replayed(received: list[Received], happenings: list[Happening], *messages: Message) -> Replayed:
    return replay(Conversations(received=received, happenings=happenings, messages=messages))


def lives(received: list[Received], happenings: list[Happening], *messages: Message) -> dict[str, Life]:
    return replayed(received, happenings, *messages).lives


def life_of(name: str, received: list[Received], happenings: list[Happening], *messages: Message) -> Life:
    return lives(received, happenings, *messages)[name]


def test_an_answer_without_a_name_closes_the_latest_open_appeal_of_its_conversation() -> None:
    received = [appeal("a", 10), appeal("b", 20), appeal("c", 40)]
    answers = [told("answered", 30, thread="t"), told("answered", 35, thread="t"), told("answered", 50, thread="t")]
    found = replayed(received, answers)
    # At 30 the latest open one is b, at 35 only a is left, at 50 it is c.
    assert {name: found.lives[name].first_answer_at for name in "abc"} == {"a": 35, "b": 30, "c": 50}
    assert {found.lives[name].state for name in "abc"} == {"answered"}
    assert [found.matches[answer.id] for answer in answers] == ["b", "a", "c"]


def test_under_one_post_an_answer_closes_the_appeal_of_its_citizen() -> None:
    """A and B write under one post: each has a thread of their own."""
    received = [appeal("a", 10, "post/A"), appeal("b", 20, "post/B")]
    found = replayed(received, [answer := told("answered", 30, thread="post/A")])
    assert found.lives["a"].state == "answered"
    assert found.lives["b"].state == "received"
    assert found.matches == {answer.id: "a"}


def test_an_answer_to_a_message_closes_the_appeal_of_the_message() -> None:
    received = [appeal("a", 10), appeal("b", 20)]
    messages = [Message("m1", "a", 10), Message("m2", "a", 12), Message("m3", "b", 20)]
    found = replayed(received, [answer := told("answered", 30, message="m2")], *messages)
    assert (found.lives["a"].answered_at, found.lives["b"].answered_at) == (30, None)
    assert found.matches == {answer.id: "a"}


def test_of_what_an_answer_names_the_first_that_is_known_decides() -> None:
    received, messages = [appeal("a", 10), appeal("b", 20)], [Message("m", "b", 20)]
    for named, expected in (
        ({"name": "a", "message": "m", "thread": "t"}, "a"),
        ({"name": "unknown", "message": "m", "thread": "t"}, "b"),
        ({"name": "unknown", "message": "unknown", "thread": "t"}, "b"),
        ({"name": "unknown", "message": "unknown"}, None),
        ({}, None),
    ):
        answer = told("answered", 30, **named)
        assert replayed(received, [answer], *messages).matches == {answer.id: expected}


def test_what_belongs_to_an_appeal_or_a_thread_elsewhere_says_nothing_here() -> None:
    answers = [
        told("answered", 30, "far"),
        told("answered", 31, message="far-message"),
        told("answered", 32, thread="u"),
    ]
    found = replay(
        Conversations(
            received=[appeal("a", 10)],
            happenings=answers,
            appeals_elsewhere={"far"},
            messages_elsewhere={"far-message": "far"},
        )
    )
    assert found.matches == {}
    assert found.lives["a"].state == "received"


def test_an_answer_more_than_there_are_open_appeals_belongs_to_nothing() -> None:
    second = told("answered", 30, thread="t")
    found = replayed([appeal("a", 10)], [told("answered", 20, thread="t"), second])
    assert (found.lives["a"].first_answer_at, found.lives["a"].answered_at) == (20, 20)
    assert found.matches[second.id] is None


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
    assert found["a"].first_answer_at == 50
    assert found["b"].first_answer_at is None
    assert (found["b"].state, found["b"].closed_at) == ("closed", 41)
    assert found["c"].first_answer_at == 40


def test_a_withdrawn_appeal_is_not_answered_and_comes_back_when_restored() -> None:
    received = [appeal("a", 10), appeal("b", 20)]
    happenings = [told("withdrawn", 25, "b"), told("answered", 30, thread="t")]
    found = lives(received, happenings)
    assert (found["b"].state, found["b"].withdrawn_at) == ("withdrawn", 25)
    assert found["a"].first_answer_at == 30
    back = lives(received, [*happenings, told("restored", 35, "b"), told("answered", 40, thread="t")])["b"]
    assert (back.state, back.withdrawn_at, back.first_answer_at) == ("answered", None, 40)


def test_an_appeal_is_removed_with_its_last_message_and_restored_with_it() -> None:
    received, messages = [appeal("a", 10)], (Message("m1", "a", 10), Message("m2", "a", 12))
    first, last = told("removed", 20, message="m1"), told("withdrawn", 25, message="m2")
    assert life_of("a", received, [first], *messages).state == "received"
    gone = life_of("a", received, [first, last], *messages)
    assert (gone.state, gone.withdrawn_at) == ("withdrawn", 25)
    back = life_of("a", received, [first, last, told("restored", 30, message="m1")], *messages)
    assert (back.state, back.withdrawn_at) == ("received", None)


def test_a_message_after_the_removal_stands_and_so_does_its_appeal() -> None:
    received, messages = [appeal("a", 10)], (Message("m1", "a", 10), Message("m2", "a", 30))
    for removal in (told("removed", 20, message="m1"), told("removed", 20, "a")):
        assert life_of("a", received, [removal], messages[0]).state == "removed"
        assert life_of("a", received, [removal], *messages).state == "received"


def test_a_removal_of_a_message_that_nobody_knows_removes_nothing() -> None:
    removal = told("removed", 20, message="m9")
    found = replayed([appeal("a", 10)], [removal], Message("m1", "a", 10))
    assert found.lives["a"].state == "received"
    assert found.matches == {removal.id: None}
    # Where it names the appeal too, the message belongs to that appeal.
    named = told("removed", 20, "a", message="m9")
    assert life_of("a", [appeal("a", 10)], [named]).state == "removed"
    assert life_of("a", [appeal("a", 10)], [named], Message("m1", "a", 10)).state == "received"


def test_a_reopened_appeal_is_open_again_and_keeps_its_first_answer() -> None:
    happenings = [told("answered", 20, thread="t"), told("closed", 21, "a"), told("reopened", 30, "a")]
    found = life_of("a", [appeal("a", 10)], happenings)
    assert (found.state, found.first_answer_at, found.answered_at, found.closed_at) == ("reopened", 20, None, None)
    again = life_of("a", [appeal("a", 10)], [*happenings, told("answered", 40, thread="t")])
    assert (again.state, again.first_answer_at, again.answered_at) == ("answered", 20, 40)


def test_an_answer_that_the_page_removes_stays_given_until_the_appeal_is_reopened() -> None:
    """A platform tells the removal of a message without its author: an official reply is no message of an appeal."""
    received, message = [appeal("a", 10)], Message("m1", "a", 10)
    answer = told("answered", 20, message="m1")
    removal = told("removed", 30, message="the reply")
    found = replayed(received, [answer, removal], message)
    life = found.lives["a"]
    assert (life.state, life.first_answer_at, life.answered_at, life.withdrawn_at) == ("answered", 20, 20, None)
    assert found.matches == {answer.id: "a", removal.id: None}
    # Who knows that the citizen has no answer any more says so; what was answered in time stays so.
    again = life_of("a", received, [answer, removal, told("reopened", 31, "a")], message)
    assert (again.state, again.first_answer_at, again.answered_at) == ("reopened", 20, None)


def test_a_closing_that_is_dated_before_the_receipt_still_closes() -> None:
    found = life_of("a", [appeal("a", 10)], [told("closed", 3, "a"), told("answered", 20, thread="t")])
    assert (found.state, found.closed_at, found.first_answer_at) == ("closed", 3, None)


def test_the_latest_attributes_stand_and_assignment_names_who_is_to_answer() -> None:
    happenings = [
        told("assigned", 20, "a", responder="ЖКХ"),
        told("reclassified", 30, "a", topic="roads.repair"),
        told("reclassified", 25, "a", topic="housing.heating", nature="complaint"),
        told("rated", 40, "a", rating=2),
        told("rated", 50, "a", rating=4),
    ]
    found = life_of("a", [appeal("a", 10)], happenings)
    assert (found.state, found.topic, found.responder) == ("assigned", "roads.repair", "ЖКХ")
    assert (found.nature, found.rating) == ("complaint", 4)


def test_the_facts_of_one_thread_are_replayed_in_linear_time() -> None:
    """Four times the facts take four times the steps; the former replay looked at all earlier appeals for an answer."""

    def steps(appeals: int) -> int:
        # Each second answer finds no open appeal: it must not look through the closed ones.
        received = [appeal(f"{number:06}", number * 3) for number in range(appeals)]
        answers = [told("answered", number * 3 + late, thread="t") for number in range(appeals) for late in (1, 2)]
        calls = 0

        def count(_frame: object, event: str, _argument: object) -> None:
            nonlocal calls
            calls += event in ("call", "c_call")

        sys.setprofile(count)
        try:
            found = replayed(received, answers)
        finally:
            sys.setprofile(None)
        assert sum(1 for match in found.matches.values() if match) == appeals
        return calls

    assert steps(2_000) < 4.5 * steps(500)


_KINDS = ("assigned", "interim", "answered", "closed", "reopened", "withdrawn", "removed", "restored", "reclassified")
_NAMES = st.sampled_from(["a", "b", "c", "unknown", None])


@st.composite
def conversations(draw: st.DrawFn) -> Conversations:
    received = [appeal(name, draw(st.integers(0, 20)), draw(st.sampled_from(["t", "u", None]))) for name in "abc"]
    messages = [
        Message(f"m{number}", draw(st.sampled_from("abc")), draw(st.integers(0, 30)))
        for number in range(draw(st.integers(0, 5)))
    ]
    happenings = [
        Happening(
            f"{number:02}",
            f"appeal_{draw(st.sampled_from(_KINDS))}",
            draw(st.integers(0, 30)),
            draw(_NAMES),
            draw(st.sampled_from([None, None, "m0", "m1", "m2", "m9"])),
            draw(st.sampled_from([None, "t", "u", "v"])),
        )
        for number in range(draw(st.integers(0, 10)))
    ]
    return Conversations(received=received, messages=messages, happenings=happenings, threads={"t", "u", "v"})


@given(conversations(), st.randoms(use_true_random=False))
def test_the_order_of_arrival_changes_nothing(facts: Conversations, rng: random.Random) -> None:
    def shuffled(values: Any) -> list[Any]:
        return rng.sample(values, len(values))

    again = Conversations(
        received=shuffled(facts.received),
        messages=shuffled(facts.messages),
        happenings=shuffled(facts.happenings),
        threads=facts.threads,
    )
    assert replay(again) == replay(facts)


@given(conversations())
def test_conversations_that_are_read_apart_say_the_same(facts: Conversations) -> None:
    """Portions: each thread by itself knows of the others' appeals and messages, and nothing else of them."""
    together = replay(facts)
    lives: dict[str, Life] = {}
    matches: dict[str, str | None] = {}
    homes: list[tuple[set[str], set[str]]] = [({thread}, set()) for thread in ("t", "u", "v")]
    homes += [(set(), {each.appeal}) for each in facts.received if each.thread is None]
    for threads, alone in homes:
        received = [each for each in facts.received if each.thread in threads or each.appeal in alone]
        here = {each.appeal for each in received}
        messages = [each for each in facts.messages if each.appeal in here]
        known = threads | here | {each.message for each in messages}
        part = replay(
            Conversations(
                received=received,
                messages=messages,
                happenings=[each for each in facts.happenings if {each.appeal, each.message, each.thread} & known],
                threads=threads,
                appeals_elsewhere={each.appeal for each in facts.received} - here,
                messages_elsewhere={each.message: each.appeal for each in facts.messages if each.appeal not in here},
            )
        )
        lives |= part.lives
        for identity, appeal_id in part.matches.items():
            assert matches.setdefault(identity, appeal_id) == appeal_id
    assert lives == together.lives
    assert {key: value for key, value in together.matches.items() if value} == {k: v for k, v in matches.items() if v}
