"""Chunks: where a worker begins, and from where it reads ahead."""

from hypothesis import given
from hypothesis import strategies as st

from streams.grid import CHUNK, WINDOW_CHUNKS, chunk_of, chunk_start, window_start

sizes = st.integers(1, 1 << 20)


def test_the_grid_is_the_one_that_the_documents_promise() -> None:
    assert (CHUNK, WINDOW_CHUNKS) == (32_768, 4)
    assert chunk_of(32_767) == 0
    assert chunk_of(32_768) == 1


@given(st.integers(0, 2**63), sizes)
def test_a_chunk_starts_at_or_before_each_of_its_offsets(offset: int, chunk: int) -> None:
    start = chunk_start(offset, chunk)
    assert start <= offset < start + chunk
    assert chunk_of(start, chunk) == chunk_of(offset, chunk)
    assert start == 0 or chunk_of(start - 1, chunk) == chunk_of(offset, chunk) - 1


def test_the_window_reaches_whole_chunks_back_and_never_below_the_floor() -> None:
    assert window_start(0, 10, 4) == 0
    assert window_start(30, 10, 4) == 0
    assert window_start(70, 10, 4) == 30
    assert window_start(70, 10, 4, floor=45) == 45
    assert window_start(70, 10, 4, floor=90) == 70
