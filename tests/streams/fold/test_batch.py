"""What of a batch is still to be folded."""

import pytest

from streams.fold.batch import Batch, GapError

BATCH = Batch(10, [b"a", b"b", None, b"d"], [1, 2, 3, 4])


def test_a_batch_at_the_expected_offset_is_taken_whole() -> None:
    assert BATCH.between(10) is BATCH
    assert BATCH.next_offset == 14


def test_what_was_folded_already_falls_away() -> None:
    assert BATCH.between(12) == Batch(12, [None, b"d"], [3, 4])
    assert BATCH.between(14) is None
    assert BATCH.between(99) is None


def test_what_lies_at_or_after_the_end_falls_away() -> None:
    assert BATCH.between(10, 12) == Batch(10, [b"a", b"b"], [1, 2])
    assert BATCH.between(12, 12) is None


def test_a_gap_is_an_error_that_says_where_to_seek() -> None:
    with pytest.raises(GapError, match="Expected offset 7, but the batch begins at 10: 3 records are missing"):
        BATCH.between(7)


def test_an_empty_batch_is_no_gap() -> None:
    assert Batch(10, [], []).between(7) is None


def test_a_batch_is_cut_at_the_boundaries_of_chunks() -> None:
    parts = list(Batch(3, [b"x"] * 8, [0] * 8).by_chunk(4))
    assert [(part.first_offset, part.next_offset) for part in parts] == [(3, 4), (4, 8), (8, 11)]
    assert list(Batch(3, [], []).by_chunk(4)) == []
