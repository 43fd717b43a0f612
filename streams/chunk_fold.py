"""One chunk of events on its way to rows: its counted records as columns, and what changed since the last flush."""

from __future__ import annotations

from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl
from msgspec import Struct

from schemas.events import ACTIVE_KINDS, Event
from streams.audience import people_rows
from streams.codes import TextCodes
from streams.counters import COUNTED_KINDS, KIND_CODES, ChangedCells, Counted, Numbers, cells_of, hour_of
from streams.judge import Judged, Times
from streams.window import IdentityWindow, Words, identity_words
from streams.zones import HOUR_MS

_ACTIVE: Final = np.array([kind in ACTIVE_KINDS for kind in KIND_CODES], np.bool_)


class Columns(Struct, gc=False):
    """Records as columns of one length, in the order of the log."""

    offsets: Times
    #: Milliseconds UTC.
    at: Times
    cells: Numbers
    kinds: npt.NDArray[np.uint8]
    #: What a record adds to its kind's column: 1 for appeals, else its amount.
    amounts: npt.NDArray[np.uint32]
    #: Upper 64 bits of the author's keyed hash, where ``active`` says that there is one whose activity counts.
    authors: Numbers
    active: npt.NDArray[np.bool_]

    def where(self, mask: npt.NDArray[np.bool_]) -> Columns:
        """The records that the mask names."""
        return self if mask.all() else Columns(*(getattr(self, name)[mask] for name in self.__struct_fields__))


_Columns = TypeVar("_Columns", Columns, Counted)


def concatenate(parts: list[_Columns]) -> _Columns:
    """The records of all parts, one after the other; there is at least one part."""
    if len(parts) == 1:
        return parts[0]
    kind = type(parts[0])
    return kind(*(np.concatenate([getattr(part, name) for part in parts]) for name in kind.__struct_fields__))


class ChunkFold:
    """Folds the events of one chunk of one partition.

    ``take`` turns events into columns (it works on objects and holds the interpreter's lock); ``settle`` asks the
    window which of them count, ``drain`` groups (both in numpy and polars, mostly outside the lock).
    """

    def __init__(self, log: int, partition: int, number: int) -> None:
        self._position = (log, partition, number)
        self._places = TextCodes()
        self._pages = TextCodes()
        self._taken: list[tuple[Words, Columns]] = []
        #: What the chunk had counted at the flush before.
        self._counted: list[Counted] = []
        self._fresh: list[Columns] = []

    def take(self, judged: Judged) -> npt.NDArray[np.uint8]:
        """Accepted events of this chunk, in the order of the log. Gives the codes of their kinds."""
        events = judged.events
        count = len(events)
        kinds = np.fromiter(map(KIND_CODES.__getitem__, [event.kind for event in events]), np.uint8, count)
        amounts = np.fromiter([event.amount for event in events], np.uint32, count)
        amounts[kinds < COUNTED_KINDS] = 1
        places = self._places.encode([event.place for event in events], count)
        pages = self._pages.encode([event.page or "" for event in events], count)
        hours = (judged.at // HOUR_MS).astype(np.uint64)
        authors, known = _authors(events)
        columns = Columns(
            offsets=judged.offsets,
            at=judged.at,
            cells=cells_of(hours, places, pages),
            kinds=kinds,
            amounts=amounts,
            authors=authors,
            active=known & _ACTIVE[kinds],
        )
        self._taken.append((identity_words([event.id for event in events]), columns))
        return kinds

    def settle(self, window: IdentityWindow) -> int:
        """Ask the window which of the records taken since the last call count. Gives how many are repeats."""
        if not self._taken:
            return 0
        identities = np.concatenate([words for words, _ in self._taken])
        columns = concatenate([columns for _, columns in self._taken])
        self._taken = []
        fresh = columns.where(window.admit(identities))
        if len(fresh.cells):
            self._fresh.append(fresh)
        return len(identities) - len(fresh.cells)

    def drain(self) -> tuple[list[tuple[str, pl.DataFrame]], dict[int, int]]:
        """Rows of what settled since the last call, by table, and the hours it changed with the next offset of each."""
        if not self._fresh:
            return [], {}
        fresh = concatenate(self._fresh)
        self._fresh = []
        distinct, cell_of = np.unique(fresh.cells, return_inverse=True)
        changed = ChangedCells(distinct)
        for earlier in self._counted:
            changed.add_earlier(earlier)
        counted = Counted(fresh.cells, fresh.kinds, fresh.amounts)
        changed.add(cell_of, counted)
        self._counted = [concatenate([*self._counted, counted])]
        tables = [("page_hour", changed.rows(*self._position, self._places, self._pages))]
        active = fresh.active
        if active.any():
            people = people_rows(
                fresh.cells[active], fresh.at[active], fresh.authors[active], self._places, self._pages
            )
            tables.append(("people_day", people))
        return tables, _last_by_hour(distinct, cell_of, fresh.offsets)


def _authors(events: list[Event]) -> tuple[Numbers, npt.NDArray[np.bool_]]:
    """The upper 64 bits of the events' authors, and which events have one."""
    texts = [event.author for event in events]
    present = [text for text in texts if text is not None]
    words = identity_words(present)[:, 0]
    if len(present) == len(texts):
        return words, np.ones(len(texts), np.bool_)
    known = np.fromiter([text is not None for text in texts], np.bool_, len(texts))
    authors = np.zeros(len(texts), np.uint64)
    authors[known] = words
    return authors, known


def _last_by_hour(changed: Numbers, cell_of: npt.NDArray[np.intp], offsets: Times) -> dict[int, int]:
    """For each hour of the changed cells the offset after the last record in it."""
    high = np.zeros(len(changed), np.int64)
    # Records stand in the order of the log: where a cell is assigned more than once, its last record stays.
    high[cell_of] = offsets + 1
    hours = hour_of(changed)
    begins = np.flatnonzero(np.concatenate(([True], hours[1:] != hours[:-1])))
    return dict(zip(hours[begins].tolist(), np.maximum.reduceat(high, begins).tolist(), strict=True))
