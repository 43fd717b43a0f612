"""Appeals, answers and posts in the views: one identity is one row, and an answer closes the right citizen's appeal."""

from __future__ import annotations

import json

from tests.schemas.builders.shown_log import MOSCOW, YAKUTSK, Shown, moment, received, told
from tests.streams.builders.records import HOUR, T0, event, hex32

DAY = 24 * HOUR


def test_an_appeal_with_a_corrected_date_is_one_row_everywhere(log: Shown) -> None:
    """The day was part of the key: one appeal became two, and reconciliation went to -1."""
    first = json.loads(received("a", T0, page="vk:1"))
    log.append(json.dumps(first).encode())
    log.refresh()
    log.append(json.dumps(first | {"at": T0 - DAY, "place": YAKUTSK}).encode())
    log.refresh()
    assert log.rows("SELECT received_at, place FROM gospulse.appeals") == [(moment(T0), MOSCOW)]
    assert log.rows("SELECT hour, place, appeals FROM gospulse.page_hour") == [(moment(T0), MOSCOW, 1)]
    assert log.rows("SELECT place, appeals FROM gospulse.place_day WHERE appeals > 0") == [(MOSCOW, 1)]
    assert log.rows("SELECT counted, facts, difference FROM gospulse.reconciliation") == [(1, 1, 0)]


def test_an_earlier_copy_moves_the_appeal_to_its_hour_in_every_view(log: Shown) -> None:
    log.append(received("a", T0, page="vk:1"), partition=1)
    log.refresh()
    log.append(received("a", T0 - DAY, page="vk:1"), partition=0)
    log.refresh()
    expected = [(moment(T0 - DAY), 1)]
    assert log.rows("SELECT received_at, 1 FROM gospulse.appeals") == expected
    for view in ("page_hour", "place_hour"):
        assert log.rows(f"SELECT hour, appeals FROM gospulse.{view} WHERE appeals > 0") == expected


def test_under_one_post_the_answer_to_one_citizen_closes_the_appeal_of_that_citizen(log: Shown) -> None:
    post = {"page": "vk:1", "object": "vk:1_7"}
    log.append(
        received("a", T0, thread=hex32("post A"), message=hex32("ma"), **post),
        received("b", T0 + 1, thread=hex32("post B"), message=hex32("mb"), **post),
        received("c", T0 + 2, thread=hex32("post C"), message=hex32("mc"), **post),
    )
    log.append(
        told("answered", None, T0 + HOUR, thread=hex32("post A"), **post),
        told("answered", None, T0 + HOUR + 2, reply_to=hex32("mb"), **post),
        # A reply to the post: it names nobody.
        told("answered", None, T0 + HOUR + 1, **post),
        told("interim", None, T0 + HOUR, reply_to=hex32("nothing known"), **post),
        partition=1,
    )
    log.refresh()
    states = "SELECT appeal, state, answered_at, post FROM gospulse.appeals ORDER BY received_at"
    assert log.rows(states) == [
        (hex32("a"), "answered", moment(T0 + HOUR), "vk:1_7"),
        (hex32("b"), "answered", moment(T0 + HOUR + 2), "vk:1_7"),
        (hex32("c"), "received", None, "vk:1_7"),
    ]
    assert sorted(log.rows("SELECT names, appeal IS NULL FROM gospulse.answers")) == [
        ("message", False),
        ("message", True),
        ("nothing", True),
        ("thread", False),
    ]


def test_attributes_come_with_the_appeal_or_later(log: Shown) -> None:
    log.append(received("a", T0, nature="question", urgent=True), received("b", T0 + 1, rating=5))
    log.append(
        told("reclassified", "a", T0 + HOUR, nature="complaint", topic="roads.repair"),
        told("rated", "a", T0 + 2 * HOUR, rating=2),
        partition=1,
    )
    log.refresh()
    question = "SELECT nature, rating, urgent, topic FROM gospulse.appeals ORDER BY received_at"
    assert log.rows(question) == [("complaint", 2, True, "roads.repair"), (None, 5, False, None)]


def test_posts_are_facts_with_their_removal(log: Shown) -> None:
    post = {"page": "vk:1", "object": "vk:1_7", "author": None}
    log.append(
        event(1, "post_published", format="photo", at=T0, **post),
        event(1, "post_published", format="photo", at=T0 + HOUR, **post),
        event(2, "post_removed", at=T0 + 2 * HOUR, **post),
        event(3, "post_published", format="text", at=T0, **(post | {"object": "vk:1_8"})),
        event(4, "post_removed", at=T0, **(post | {"object": "vk:1_9"})),
    )
    assert log.rows("SELECT post, page, published_at, removed_at, format FROM gospulse.posts ORDER BY post") == [
        ("vk:1_7", "vk:1", moment(T0), moment(T0 + 2 * HOUR), "photo"),
        ("vk:1_8", "vk:1", moment(T0), None, "text"),
        ("vk:1_9", "vk:1", None, moment(T0), None),
    ]
