"""Memory settings of a worker's process: garbage collector and allocator, for records that come in bursts."""

from __future__ import annotations

import ctypes
import gc
from typing import Final

#: Objects that are new since the last look before the collector looks for cycles among them. Reading and folding make
#: and drop tens of thousands of objects at a time, none of which is part of a cycle; at Python's 700 the collector took
#: a fifth of the reading thread's time.
NEW_OBJECTS: Final = 50_000
#: The C library would give each of the worker's dozen threads an arena of its own, each as large as its largest moment.
ARENAS: Final = 2
#: Pieces from this size on are the operating system's own and go back to it when they are dropped. Without a fixed
#: bound the C library raises it to the largest piece that it has seen.
LARGE: Final = 1 << 20
_M_MMAP_THRESHOLD: Final = -3
_M_ARENA_MAX: Final = -8


def prepare() -> None:
    """Set up this process; to be called once, when everything is imported and before threads begin."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, 20, 20)
    mallopt = _c_function("mallopt")
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, ARENAS)
        mallopt(_M_MMAP_THRESHOLD, LARGE)


def give_back() -> None:
    """Give memory that is free to the operating system, after a burst."""
    trim = _c_function("malloc_trim")
    if trim is not None:
        trim(0)


def _c_function(name: str) -> ctypes._NamedFuncPointer | None:
    """A function of glibc; None on another C library."""
    return getattr(ctypes.CDLL(None), name, None)
