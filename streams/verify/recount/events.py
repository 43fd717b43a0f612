"""The recount of one partition of events: plain dictionaries and sets with full identities, a record at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from msgspec import Struct

from schemas.contract.events import (
    ACTIVE_KINDS,
    APPEAL_KINDS,
    KINDS,
    MAX_AHEAD_MS,
    Event,
    EventValidator,
    rejected_ahead,
)
from schemas.contract.rejected import MENDED, Rejected
from streams.verify.recount.facts import KINDS_OF_FACTS, told_by
from streams.verify.recount.ledger import Ledger, RejectedRow
from streams.verify.recount.marks import Marks
from streams.verify.recount.rules import Rules, local_day

HOUR_MS: Final = 3_600_000
_KIND_NUMBER: Final = {kind: number for number, kind in enumerate(KINDS)}
_APPEALS: Final = frozenset(APPEAL_KINDS)

#: (hour in seconds UTC, page or "", place, number of the kind in ``schemas.contract.events.KINDS``)
CellKey = tuple[int, str, str, int]
Cells = dict[CellKey, int]
#: (offset, append time in milliseconds UTC, value)
Record = tuple[int, int, bytes | None]


class ChunkCount(Struct):
    """The counts of one chunk: of its acknowledged part, and of all that was read of it.

    ``whole``: the chunk lies wholly below the acknowledged offset, and then both counts are one object.
    ``window_known``: the log still holds the whole window before it.
    """

    chunk: int
    acknowledged: Cells
    read: Cells
    whole: bool
    window_known: bool


class EventRecount:
    """Counts one partition of events, chunk by chunk, from the first record it is given.

    ``log``, ``part``: where it stands. Offsets: records below ``judged_from`` are read for the window only;
    ``known_from`` is the first offset before which no identity matters or is known; ``acknowledged`` is the next offset
    after the last one whose rows must be written. ``on_chunk`` receives each finished chunk that lies wholly at or
    after ``judged_from``, ``ledger`` what must be remembered of the whole log.
    """

    def __init__(
        self,
        rules: Rules,
        log: int,
        part: int,
        *,
        judged_from: int,
        known_from: int,
        acknowledged: int,
        ledger: Ledger,
        on_chunk: Callable[[ChunkCount], None],
    ) -> None:
        self._rules = rules
        self._ledger = ledger
        self._on_chunk = on_chunk
        self._judge = EventValidator()
        self._mended = rules.mended_in(log, part)
        self._judged_from = judged_from
        self._known_from = -(-known_from // rules.chunk)
        self._acknowledged = acknowledged
        self._ids: dict[int, set[str]] = {}
        self._chunk: int | None = None
        self._window_known = True
        self._cells: Cells = {}
        self._below: Cells | None = None
        self.dropped = 0
        self.marks = Marks()

    def take(self, records: Iterable[Record]) -> None:
        """Count records in ascending order of their offsets."""
        size = self._rules.chunk
        for offset, appended, value in records:
            chunk = offset // size
            if chunk != self._chunk:
                self._turn_to(chunk)
            if self._below is None and offset >= self._acknowledged:
                self._below = dict(self._cells)
            judged = self._verdict(offset, appended, value)
            if judged is None:
                continue
            if isinstance(judged, Rejected):
                if offset >= self._judged_from:
                    self._ledger.reject(
                        RejectedRow(offset, appended, "fold", judged.field, judged.reason, "", "", len(value or b""))
                    )
                continue
            self._count(judged, offset, appended)

    def finish(self) -> None:
        """Hand over the chunk that was begun; what follows must belong to another chunk."""
        if self._chunk is not None and self._chunk * self._rules.chunk >= self._judged_from:
            whole = (self._chunk + 1) * self._rules.chunk <= self._acknowledged
            acknowledged = self._cells if self._below is None else self._below
            self._on_chunk(ChunkCount(self._chunk, acknowledged, self._cells, whole, self._window_known))
        self._cells, self._below, self._chunk = {}, None, None

    def _verdict(self, offset: int, appended: int, value: bytes | None) -> Event | Rejected | None:
        """The event, why it is rejected, or None where its load is excluded."""
        judged = self._judge(value or b"")
        if isinstance(judged, Rejected):
            return judged
        if judged.at > appended + MAX_AHEAD_MS:
            return rejected_ahead("at")
        if offset in self._mended:
            return MENDED
        return None if judged.load in self._rules.excluded else judged

    def _turn_to(self, chunk: int) -> None:
        self.finish()
        self._chunk = chunk
        oldest = chunk - self._rules.window_chunks
        self._window_known = self._known_from == 0 or oldest >= self._known_from
        self._ids = {held: ids for held, ids in self._ids.items() if held >= oldest}
        self._ids[chunk] = set()

    def _count(self, event: Event, offset: int, appended: int) -> None:
        assert self._chunk is not None
        identity = event.id
        repeated = any(identity in ids for ids in self._ids.values())
        self._ids[self._chunk].add(identity)
        if offset < self._judged_from:
            return
        below = offset < self._acknowledged
        kind = event.kind
        hour = event.at // HOUR_MS * 3600
        place = self._rules.place_of(event) if self._rules.stamps else event.place
        self.marks.hear(event.source, offset, appended, event.at, below)
        if not repeated or kind in KINDS_OF_FACTS:
            # Without the whole window the worker may know of a repeat that the recount cannot know; facts need none.
            sure = kind in KINDS_OF_FACTS or self._window_known
            self.marks.touch(hour, offset + 1, below and sure)
        if kind in KINDS_OF_FACTS:
            where = (place, event.page or "", kind, event.entrance)
            for told in told_by(event, place):
                self._ledger.fact(told, offset, below, not repeated, event.at, appended, where)
        if repeated:
            self.dropped += 1
            return
        page = event.page or ""
        key = (hour, page, place, _KIND_NUMBER[kind])
        amount = 1 if kind in _APPEALS else event.amount
        self._cells[key] = self._cells.get(key, 0) + amount
        self._ledger.counted(identity, kind in _APPEALS)
        if event.author is not None and kind in ACTIVE_KINDS:
            # Without the whole window the worker may know of a repeat that the recount cannot know: an upper bound.
            sure = below and self._window_known
            self._ledger.person((local_day(place, event.at), place, page), int(event.author[:16], 16), sure)
