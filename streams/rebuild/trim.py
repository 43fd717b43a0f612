"""Trimming the log: finds whole chunks that no generation needs any more.

Every generation that is not retired keeps the chunk of its commit, the window before it and a margin. A generation that
is being built counts, too. So a later rebuild finds a cut: it lies one window after the start of the log.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from msgspec import Struct

from schemas.contract.topics import EVENTS
from streams.bookkeeping.offsets import PartitionRange
from streams.definition import Definition
from streams.grid import chunk_start
from streams.positions import Partition, TopicPartition

#: Whole chunks that are kept beyond the need of every generation.
MARGIN_CHUNKS: Final = 1


class Reach(Struct, frozen=True):
    """The progress of one generation. Offsets are "next".

    ``committed`` is empty where the group has none.
    """

    definition: Definition
    acknowledged: Mapping[Partition, int]
    committed: Mapping[TopicPartition, int]


class Cut(Struct, frozen=True):
    """Offsets to delete in one partition: [begin, before) of a log that ends at ``end``.

    ``needed_from`` is the first offset that a generation may still read, ``needed_by`` that generation. ``before``
    equals ``begin`` if no record is deleted.
    """

    topic: str
    log: int
    part: int
    begin: int
    before: int
    end: int
    needed_from: int
    needed_by: int

    @property
    def records(self) -> int:
        """How many offsets are deleted."""
        return self.before - self.begin


def plan(
    logs: Mapping[str, int],
    ranges: Mapping[TopicPartition, PartitionRange],
    reaches: Sequence[Reach],
    wanted: Mapping[TopicPartition, int],
) -> list[Cut]:
    """The offsets to delete in each partition of ``wanted``: at most those below the wanted offset.

    ``logs`` gives the number of each topic's log, ``ranges`` the offsets of the partitions, ``reaches`` every
    generation that is not retired. Without a generation no record is deleted.
    """
    cuts = []
    for partition, wish in sorted(wanted.items()):
        topic, part = partition
        held = ranges[partition]
        log = logs[topic]
        needs = [(needed_from(reach, topic, log, part), reach.definition.generation) for reach in reaches]
        needed, by = min(needs, default=(0, 0))
        step = math.lcm(*(reach.definition.chunk for reach in reaches)) if reaches else 1
        before = max(held.begin, chunk_start(max(0, min(wish, needed, held.end)), step))
        cuts.append(Cut(topic, log, part, held.begin, before, held.end, needed, by))
    return cuts


def needed_from(reach: Reach, topic: str, log: int, part: int) -> int:
    """The first offset of a partition that a generation may still read, with a margin.

    A worker that starts again folds from the chunk of the acknowledged offset, and reads the window before it. A
    generation without progress in the partition may still fold it from its start.
    """
    definition = reach.definition
    folded = reach.acknowledged.get(Partition(log, part), definition.cut_of(log, part))
    committed = reach.committed.get(TopicPartition(topic, part), folded)
    window = definition.window_chunks if topic == EVENTS else 0
    behind = (window + MARGIN_CHUNKS) * definition.chunk
    return max(0, chunk_start(min(folded, committed), definition.chunk) - behind)


def unlike(before: Collection[int], after: Collection[int]) -> set[int]:
    """Generations that began during the decision to trim: they may need the records."""
    return set(after) - set(before)
