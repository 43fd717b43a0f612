"""Trimming the log: which whole chunks no generation needs any more, and deleting them for ever.

Only whole chunks go, well behind the commit and the window of every generation that is not retired, one that is being
built included. What a later rebuild needs stays: a cut lies a window of chunks after the log's start.
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

#: Whole chunks that are left beside what every generation needs, so that "well behind" is more than "just behind".
MARGIN_CHUNKS: Final = 1


class Reach(Struct, frozen=True):
    """How far one generation has come. Offsets are "next".

    ``committed`` is empty where the group has none.
    """

    definition: Definition
    acknowledged: Mapping[Partition, int]
    committed: Mapping[TopicPartition, int]


class Cut(Struct, frozen=True):
    """What would be deleted of one partition: [begin, before) of a log that ends at ``end``.

    ``needed_from`` is the first offset that some generation may still ask for, ``needed_by`` that generation;
    ``before`` equals ``begin`` where nothing goes.
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
        """Offsets that would go."""
        return self.before - self.begin


def plan(
    logs: Mapping[str, int],
    ranges: Mapping[TopicPartition, PartitionRange],
    reaches: Sequence[Reach],
    wanted: Mapping[TopicPartition, int],
) -> list[Cut]:
    """What may go of each partition in ``wanted``, which names the offset below which records are wished away.

    ``logs`` gives the number of each topic's log, ``ranges`` what the partitions hold, ``reaches`` every generation
    that is not retired. Without one nothing may go.
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
    """The first offset of a partition that a generation may still ask for, with a margin.

    A worker that starts again reads from the chunk of what is acknowledged, behind the window of chunks before it. A
    generation without progress in the partition may yet fold it from its beginning.
    """
    definition = reach.definition
    folded = reach.acknowledged.get(Partition(log, part), definition.cut_of(log, part))
    committed = reach.committed.get(TopicPartition(topic, part), folded)
    window = definition.window_chunks if topic == EVENTS else 0
    behind = (window + MARGIN_CHUNKS) * definition.chunk
    return max(0, chunk_start(min(folded, committed), definition.chunk) - behind)


def unlike(before: Collection[int], after: Collection[int]) -> set[int]:
    """Generations that appeared while a trim was decided: they may need what it is about to delete."""
    return set(after) - set(before)
