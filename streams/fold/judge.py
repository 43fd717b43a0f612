"""The judge: accepts or rejects each record of a batch, or treats it as absent."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from msgspec import Struct
from msgspec.structs import replace

from schemas.contract.event_blocks import BlockColumns, BlockValidator
from schemas.contract.events import FACT_KINDS, MAX_AHEAD_MS, Event, rejected_ahead
from schemas.contract.identifiers import KNOWN_LIMIT
from schemas.contract.numbered_texts import Numbers
from schemas.contract.rejected import MENDED, Rejected
from streams.definition import Definition, Stamp, mended_offsets
from streams.fold.batch import Batch
from streams.fold.columns import RecordColumns, Times
from streams.fold.counters import MOST_TEXTS
from streams.fold.rejected_rows import RejectedRecord, rejected_records
from streams.fold.texts import TextColumn
from streams.fold.window import Words, words_of


class EventColumns(RecordColumns):
    """Accepted events as columns of one length, in the order of the log."""

    offsets: Times
    #: When each happened and when it was appended, milliseconds UTC.
    at: Times
    appended: Times
    identities: Words
    kinds: npt.NDArray[np.uint8]
    amounts: npt.NDArray[np.uint32]
    #: Numbers of the judge's texts; the places are those that the generation's stamps give.
    pages: Numbers
    places: Numbers
    sources: Numbers
    #: Upper 64 bits of the authors, where ``known`` says that there is one.
    authors: Numbers
    known: npt.NDArray[np.bool_]


class Judged(Struct):
    """The accepted events of a batch as columns, the rejected records, and the number of excluded ones."""

    columns: EventColumns
    #: Those of the fact kinds, with the places that the generation's stamps give them.
    facts: list[Event]
    rejected: list[RejectedRecord]
    #: Records of excluded loads.
    excluded: int


class EventJudge:
    """Judges the events of one partition for one generation, each record alone.

    A record is rejected for the first of these reasons: it breaks the contract, its time is more than ten minutes
    after its append time, or it was mended and sent again. A record of an excluded load is treated as absent. All
    other records are accepted.
    """

    def __init__(self, log: int, partition: int, definition: Definition) -> None:
        self._validator = BlockValidator()
        self._mended = mended_offsets(log, partition, definition)
        self._excluded = frozenset(definition.excluded_loads)
        self._stamps = _by_page(definition.stamps)
        # A record has a page and a place, and a stamp may give another place.
        self._most_texts = min(KNOWN_LIMIT, MOST_TEXTS - 2 * definition.chunk)
        self._name_columns()

    @property
    def unknown_fields(self) -> int:
        """Records so far, accepted by the contract, that carried fields which it does not know."""
        return self._validator.unknown_fields

    def begin_chunk(self) -> None:
        """Call it before the first record of a chunk: numbers of texts, below ``MOST_TEXTS``, hold for one chunk."""
        if self._validator.forget(self._most_texts):
            self._name_columns()

    def _name_columns(self) -> None:
        #: The texts that the numbers of the present chunk stand for.
        self.pages = TextColumn(self._validator.pages)
        self.places = TextColumn(self._validator.places)
        self.sources = self._validator.sources

    def judge(self, batch: Batch) -> Judged:
        """Judge a batch, which lies within one chunk. Never raises, whatever its records are."""
        appended = np.array(batch.appended, np.int64)
        rejected: dict[int, Rejected] = {}
        parts: list[EventColumns] = []
        facts: list[Event] = []
        excluded: list[npt.NDArray[np.bool_]] = []
        begin = 0
        for block in self._validator.blocks(batch.values):
            rejected |= {begin + i: why for i, why in block.rejected.items()}
            parts.append(_columns(block, batch.first_offset + begin, appended[begin : begin + block.size]))
            facts += block.facts
            if self._excluded:
                absent = [event.load in self._excluded for event in block.events]
                excluded.append(np.fromiter(absent, np.bool_, len(absent)))
            begin += block.size
        columns = EventColumns.joined(parts)
        accepted = columns.at <= columns.appended + MAX_AHEAD_MS
        indexes = columns.offsets - batch.first_offset
        rejected |= dict.fromkeys(indexes[~accepted].tolist(), rejected_ahead("at"))
        mended = [offset - batch.first_offset for offset in offsets_within(self._mended, batch)]
        if mended:
            rejected = dict.fromkeys(mended, MENDED) | rejected
            accepted &= ~np.isin(indexes, mended)
        if batch.voids:
            rejected = {i: why for i, why in rejected.items() if batch.first_offset + i not in batch.voids}
        absent_count = 0
        if excluded:
            absent_mask = np.concatenate(excluded)
            absent_count = int(np.count_nonzero(accepted & absent_mask))
            accepted &= ~absent_mask
        if not accepted.all():
            stay = accepted[columns.kinds < len(FACT_KINDS)].tolist()
            facts = [event for event, stays in zip(facts, stay, strict=True) if stays]
            columns = columns.where(accepted)
        if self._stamps:
            self._stamp(columns)
            facts = [self._stamped(event) for event in facts]
        return Judged(columns, facts, rejected_records(batch, rejected), absent_count)

    def _stamp(self, columns: EventColumns) -> None:
        """Put the places that the stamps give into the columns."""
        pages = self.pages.texts
        stamps = {pages[page]: self._stamps[page] for page in self._stamps.keys() & pages.keys()}
        columns.places = columns.places.copy()
        for i in np.flatnonzero(np.isin(columns.pages, list(stamps))).tolist():
            place = _place(stamps[int(columns.pages[i])], int(columns.at[i]))
            if place is not None:
                columns.places[i] = self.places.texts[place]

    def _stamped(self, event: Event) -> Event:
        place = _place(self._stamps.get(event.page or "", ()), event.at)
        return event if place is None else replace(event, place=place)


def _columns(block: BlockColumns, first_offset: int, appended: Times) -> EventColumns:
    """The accepted events of a block whose first record stands at ``first_offset``."""
    accepted = np.fromiter(block.accepted, np.int64, len(block.accepted))
    known = np.ones(len(accepted), np.bool_)
    known[block.nobody] = False
    return EventColumns(
        offsets=accepted + first_offset,
        at=block.at,
        appended=appended[accepted],
        identities=words_of(block.ids),
        kinds=block.kinds,
        amounts=block.amounts,
        pages=block.pages,
        places=block.places,
        sources=block.sources,
        authors=words_of(block.authors)[:, 0],
        known=known,
    )


def _place(stamps: Iterable[Stamp], at: int) -> str | None:
    """The place that stamps of a page give at a time (milliseconds UTC); None where they leave what was stamped."""
    return next((stamp.place for stamp in stamps if stamp.from_ms <= at < stamp.to_ms), None)


def offsets_within(ascending: Sequence[int], batch: Batch) -> Sequence[int]:
    """Those of ascending offsets that lie in the batch."""
    return ascending[bisect_left(ascending, batch.first_offset) : bisect_left(ascending, batch.next_offset)]


def _by_page(stamps: Sequence[Stamp]) -> dict[str, list[Stamp]]:
    found: dict[str, list[Stamp]] = {}
    for stamp in stamps:
        found.setdefault(stamp.page, []).append(stamp)
    return found
