"""The judge: which records of a batch count in a generation, which are refused and which are as if absent."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from msgspec.structs import replace

from schemas.events import MAX_AHEAD_MS, Event, EventValidator, ahead_refusal
from schemas.refusal import MENDED, Refusal
from streams.batch import Batch
from streams.generation import Definition, Stamp

Times = npt.NDArray[np.int64]


class RefusedRecord(Struct, frozen=True):
    """A record that the contract, the clock or the generation refuses: its position and why, never its content."""

    offset: int
    #: Append time, milliseconds UTC.
    appended: int
    refusal: Refusal
    #: Bytes of the record.
    size: int


class Judged(Struct):
    """The accepted events of a batch in the order of the log, column by column, and what became of the others."""

    #: With the places that the generation's stamps give them.
    events: list[Event]
    offsets: Times
    #: When each happened and when it was appended, milliseconds UTC.
    at: Times
    appended: Times
    refused: list[RefusedRecord]
    #: Records of excluded loads.
    excluded: int


class EventJudge:
    """Judges the events of one partition for one generation, each record alone.

    The order of the questions: is it of the contract, did it happen no more than ten minutes after it was appended,
    was it not mended and sent again: else it is refused, for the first of these reasons. Is its load excluded, then
    it is as if absent. What is left is accepted.
    """

    def __init__(self, log: int, partition: int, definition: Definition) -> None:
        self._validator = EventValidator()
        self._mended = mended_offsets(log, partition, definition)
        self._excluded = frozenset(definition.excluded_loads)
        self._stamps = _by_page(definition.stamps)

    @property
    def unknown_fields(self) -> int:
        """Records so far, accepted by the contract, that carried fields which it does not know."""
        return self._validator.unknown_fields

    def judge(self, batch: Batch) -> Judged:
        """Judge a batch. Never raises, whatever its records are."""
        verdicts = self._validator.judge(batch.values)
        refusals = {place: verdict for place, verdict in enumerate(verdicts) if type(verdict) is Refusal}
        valid: Sequence[int] = range(len(verdicts))
        if refusals:
            valid = [place for place in valid if place not in refusals]
        events = cast(list[Event], [verdicts[place] for place in valid])
        places = np.fromiter(valid, np.int64, len(valid))
        at = np.fromiter([event.at for event in events], np.int64, len(events))
        appended = np.array(batch.appended, np.int64)[places]
        accepted = at <= appended + MAX_AHEAD_MS
        refusals |= dict.fromkeys(places[~accepted].tolist(), ahead_refusal("at"))
        mended = [offset - batch.first_offset for offset in offsets_within(self._mended, batch)]
        if mended:
            refusals = dict.fromkeys(mended, MENDED) | refusals
            accepted &= ~np.isin(places, mended)
        excluded = 0
        if self._excluded:
            absent = np.fromiter([event.load in self._excluded for event in events], np.bool_, len(events))
            excluded = int(np.count_nonzero(accepted & absent))
            accepted &= ~absent
        if not accepted.all():
            events = [events[i] for i in np.flatnonzero(accepted).tolist()]
            places, at, appended = places[accepted], at[accepted], appended[accepted]
        return Judged(
            events=[self._stamped(event) for event in events] if self._stamps else events,
            offsets=places + batch.first_offset,
            at=at,
            appended=appended,
            refused=refused_records(batch, refusals),
            excluded=excluded,
        )

    def _stamped(self, event: Event) -> Event:
        for stamp in self._stamps.get(event.page or "", ()):
            if stamp.from_ms <= event.at < stamp.to_ms:
                return replace(event, place=stamp.place)
        return event


def mended_offsets(log: int, partition: int, definition: Definition) -> list[int]:
    """Offsets of one partition that were mended and sent again, ascending."""
    return sorted(offset for at, part, offset in definition.mended if (at, part) == (log, partition))


def offsets_within(ascending: Sequence[int], batch: Batch) -> Sequence[int]:
    """Those of ascending offsets that lie in the batch."""
    return ascending[bisect_left(ascending, batch.first_offset) : bisect_left(ascending, batch.next_offset)]


def refused_records(batch: Batch, refusals: Mapping[int, Refusal]) -> list[RefusedRecord]:
    """The refused records of a batch, by their place in it, in the order of the log."""
    return [
        RefusedRecord(batch.first_offset + at, batch.appended[at], refusals[at], len(batch.values[at] or b""))
        for at in sorted(refusals)
    ]


def _by_page(stamps: Sequence[Stamp]) -> dict[str, list[Stamp]]:
    found: dict[str, list[Stamp]] = {}
    for stamp in stamps:
        found.setdefault(stamp.page, []).append(stamp)
    return found
