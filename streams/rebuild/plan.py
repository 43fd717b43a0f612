"""The plan of a rebuild: the definition of the next generation, and its cuts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from schemas.contract.events import KINDS
from schemas.contract.topics import EVENTS
from streams.bookkeeping.offsets import PartitionRange
from streams.definition import Definition, Stamp, check_definition
from streams.positions import Partition, Position, TopicPartition

#: The figure of distinct active accounts in a comparison of two generations.
ACCOUNTS: Final = "active accounts"


class RebuildRefusedError(Exception):
    """A rebuild would give wrong numbers; the message says why and what to do."""


class Wishes(Struct, frozen=True, kw_only=True):
    """Options of the operator for the next generation. Without them, stamps and exclusions stay as they are."""

    #: The whole new stamp set; None keeps the one before.
    stamps: tuple[Stamp, ...] | None = None
    exclude_loads: tuple[str, ...] = ()
    include_loads: tuple[str, ...] = ()
    #: Begin at a cut where the log no longer begins at 0.
    from_cut: bool = False
    #: Keep the chunk and the window of the generation before, whatever today's are.
    keep_grid: bool = False


def next_definition(today: Definition, before: Definition, wishes: Wishes, mended: Iterable[Position]) -> Definition:
    """The definition of today's code with the operator's wishes, without a cut.

    ``mended`` are all origins that were ever mended.

    Raises ``DefinitionError`` where the stamps contradict each other.
    """
    loads = (set(before.excluded_loads) | set(wishes.exclude_loads)) - set(wishes.include_loads)
    if wishes.keep_grid:
        today = replace(today, chunk=before.chunk, window_chunks=before.window_chunks)
    definition = replace(
        today,
        stamps=before.stamps if wishes.stamps is None else wishes.stamps,
        excluded_loads=tuple(sorted(loads)),
        mended=tuple(sorted({*before.mended, *mended})),
    )
    check_definition(definition)
    return definition


def begin(
    definition: Definition,
    before: Definition,
    logs: Mapping[str, int],
    ranges: Mapping[TopicPartition, PartitionRange],
    folded: Mapping[Partition, int],
    wishes: Wishes,
) -> Definition:
    """The definition with its cut: where the generation begins in partitions whose log does not begin at 0.

    ``folded`` is what the generation before has acknowledged. A cut is a boundary of both grids, at least a window of
    new chunks behind the log's start, and everything below it is acknowledged and never changes again.
    Raises :class:`RebuildRefusedError`.
    """
    cuts: list[Position] = []
    for (topic, part), held in sorted(ranges.items()):
        if held.begin == 0:
            continue
        if not wishes.from_cut:
            raise RebuildRefusedError(
                f"The log of {topic} partition {part} begins at offset {held.begin}: records before it cannot be "
                "folded again. With --from-cut their counters are carried over from the generation before."
            )
        log = logs[topic]
        cut = _cut(definition, before, topic, held)
        sealed = folded.get(Partition(log, part), before.cut_of(log, part))
        if cut > sealed:
            raise RebuildRefusedError(
                f"The log of {topic} partition {part} begins at offset {held.begin}, so the first possible cut is "
                f"{cut}. Only offsets before {sealed} are acknowledged: rebuild when its workers are that far."
            )
        cuts.append(Position(log, part, cut))
    if cuts and definition.chunk != before.chunk:
        raise RebuildRefusedError(
            f"Chunks of {definition.chunk} records instead of {before.chunk}: carried counters are kept by chunks, so "
            "another chunk needs the whole log. Keep the old one with --keep-grid."
        )
    return replace(definition, cut=tuple(cuts))


def _cut(definition: Definition, before: Definition, topic: str, held: PartitionRange) -> int:
    step = math.lcm(definition.chunk, before.chunk)
    window = definition.window_chunks * definition.chunk if topic == EVENTS else 0
    return -(-(held.begin + window) // step) * step


def changed_stamps(definition: Definition, before: Definition) -> tuple[Stamp, ...]:
    """Stamps that only one of two generations has: the events they cover may stand in another place."""
    return tuple(sorted(set(definition.stamps) ^ set(before.stamps), key=lambda s: (s.page, s.from_ms)))


def changed_loads(definition: Definition, before: Definition) -> tuple[str, ...]:
    """Loads that only one of two generations excludes."""
    return tuple(sorted(set(definition.excluded_loads) ^ set(before.excluded_loads)))


def expected_changes(definition: Definition, before: Definition) -> list[str]:
    """Why totals may differ between two generations, in words; empty where every total must be the same."""
    reasons = []
    if definition.fold != before.fold:
        reasons.append(f"fold {definition.fold} instead of {before.fold}")
    if (definition.chunk, definition.window_chunks) != (before.chunk, before.window_chunks):
        reasons.append(
            f"a window of {definition.window_chunks} chunks of {definition.chunk} records instead of "
            f"{before.window_chunks} of {before.chunk}"
        )
    if definition.zones != before.zones:
        reasons.append("another table of time zones")
    if changed_stamps(definition, before):
        reasons.append("another stamp set (places and active accounts only)")
    loads = changed_loads(definition, before)
    if loads:
        reasons.append(f"other excluded loads ({', '.join(loads)})")
    return reasons


def may_differ(what: str, definition: Definition, before: Definition) -> bool:
    """Whether the total of a figure (a table of facts, a kind, ``active accounts`` ...) may differ by what is defined.

    Another stamp set moves records between places, and accounts with them; it changes no total of anything else.
    """
    if definition.fold != before.fold or changed_loads(definition, before):
        return True
    if what == ACCOUNTS:
        return bool(expected_changes(definition, before))
    same_window = (definition.chunk, definition.window_chunks) == (before.chunk, before.window_chunks)
    return what in KINDS and not same_window
