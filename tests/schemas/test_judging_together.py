"""Judged together or one by one: each record has the same verdict, whatever its neighbours are."""

from __future__ import annotations

import json

from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.events import ENTRANCES, FORMATS, KINDS, Event, EventValidator
from schemas.identifiers import are_hex32, are_labels, is_label

GOOD = {
    "v": 1,
    "id": "0123456789abcdef" * 2,
    "kind": "comment_added",
    "at": 1_772_438_400_000,
    "source": "test",
    "place": "45382000",
    "channel": "vk",
    "entrance": "public_page",
}

SHORT_TEXTS = [
    "",
    " ",
    "a b",
    "\x00",
    "\u2028",
    "vk:1",
    "ok:x.y",
    "45382000",
    "la:cd-1",
    "４５３８２０００",
    "a.b",
    "A.b",
]
LONG_TEXTS = ["0" * 32, "f" * 32, "F" * 32, " " * 32, "0" * 31 + "g", "é" * 32, "0" * 33, "vk:" + "a" * 65]
odd_texts = st.one_of(st.text(max_size=40), st.sampled_from(SHORT_TEXTS), st.sampled_from(LONG_TEXTS))
values = st.one_of(
    odd_texts,
    st.none(),
    st.integers(-2, 3),
    st.sampled_from([10**30, 1.5, True, [], {}, 4_102_444_800_000, 1_000_001]),
    st.sampled_from([*KINDS, *ENTRANCES, *FORMATS]),
)
names = st.sampled_from([*Event.__struct_fields__, "unheard_of"])
events = st.dictionaries(names, values, max_size=4).map(lambda odd: json.dumps(GOOD | odd).encode())
records = st.one_of(st.just(json.dumps(GOOD).encode()), events, events, st.binary(max_size=20), st.none())


@settings(deadline=None, max_examples=300)
@given(st.lists(records, max_size=12), st.integers(0, 2))
@example([json.dumps(GOOD).encode()] * 300 + [b"?"] + [json.dumps(GOOD | {"page": "vk 1"}).encode()] * 300, 0)
def test_the_verdicts_are_the_same(raws: list[bytes | None], rounds: int) -> None:
    together, one_by_one = EventValidator(), EventValidator()
    for _ in range(rounds + 1):
        assert together.judge(raws) == [one_by_one(raw or b"") for raw in raws]
        assert together.unknown_fields == one_by_one.unknown_fields


@given(
    st.lists(st.one_of(st.text("0123456789abcdef", min_size=32, max_size=32), odd_texts.filter(lambda t: len(t) == 32)))
)
def test_identities_judged_together(texts: list[str]) -> None:
    assert are_hex32(texts) == all(set(text) <= set("0123456789abcdef") for text in texts)


@given(st.lists(odd_texts.filter(bool)))
def test_labels_judged_together(texts: list[str]) -> None:
    assert are_labels(texts) == all(map(is_label, texts))
