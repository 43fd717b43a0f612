"""A mutant: one change inside one line of a file, what it would break, and the tests that must go red."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

ROOT = Path(__file__).resolve().parents[2]


class StaleMutantError(Exception):
    """The text that a mutant replaces is no longer found exactly once in its file."""


class Mutant(Struct, frozen=True):
    """Replace ``old`` by ``new`` in ``file`` (from the root of the repository).

    ``old`` is a line, or as much of it as names it: it stands exactly once in the file. ``breaks`` says in words which
    number or right is wrong then. ``tests`` are files or ids of pytest; at least one of them must go red.
    """

    file: str
    old: str
    new: str
    breaks: str
    tests: tuple[str, ...]

    def mutated(self, text: str) -> str:
        """The file's text with the change.

        Raises:
            StaleMutantError: ``old`` is not there, or more than once.
        """
        if (found := text.count(self.old)) != 1:
            raise StaleMutantError(f"{self.file}: `{self.old}` stands there {found} times instead of once")
        return text.replace(self.old, self.new)
