"""Identities of synthetic facts: every number of a fact becomes 32 hex digits, the same ones each time."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from ingest.simulator.spec import FederationSpec

EVENT: Final = 1
APPEAL: Final = 2
THREAD: Final = 3
AUTHOR: Final = 4
READING: Final = 5
MESSAGE: Final = 6

_GOLDEN: Final = 0x9E3779B97F4A7C15
_U64: Final = (1 << 64) - 1

Numbers = NDArray[np.int64]
Words = NDArray[np.uint64]


def _mix(words: Words) -> Words:
    """The finalizer of SplitMix64 (Steele, Lea and Flood, 2014): a bijection of 64-bit words."""
    words = (words ^ (words >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    words = (words ^ (words >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return words ^ (words >> np.uint64(31))


def _keys(domain: int, source: bytes) -> tuple[int, int]:
    digest = hashlib.sha256(bytes([domain]) + source).digest()
    return int.from_bytes(digest[:8], "big"), int.from_bytes(digest[8:16], "big")


class Identities:
    """Turns numbers into identities, by domain: event 7 and appeal 7 have nothing in common.

    The key is derived from the whole spec, so two different runs share no identity; authors are keyed by the seed
    alone, so the same people stay active from run to run. A mixing function, not a keyed hash: there is nobody to
    protect.
    """

    def __init__(self, spec: FederationSpec) -> None:
        run = msgspec.json.encode(spec, order="deterministic")
        people = f"people of {spec.seed}".encode()
        sources = ((EVENT, run), (APPEAL, run), (THREAD, run), (MESSAGE, run), (READING, run), (AUTHOR, people))
        self._keys = {domain: _keys(domain, source) for domain, source in sources}

    def words(self, domain: int, numbers: Numbers) -> Words:
        """The first 64 bits of each identity."""
        unsigned = numbers.astype(np.uint64) * np.uint64(_GOLDEN)
        return _mix(unsigned + np.uint64(self._keys[domain][0]))

    def hexes(self, domain: int, numbers: Numbers) -> str:
        """All identities in one text; the one of ``numbers[i]`` stands at ``[32 * i : 32 * i + 32]``."""
        unsigned = numbers.astype(np.uint64) * np.uint64(_GOLDEN)
        both = np.empty((len(numbers), 2), dtype=">u8")
        both[:, 0] = self.words(domain, numbers)
        both[:, 1] = _mix(unsigned ^ np.uint64(self._keys[domain][1]))
        return both.tobytes().hex()

    def hex(self, domain: int, number: int) -> str:
        """The identity of one number, as ``hexes`` gives it; quicker than an array of one."""
        step = number * _GOLDEN
        first, second = self._keys[domain]
        return f"{_mix_one(step + first & _U64):016x}{_mix_one((step & _U64) ^ second):016x}"


def _mix_one(word: int) -> int:
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 & _U64
    word = (word ^ (word >> 27)) * 0x94D049BB133111EB & _U64
    return word ^ (word >> 31)
