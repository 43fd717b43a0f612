"""Judged together or one by one: each record has the same verdict, whatever its neighbours are."""

from __future__ import annotations

import json

from hypothesis import example, given, settings
from hypothesis import strategies as st

from schemas.contract.event_blocks import BlockValidator
from schemas.contract.events import ENTRANCES, FACT_KINDS, FORMATS, KINDS, Event, EventValidator
from schemas.contract.identifiers import are_hex32, are_labels, is_label
from schemas.contract.numbered_texts import NumberedTexts

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
    together, one_by_one = BlockValidator(), EventValidator()
    for _ in range(rounds + 1):
        assert together.judge(raws) == [one_by_one(raw or b"") for raw in raws]
        assert together.unknown_fields == one_by_one.unknown_fields


@settings(deadline=None)
@given(st.lists(records, max_size=12))
@example([json.dumps(GOOD | {"author": author}).encode() for author in ("0" * 32, None, "f" * 32)])
@example([json.dumps(GOOD | {"id": f"{n:032x}", "page": f"vk:{n % 7}"}).encode() for n in range(700)] + [b"?"])
def test_columns_hold_what_the_accepted_events_hold(raws: list[bytes | None]) -> None:
    validator = BlockValidator()
    blocks = list(validator.blocks(raws))
    assert sum(block.size for block in blocks) == len(raws)
    pages, places, sources = list(validator.pages), list(validator.places), list(validator.sources)
    for block in blocks:
        events = block.events
        assert sorted([*block.accepted, *block.rejected]) == list(range(block.size))
        assert block.facts == [event for event in events if event.kind in FACT_KINDS]
        assert block.ids == bytes.fromhex("".join(event.id for event in events))
        assert block.authors == bytes.fromhex("".join(event.author or "0" * 32 for event in events))
        assert block.nobody == [place for place, event in enumerate(events) if event.author is None]
        assert block.at.tolist() == [event.at for event in events]
        assert [KINDS[code] for code in block.kinds.tolist()] == [event.kind for event in events]
        assert block.amounts.tolist() == [event.amount for event in events]
        assert [pages[number] for number in block.pages.tolist()] == [event.page or "" for event in events]
        assert [places[number] for number in block.places.tolist()] == [event.place for event in events]
        assert [sources[number] for number in block.sources.tolist()] == [event.source for event in events]


def test_texts_that_are_not_valid_are_not_remembered() -> None:
    texts = NumberedTexts(str.isdigit)
    assert texts.numbers(["1", "x", "2"]) is None
    assert list(texts) == []
    numbers = texts.numbers(["7", "1", "7"])
    assert numbers is not None
    assert (numbers.tolist(), list(texts), texts.since(1)) == ([0, 1, 0], ["7", "1"], ["1"])
    assert texts.numbers_of_few(["x", "x"]) is None
    for few in (["1"] * 3, ["1", "7"], []):
        found = texts.numbers_of_few(few)
        assert found is not None
        assert [list(texts)[number] for number in found.tolist()] == few


def test_numbered_texts_are_bounded() -> None:
    validator = BlockValidator()
    validator.judge([json.dumps(GOOD | {"page": f"vk:{n}"}).encode() for n in range(3)])
    assert not validator.forget(3)
    assert validator.forget(2)
    assert list(validator.pages) == []


@given(
    st.lists(st.one_of(st.text("0123456789abcdef", min_size=32, max_size=32), odd_texts.filter(lambda t: len(t) == 32)))
)
def test_identities_judged_together(texts: list[str]) -> None:
    assert are_hex32(texts) == all(set(text) <= set("0123456789abcdef") for text in texts)


@given(st.lists(odd_texts.filter(bool)))
def test_labels_judged_together(texts: list[str]) -> None:
    assert are_labels(texts) == all(map(is_label, texts))
