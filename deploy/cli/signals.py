"""Signals of a command that sends records: the first one stops it cleanly, the second one at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stop_on_signal() -> Iterator[threading.Event]:
    """Sets the event at SIGINT or SIGTERM. Raises KeyboardInterrupt at the second signal."""
    stopped = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def handle(_number: int, _frame: FrameType | None) -> None:
        if stopped.is_set():
            raise KeyboardInterrupt
        stopped.set()

    try:
        for number in before:
            signal.signal(number, handle)
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
