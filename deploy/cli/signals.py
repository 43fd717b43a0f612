"""Signals of commands that take time: the first one stops a command cleanly, the second one at once."""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def stop_on_signal() -> Iterator[threading.Event]:
    """Sets the event at SIGINT or SIGTERM. Raises KeyboardInterrupt at the second signal."""
    stopped = threading.Event()
    heard = False
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def handle(_number: int, _frame: FrameType | None) -> None:
        nonlocal heard
        if heard:
            raise KeyboardInterrupt
        heard = True
        beside_main_thread(stopped.set)

    try:
        for number in before:
            signal.signal(number, handle)
        yield stopped
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def beside_main_thread(act: Callable[[], object]) -> None:
    """Calls ``act`` in a thread of its own, for handlers of signals.

    A handler interrupts the main thread between two instructions. The main thread may hold the lock that ``act`` needs,
    as it does around ``Event.wait``; a handler that waits for that lock never returns. This call takes no lock.
    """
    _thread.start_new_thread(act, ())
