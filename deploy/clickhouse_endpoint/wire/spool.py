"""Hold the data of an INSERT until all of it has arrived: in memory, or beyond 16 MB in a file without a name.

The engine reads them as a file of a client (FROM INFILE). Its streaming insert (`send_insert`) must not be used: in
chDB 4.4.0 it reports success for rows that the table then rejects (a full disk, a constraint, too many parts).
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

_IN_MEMORY = 16 << 20


class Spool:
    """Takes fragments and offers them as one file. Blocks on the disk: call it in a thread."""

    def __init__(self, scratch: Path) -> None:
        """``scratch``: where much data are put; nothing is left there, even after kill -9."""
        self._scratch = scratch
        self._in_memory = True
        self._file = os.memfd_create("insert")
        self._size = 0

    def stays_in_memory(self, size: int) -> bool:
        """Whether so many bytes more need no disk: then ``write`` does not block, nor does ``close`` after it."""
        return self._in_memory and self._size + size <= _IN_MEMORY

    def write(self, data: bytes) -> None:
        """Add a fragment; it may end anywhere."""
        if self._in_memory and not self.stays_in_memory(len(data)):
            self._move()
        self._size += len(data)
        _write(self._file, data)

    @property
    def clause(self) -> bytes:
        """The clause that makes the engine read it."""
        return f" FROM INFILE '/dev/fd/{self._file}' COMPRESSION 'none' ".encode()

    def close(self) -> None:
        """Drop the data."""
        os.close(self._file)

    def _move(self) -> None:
        with tempfile.TemporaryFile(dir=self._scratch) as file:
            moved = os.dup(file.fileno())
        os.lseek(self._file, 0, os.SEEK_SET)
        while piece := os.read(self._file, 1 << 20):
            _write(moved, piece)
        os.close(self._file)
        self._file, self._in_memory = moved, False


def _write(file: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(file, rest) :]
