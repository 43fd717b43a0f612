"""The window keeps exact identities of this chunk and of the chunks before it."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from streams.fold.window import IdentityWindow, Words, words_of
from tests.streams.builders.records import hex32

#: ``upper ^ lower * odd`` is zero for each of these: three identities that share the window's sort key.
_ODD = 0x9E3779B97F4A7C15
COLLIDING = [(low * _ODD % 2**64) << 64 | low for low in (0, 1, 2)]


def admit(window: IdentityWindow, identities: list[int]) -> list[bool]:
    words = np.array([[one >> 64, one & (2**64 - 1)] for one in identities], np.uint64).reshape(-1, 2)
    return [bool(fresh) for fresh in window.admit(words)]


def test_identities_become_their_two_halves() -> None:
    words: Words = words_of(bytes.fromhex("00112233445566778899aabbccddeeff" + "f" * 32))
    assert words.tolist() == [[0x0011223344556677, 0x8899AABBCCDDEEFF], [2**64 - 1, 2**64 - 1]]
    assert words_of(b"").shape == (0, 2)


def test_identities_that_differ_in_one_half_only_are_strangers() -> None:
    assert admit(IdentityWindow(1), [1, 1 << 64, 1 | 1 << 64, 0]) == [True] * 4


def test_a_shared_sort_key_does_not_make_two_identities_one() -> None:
    a, b, c = COLLIDING
    window = IdentityWindow(1)
    assert admit(window, [a, b, a]) == [True, True, False]
    window.close_chunk()
    assert admit(window, [c, b, a, c]) == [True, False, False, False]


def test_a_dropped_repeat_prolongs_the_memory() -> None:
    window = IdentityWindow(1)
    assert admit(window, [7]) == [True]
    for _ in range(3):
        window.close_chunk()
        assert admit(window, [7]) == [False]
    window.close_chunk()
    window.close_chunk()
    assert admit(window, [7]) == [True]


def test_without_chunks_before_only_the_current_one_counts() -> None:
    window = IdentityWindow(0)
    assert admit(window, [7, 7]) == [True, False]
    window.close_chunk()
    assert admit(window, [7]) == [True]


identities = st.one_of(
    st.integers(0, 5), st.sampled_from(COLLIDING), st.integers(0, 12).map(lambda n: int(hex32(n), 16))
)


@given(st.integers(0, 3), st.lists(st.lists(st.lists(identities, max_size=8), max_size=4), max_size=7))
def test_any_portions_give_what_plain_sets_give(window_chunks: int, chunks: list[list[list[int]]]) -> None:
    window = IdentityWindow(window_chunks)
    seen: list[set[int]] = [set()]
    for chunk in chunks:
        for portion in chunk:
            expected = []
            for identity in portion:
                expected.append(not any(identity in known for known in seen[-1 - window_chunks :]))
                seen[-1].add(identity)
            assert admit(window, portion) == expected
        window.close_chunk()
        seen.append(set())
