"""A file and a port whose every use is noticed from outside the process that is under test."""

from __future__ import annotations

import ctypes
import os
import socket
from pathlib import Path

_IN_ACCESS, _IN_OPEN = 0x1, 0x20


class Canary:
    """Counts how often somebody opened or read the file, or connected to the port."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.secret = "canary-that-nobody-may-see"
        path.write_text(self.secret)
        libc = ctypes.CDLL(None, use_errno=True)
        self._events = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert self._events >= 0
        assert libc.inotify_add_watch(self._events, str(path).encode(), _IN_ACCESS | _IN_OPEN) >= 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._listening.setblocking(False)
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}/"

    def uses(self) -> list[str]:
        """What happened since the last call."""
        found: list[str] = []
        try:
            found += ["opened"] * (len(os.read(self._events, 1 << 16)) // 16)
        except BlockingIOError:
            pass
        try:
            self._listening.accept()[0].close()
            found.append("connected")
        except BlockingIOError:
            pass
        return found

    def close(self) -> None:
        """Stop watching and remove the file."""
        os.close(self._events)
        self._listening.close()
        self.path.unlink()
