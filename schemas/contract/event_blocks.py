"""Events judged in blocks: the verdicts that records get one by one, found column by column; and those columns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from struct import pack
from typing import Final

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Struct

from schemas.contract import VERSION
from schemas.contract.events import FACT_KINDS, KINDS, Event, EventValidator, rejected_fact
from schemas.contract.identifiers import KNOWN_LIMIT, PAGE, PLACE, SOURCE, are_hex32, are_labels, hex32_bytes
from schemas.contract.numbered_texts import NumberedTexts, Numbers
from schemas.contract.rejected import Rejected

#: Number of each kind: its index in :data:`schemas.contract.events.KINDS`, facts first.
KIND_CODES: Final = {kind: code for code, kind in enumerate(KINDS)}
#: Records of a block: so few that they are still in the processor's cache when their last column is read, and that one
#: bad record makes little work for its neighbours.
_BLOCK: Final = 512
#: Stands in a column of authors where there is none; which these are is told beside it.
_NOBODY: Final = "0" * 32
_PAGE_OR_NONE: Final = re.compile(f"(?:{PAGE.pattern})?")


class BlockColumns(Struct, gc=False):
    """Consecutive records that were judged together: those that the contract accepts as columns, in their order."""

    #: How many records there are, and the indexes among them of those that are accepted.
    size: int
    accepted: Sequence[int]
    #: Why the others are rejected, by their index.
    rejected: dict[int, Rejected]
    events: list[Event]
    #: Those of them that are of the fact kinds.
    facts: list[Event]
    #: Sixteen bytes each.
    ids: bytes
    #: Sixteen bytes each, zeros where there is none, whose indexes among the accepted are in ``nobody``.
    authors: bytes
    nobody: list[int]
    #: Milliseconds UTC.
    at: npt.NDArray[np.int64]
    #: By :data:`KIND_CODES`.
    kinds: npt.NDArray[np.uint8]
    amounts: npt.NDArray[np.uint32]
    #: By the validator's numbered texts.
    pages: Numbers
    places: Numbers
    sources: Numbers


class BlockValidator(EventValidator):
    """The same verdicts as :class:`EventValidator`, each record alone, at a third of the time.

    What passes is numbered: pages (``""`` stands for none), places and sources. :meth:`forget` bounds what is kept.
    """

    def __init__(self) -> None:
        super().__init__()
        self._number_anew()

    def _number_anew(self) -> None:
        self.pages = NumberedTexts(_PAGE_OR_NONE.fullmatch)
        self.places = NumberedTexts(PLACE.fullmatch)
        self.sources = NumberedTexts(SOURCE.fullmatch)

    def forget(self, limit: int = KNOWN_LIMIT) -> bool:
        """Number all texts anew where there are more than ``limit`` of a kind; whether that was so."""
        if max(len(self.pages), len(self.places), len(self.sources)) <= limit:
            return False
        self._number_anew()
        return True

    def judge(self, values: Sequence[bytes | None]) -> list[Event | Rejected]:
        """The verdicts on records, in order. A value of None (a tombstone) is judged as an empty one. Never raises."""
        verdicts: list[Event | Rejected] = []
        for block in self.blocks(values):
            events = iter(block.events)
            verdicts += [
                block.rejected[index] if index in block.rejected else next(events) for index in range(block.size)
            ]
        return verdicts

    def blocks(self, values: Sequence[bytes | None]) -> Iterator[BlockColumns]:
        """Judge records, each alone, block by block in their order. Never raises."""
        for begin in range(0, len(values), _BLOCK):
            yield self._judged(values[begin : begin + _BLOCK])

    def _judged(self, raws: Sequence[bytes | None]) -> BlockColumns:
        events, rejected = self._decoded(raws)
        block = self._columns(events)
        if block is None:
            # At least one of them is rejected: which, and why, is found one by one.
            indexes = [index for index in range(len(raws)) if index not in rejected]
            verdicts = list(map(self._check, events))
            rejected |= {i: why for i, why in zip(indexes, verdicts, strict=True) if why is not None}
            block = self._columns([event for event, why in zip(events, verdicts, strict=True) if why is None])
        if block is None:
            raise AssertionError("Records that pass one by one do not pass together.")
        block.size, block.rejected, block.accepted = len(raws), rejected, range(len(raws))
        if rejected:
            block.accepted = [index for index in block.accepted if index not in rejected]
        return block

    def _decoded(self, raws: Sequence[bytes | None]) -> tuple[list[Event], dict[int, Rejected]]:
        """The events of records, and the indexes of those that cannot be decoded."""
        events: list[Event] = []
        rejected: dict[int, Rejected] = {}
        # Where a value is None the decoder raises TypeError.
        decoding: Iterator[Event] = map(self._strict, raws)  # type: ignore[arg-type]
        while True:
            try:
                events.extend(decoding)
            except (TypeError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                # What was decoded before it is in the list, and what comes after it is decoded when asked for.
                index = len(events) + len(rejected)
                verdict = self._second_look(raws[index] or b"")
                if isinstance(verdict, Rejected):
                    rejected[index] = verdict
                else:
                    events.append(verdict)
            else:
                return events, rejected

    def _columns(self, events: list[Event]) -> BlockColumns | None:
        """The columns of events that would all pass one by one; None where one of them would not."""
        count = len(events)
        authors = [event.author or _NOBODY for event in events]
        ids = hex32_bytes([event.id for event in events])
        author_words = hex32_bytes(authors)
        pages = self.pages.numbers([event.page or "" for event in events])
        places = self.places.numbers([event.place for event in events])
        sources = self.sources.numbers_of_few([event.source for event in events])
        if ids is None or author_words is None or pages is None or places is None or sources is None:
            return None
        kinds = np.frombuffer(bytes([KIND_CODES[event.kind] for event in events]), np.uint8)
        facts = [events[i] for i in np.flatnonzero(kinds < len(FACT_KINDS)).tolist()]
        if not (
            self._channels.holds_all({event.channel for event in events})
            and are_labels([event.object for event in events if event.object is not None])
            and self._rest_passes(_with_more(events))
            and not any(map(rejected_fact, _with_conditions(facts)))
        ):
            return None
        zero_halves = np.flatnonzero(np.frombuffer(author_words, np.uint64)[::2] == 0).tolist()
        return BlockColumns(
            size=count,
            accepted=range(count),
            rejected={},
            events=events,
            facts=facts,
            ids=ids,
            authors=author_words,
            nobody=[i for i in zero_halves if authors[i] is _NOBODY],
            at=np.fromiter([event.at for event in events], np.int64, count),
            kinds=kinds,
            amounts=np.frombuffer(pack(f"{count}I", *[event.amount for event in events]), np.uint32),
            pages=pages,
            places=places,
            sources=sources,
        )

    def _rest_passes(self, events: list[Event]) -> bool:
        """Whether the members that few events have are valid in all of ``events``."""
        return not events or (
            {event.v for event in events} <= {VERSION}
            and self._topics.holds_all([event.topic for event in events if event.topic is not None])
            and self._sources.holds_all({event.load for event in events if event.load is not None})
            and are_hex32([event.appeal for event in events if event.appeal is not None])
            and are_hex32([event.thread for event in events if event.thread is not None])
            and are_hex32([event.message for event in events if event.message is not None])
            and are_hex32([event.reply_to for event in events if event.reply_to is not None])
            and are_labels([event.responder for event in events if event.responder is not None])
        )


def _with_conditions(facts: list[Event]) -> list[Event]:
    """The facts that may lack what their kind needs; most name their appeal and have nothing else to show."""
    return [event for event in facts if event.appeal is None or event.amount != 1 or event.kind == "appeal_rated"]


def _with_more(events: list[Event]) -> list[Event]:
    """The events that have a member which most have not, or a later version: one look at each instead of six."""
    return [
        event
        for event in events
        if event.topic is not None
        or event.appeal is not None
        or event.load is not None
        or event.thread is not None
        or event.message is not None
        or event.reply_to is not None
        or event.responder is not None
        or event.v != VERSION
    ]
