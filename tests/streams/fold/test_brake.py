"""The brake: many rejections pause a partition, wherever a worker begins to read."""

from __future__ import annotations

from schemas.contract.rejected import MENDED, Rejected
from streams.fold.brake import Brake
from streams.fold.events import EventFold
from streams.fold.rejected_rows import RejectedRecord
from tests.streams.builders.records import batch, definition, event

GOOD = event("good")


def brake(pattern: str) -> Brake:
    """A brake that saw one record a letter: x rejected, m mended, anything else accepted."""
    found = Brake()
    for offset, letter in enumerate(pattern):
        why = {"x": Rejected("id", "wrong"), "m": MENDED}.get(letter)
        found.note([] if why is None else [RejectedRecord(offset, 0, why, 1)], 1, offset + 1)
    return found


def test_half_of_the_last_thousand_pulls_it() -> None:
    assert not brake("x." * 499 + "..").pulled
    assert brake("x." * 500).pulled
    assert brake("." * 5_000 + "x" * 500).pulled


def test_fewer_than_a_thousand_records_never_pull_it() -> None:
    assert not brake("x" * 999).pulled
    assert brake("x" * 1_000).pulled


def test_it_lets_go_when_good_records_follow() -> None:
    assert not brake("x" * 1_000 + "." * 501).pulled


def test_mended_records_are_settled() -> None:
    assert not brake("m" * 3_000).pulled


def test_a_fold_says_the_same_however_its_records_come_and_wherever_it_began() -> None:
    values = [*[GOOD] * 2_000, *[b"broken"] * 600]
    rules = definition(chunk=250, window_chunks=4)
    whole = EventFold(1, 0, 0, rules)
    verdicts = []
    for end in (2_400, 2_600):
        whole.fold(batch(values[:end]))
        verdicts.append(whole.rejects_most)
    assert verdicts == [False, True]
    begun_later = EventFold(1, 0, 2_500, rules)
    begun_later.warm(batch(values[1_500:2_500], 1_500))
    verdicts = [begun_later.rejects_most]
    begun_later.fold(batch([event(n) for n in range(501)], 2_500))
    assert [*verdicts, begun_later.rejects_most] == [True, False]
