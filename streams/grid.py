"""The grid: arithmetic of chunks. A chunk is a fixed range of offsets with counters of its own."""

from __future__ import annotations

from typing import Final

#: Records of one partition that share a row of counts. A larger chunk means fewer rows and a longer replay.
CHUNK: Final = 32_768
#: Whole chunks before the current one in which the identity of a repeat is still known.
WINDOW_CHUNKS: Final = 4
#: The largest chunk that a definition may ask for: codes of its pages and of its places have 21 bits.
MAX_CHUNK: Final = 1_048_576


#: Marks the number of a chunk that begins at a decision to go on inside it: its rows stand beside those that were
#: written before the gap, and are added to them. Offsets do not reach it: 2**31 chunks are 7e13 records.
REST: Final = 1 << 31


def chunk_number(start: int, chunk: int = CHUNK) -> int:
    """The number under which rows are kept that are folded from ``start`` to the end of its chunk."""
    return chunk_of(start, chunk) | (REST if start % chunk else 0)


def chunk_of(offset: int, chunk: int = CHUNK) -> int:
    """Number of the chunk that holds ``offset``; ``chunk`` is the records a chunk has."""
    return offset // chunk


def chunk_start(offset: int, chunk: int = CHUNK) -> int:
    """First offset of the chunk that holds ``offset``: where a worker whose next offset this is starts to fold."""
    return offset - offset % chunk


def window_start(start: int, chunk: int = CHUNK, window_chunks: int = WINDOW_CHUNKS, floor: int = 0) -> int:
    """First offset whose identities a fold that starts at ``start`` must know.

    ``start`` is a chunk's first offset. ``floor`` is the offset below which nothing may be asked of the log: 0,
    or where a recorded decision says that the log begins.
    """
    return min(start, max(floor, start - window_chunks * chunk))
