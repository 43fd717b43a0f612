"""Catching up: how far a new generation is behind the log, and behind the active generation."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from streams.bookkeeping.offsets import PartitionRange
from streams.definition import Definition
from streams.positions import Partition, TopicPartition


class Distance(Struct, frozen=True):
    """Records that a generation has folded and has still to fold; ``waiting`` partitions have no progress at all."""

    folded: int
    remaining: int
    waiting: int


def distance(
    definition: Definition,
    logs: Mapping[str, int],
    ranges: Mapping[TopicPartition, PartitionRange],
    acknowledged: Mapping[Partition, int],
) -> Distance:
    """How far a generation is, over all partitions of ``ranges``."""
    folded = remaining = waiting = 0
    for (topic, part), held in ranges.items():
        key = Partition(logs[topic], part)
        begin = max(definition.cut_of(*key), held.begin)
        at = acknowledged.get(key)
        waiting += at is None
        folded += max(0, (begin if at is None else at) - begin)
        remaining += max(0, held.end - (begin if at is None else at))
    return Distance(folded, remaining, waiting)


def has_reached(acknowledged: Mapping[Partition, int], targets: Mapping[Partition, int]) -> bool:
    """Whether every partition is acknowledged as far as ``targets`` says: the old generation a moment ago."""
    return all(acknowledged.get(key, 0) >= offset for key, offset in targets.items())
