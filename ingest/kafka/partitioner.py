"""Which partition a key belongs to: Kafka's own rule, so that every client sends a key to the same partition."""

from __future__ import annotations

from struct import Struct
from typing import Final

_M: Final = 0x5BD1E995
_SEED: Final = 0x9747B28C
_U32: Final = 0xFFFFFFFF
_WORDS: Final = tuple(Struct(f"<{count}I") for count in range(65))
_MEMORY_LIMIT: Final = 262_144


def murmur2(data: bytes) -> int:
    """MurmurHash2, 32 bits, with the seed of Kafka's Java client (``org.apache.kafka.common.utils.Utils.murmur2``).

    kafka-python computes the same byte by byte; unpacking whole words takes a third of the time, and hashing
    the key is a good part of what sending a small record costs.
    """
    length = len(data)
    words = length >> 2
    unpack = _WORDS[words] if words < len(_WORDS) else Struct(f"<{words}I")
    h = _SEED ^ length
    for k in unpack.unpack_from(data):
        k = (k * _M) & _U32
        k ^= k >> 24
        h = ((h * _M) & _U32) ^ ((k * _M) & _U32)
    if length & 3:
        h ^= int.from_bytes(data[words << 2 :], "little")
        h = (h * _M) & _U32
    h ^= h >> 13
    h = (h * _M) & _U32
    return h ^ (h >> 15)


class Partitioner:
    """The partition of a key among ``count``: ``(murmur2(key) & 0x7fffffff) % count``, as Kafka's Java client does.

    Remembers keys that came before, up to a bound: pages repeat a thousandfold.
    """

    __slots__ = ("_count", "_known")

    def __init__(self, count: int) -> None:
        self._count = count
        self._known: dict[bytes, int] = {}

    def __call__(self, key: bytes) -> int:
        partition = self._known.get(key)
        if partition is None:
            if len(self._known) >= _MEMORY_LIMIT:
                self._known.clear()
            partition = self._known[key] = (murmur2(key) & 0x7FFFFFFF) % self._count
        return partition
