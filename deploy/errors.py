"""Mistakes and failures that a person is told in one sentence, with the exit code that goes with them."""

from __future__ import annotations

from typing import Final

#: It worked, and what was compared is equal.
GOOD: Final = 0
#: It failed, or a difference was found.
FAILURE: Final = 1
#: The command was used wrongly: unknown setting, missing file, contradicting options.
WRONG_USE: Final = 2
#: Ended by Ctrl-C, as shells report it (128 + SIGINT).
INTERRUPTED: Final = 130


class UserError(Exception):
    """What went wrong and the way out, as one clear sentence; ``exit_code`` is 1 (failure) or 2 (wrong use)."""

    def __init__(self, message: str, exit_code: int = FAILURE) -> None:
        super().__init__(message)
        self.exit_code = exit_code
