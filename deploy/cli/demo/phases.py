"""How long each phase of the demonstration takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Phases:
    """Adds up the seconds of named phases, in the order of their first beginning."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` gives seconds."""
        self._clock = clock
        self._began = clock()
        self._seconds: dict[str, float] = {}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measures what runs inside."""
        began = self._clock()
        try:
            yield
        finally:
            self._seconds[name] = self._seconds.get(name, 0.0) + self._clock() - began

    def line(self) -> str:
        """All phases in one line, with the time since the start."""
        parts = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in self._seconds.items())
        return f"Took {self._clock() - self._began:.0f} s: {parts}."
