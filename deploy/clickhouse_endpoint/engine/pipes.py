"""Stream results of any format with flat memory.

The engine streams a result into a file (INTO OUTFILE … APPEND); the file is a pipe that is read here.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
from typing import Any

_READ = 1 << 20
_PIPE_SIZE = 1 << 20
_F_SETPIPE_SZ = 1031


class Pipe:
    """A pipe that the engine writes to by its path."""

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        with contextlib.suppress(OSError):  # a larger pipe is only faster; not every system has it
            fcntl.fcntl(self._writer, _F_SETPIPE_SZ, _PIPE_SIZE)

    @property
    def path(self) -> str:
        """The path under which this process can open the writing end."""
        return f"/dev/fd/{self._writer}"

    async def read(self, writing: asyncio.Future[Any]) -> bytes:
        """The next bytes; empty once ``writing`` is done and everything was read.

        The writing end is held open here, so the pipe has no end of its own: the query's end is its end.
        """
        loop = asyncio.get_running_loop()
        while True:
            ended = writing.done()
            with contextlib.suppress(BlockingIOError):
                return os.read(self._reader, _READ)
            if ended:
                return b""
            readable = loop.create_future()
            loop.add_reader(self._reader, _set, readable)
            try:
                await asyncio.wait((readable, writing), return_when=asyncio.FIRST_COMPLETED)
            finally:
                loop.remove_reader(self._reader)

    async def drain(self, writing: asyncio.Future[Any]) -> None:
        """Read and discard until the query ends: an engine that waits for room in the pipe cannot be killed."""
        while await self.read(writing):
            pass

    def close(self) -> None:
        """Close both ends; the query must have ended."""
        os.close(self._reader)
        os.close(self._writer)


def _set(readable: asyncio.Future[None]) -> None:
    if not readable.done():
        readable.set_result(None)
