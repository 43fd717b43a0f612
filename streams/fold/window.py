"""The window: which identities stood in accepted records of this chunk or of the K chunks before it."""

from __future__ import annotations

from collections import deque
from typing import Final

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
Mask = npt.NDArray[np.bool_]

#: Spreads the second half of an identity over all bits before it is mixed into the sort key (the golden ratio, odd).
_SPREAD: Final = np.uint64(0x9E3779B97F4A7C15)


def words_of(identities: bytes) -> Words:
    """Identities (16 bytes each) as an array of shape (n, 2): their upper and lower 64 bits."""
    return np.frombuffer(identities, dtype=">u8").astype(np.uint64).reshape(-1, 2)


class _Identities:
    """A set of 128-bit identities: sorted keys with the lower half beside each.

    The key is ``upper ^ lower * odd``: with the lower half it determines the identity, so comparing both is exact,
    and identities that share their upper or lower half (counted ones in tests, say) still have different keys.
    """

    __slots__ = ("keys", "lows")

    def __init__(self, keys: Words | None = None, lows: Words | None = None) -> None:
        self.keys = np.empty(0, np.uint64) if keys is None else keys
        self.lows = np.empty(0, np.uint64) if lows is None else lows

    def contains(self, keys: Words, lows: Words) -> Mask:
        """Which of the identities, given in ascending order of their keys, are members."""
        found = np.zeros(len(keys), np.bool_)
        if not len(self.keys):
            return found
        index = np.searchsorted(self.keys, keys)
        open_ = np.flatnonzero(self.keys.take(index, mode="clip") == keys)
        index = index[open_]
        # One round finds nearly all; further ones follow a run of members that share a key but not an identity.
        while len(open_):
            same = self.lows[index] == lows[open_]
            found[open_[same]] = True
            open_, index = open_[~same], index[~same] + 1
            within = index < len(self.keys)
            open_, index = open_[within], index[within]
            run = self.keys[index] == keys[open_]
            open_, index = open_[run], index[run]
        return found

    def with_new(self, keys: Words, lows: Words) -> _Identities:
        """The union with identities in ascending order of their keys, none of which is a member yet."""
        if not len(keys):
            return self
        if not len(self.keys):
            return _Identities(keys, lows)
        at = np.searchsorted(self.keys, keys)
        return _Identities(np.insert(self.keys, at, keys), np.insert(self.lows, at, lows))


class IdentityWindow:
    """Says of each accepted record whether its identity is new within the window, in the order of the log.

    All 128 bits are compared: 16 bytes an identity, 2.6 MB a partition of five full chunks. Keys of 64 bits would halve
    that and would lose a record to a chance collision about once in 1e9 windows; exactness costs a few per cent.
    """

    def __init__(self, window_chunks: int) -> None:
        self._before: deque[_Identities] = deque(maxlen=window_chunks)
        self._current = _Identities()

    def admit(self, identities: Words) -> Mask:
        """Take the identities of accepted records of the current chunk (shape (n, 2), in the order of the log).

        Gives True where the identity stands in no accepted record before it in the window. A dropped repeat is
        accepted all the same: it stays known for K chunks more.
        """
        fresh = np.zeros(len(identities), np.bool_)
        if not len(identities):
            return fresh
        lows = identities[:, 1]
        keys = identities[:, 0] ^ (lows * _SPREAD)
        order = np.argsort(keys)
        keys, lows = keys[order], lows[order]
        same_key = keys[1:] == keys[:-1]
        if bool(np.any(same_key & (lows[1:] != lows[:-1]))):
            # Two identities share a key: only the full order brings the copies of each together.
            by_identity = np.lexsort((lows, keys))
            order, keys, lows = order[by_identity], keys[by_identity], lows[by_identity]
            same_key = keys[1:] == keys[:-1]
        begins = np.flatnonzero(np.concatenate(([True], ~same_key | (lows[1:] != lows[:-1]))))
        # Sorting is not stable (it is four times as fast so): the first copy is the one with the lowest place.
        first = np.minimum.reduceat(order, begins)
        keys, lows = keys[begins], lows[begins]
        in_chunk = self._current.contains(keys, lows)
        known = in_chunk.copy()
        for chunk in self._before:
            known |= chunk.contains(keys, lows)
        fresh[first[~known]] = True
        self._current = self._current.with_new(keys[~in_chunk], lows[~in_chunk])
        return fresh

    def close_chunk(self) -> None:
        """The current chunk is complete: it becomes the latest of the chunks before, the oldest falls out."""
        self._before.append(self._current)
        self._current = _Identities()
