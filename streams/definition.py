"""The definition of a generation: the fold's number, the grid, zones, stamps, exclusions and the cut.

A generation is a consumer group and its set of tables. Two folds with different definitions must never write into
one set: their rows for one chunk would be merged as if one were a prefix of the other.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Final

import msgspec
from msgspec import Struct

from schemas.contract.events import MAX_TIME_MS
from schemas.contract.identifiers import PAGE, PLACE, SOURCE
from schemas.reference.places import zone_table_fingerprint
from streams.grid import CHUNK, MAX_CHUNK, WINDOW_CHUNKS
from streams.positions import Position

#: Names the semantics of this code: raise it in the same change that makes the fold give other rows for the same log
#: (tests/streams/fold/golden tells), and start a new generation with ``gospulse rebuild``.
FOLD: Final = 4


class DefinitionError(ValueError):
    """An invalid definition; the message says why."""


class Stamp(Struct, frozen=True):
    """Mends the place of a page's events: ``place`` replaces the stamped one where ``from_ms <= at < to_ms`` (UTC)."""

    page: str
    from_ms: int
    to_ms: int
    place: str


class Definition(Struct, frozen=True, kw_only=True):
    """Everything that changes the rows of a generation. Stored as JSON in ``gospulse_data.generations``."""

    generation: int
    #: :data:`FOLD` of the code that folds it.
    fold: int
    #: Records of a chunk.
    chunk: int
    #: Chunks before the current one that the window covers.
    window_chunks: int
    #: Fingerprint of the table of time zones with the release of tzdata.
    zones: str
    #: No two of one page overlap.
    stamps: tuple[Stamp, ...] = ()
    #: ``load`` of the import runs whose records are treated as absent.
    excluded_loads: tuple[str, ...] = ()
    #: (log, part, offset) of records that were rejected, mended and sent again: rejected for ever.
    mended: tuple[Position, ...] = ()
    #: (log, part, offset) where the generation begins; rows below were carried over from the generation before.
    cut: tuple[Position, ...] = ()

    def cut_of(self, log: int, partition: int) -> int:
        """The offset at which this generation begins in a partition; 0 where it folds the log from its start."""
        return next((off for of_log, part, off in self.cut if (of_log, part) == (log, partition)), 0)


def mended_offsets(log: int, partition: int, definition: Definition) -> list[int]:
    """Offsets of one partition that were mended and sent again, ascending."""
    return sorted(off for of_log, part, off in definition.mended if (of_log, part) == (log, partition))


def current_definition(generation: int) -> Definition:
    """The definition of this release, without stamps, exclusions and cut."""
    return Definition(
        generation=generation,
        fold=FOLD,
        chunk=CHUNK,
        window_chunks=WINDOW_CHUNKS,
        zones=zone_table_fingerprint(),
    )


def encode_definition(definition: Definition) -> str:
    """The definition as JSON, as it is recorded."""
    return msgspec.json.encode(definition, order="deterministic").decode()


def decode_definition(text: str) -> Definition:
    """The definition from its JSON. Raises :class:`DefinitionError` where it is not one or contradicts itself."""
    try:
        definition = msgspec.json.decode(text, type=Definition)
    except msgspec.DecodeError as error:
        raise DefinitionError(f"The recorded definition of the generation cannot be read: {error}.") from error
    check_definition(definition)
    return definition


def check_definition(definition: Definition) -> None:
    """Raise :class:`DefinitionError` where the definition contradicts itself.

    Whether this code can fold it (:data:`FOLD`, the zones' fingerprint) is another question: see :func:`obstacle`.
    """
    if not 1 <= definition.chunk <= MAX_CHUNK:
        raise DefinitionError(f"A chunk of {definition.chunk} records is not between 1 and {MAX_CHUNK}.")
    if definition.window_chunks < 0:
        raise DefinitionError(f"A window of {definition.window_chunks} chunks is negative.")
    for stamp in definition.stamps:
        if not PAGE.fullmatch(stamp.page):
            raise DefinitionError(f"A stamp names {stamp.page!r}, which is not a page such as vk:123.")
        if not PLACE.fullmatch(stamp.place):
            raise DefinitionError(f"The stamp of {stamp.page} gives {stamp.place!r}, which is not a place.")
        if not 0 <= stamp.from_ms < stamp.to_ms <= MAX_TIME_MS + 1:
            raise DefinitionError(f"The stamp of {stamp.page} ends before it begins or lies outside the contract.")
    by_page = sorted(definition.stamps, key=lambda stamp: (stamp.page, stamp.from_ms))
    for earlier, later in pairwise(by_page):
        if earlier.page == later.page and later.from_ms < earlier.to_ms:
            raise DefinitionError(f"Two stamps of {later.page} overlap: which place would stand?")
    for load in definition.excluded_loads:
        if not SOURCE.fullmatch(load):
            raise DefinitionError(f"An excluded load is called {load!r}, which no import run can be.")
    for log, part, offset in definition.cut:
        if offset % definition.chunk:
            raise DefinitionError(
                f"The cut of log {log}, partition {part} at {offset} is not a boundary of chunks of {definition.chunk}."
            )
    if len({(log, part) for log, part, _ in definition.cut}) != len(definition.cut):
        raise DefinitionError("A partition is cut twice.")


def obstacle(definition: Definition) -> str | None:
    """Why this code must not fold the generation, as one sentence with the way out; None where it may."""
    if definition.fold != FOLD:
        return (
            f"Generation {definition.generation} is folded by fold {definition.fold}, this release has fold {FOLD}: "
            "run the release that started it, or start the next generation with `gospulse rebuild`."
        )
    if definition.zones != zone_table_fingerprint():
        return (
            f"Generation {definition.generation} cuts its days with another table of time zones or release of tzdata: "
            "install the one it was started with, or start the next generation with `gospulse rebuild`."
        )
    return None
