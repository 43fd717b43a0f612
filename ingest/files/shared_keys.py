"""Keys that several rows of a file share: rows of one key are one appeal, which is rarely meant."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from ingest.mapping.mapping import AppealMapping

#: So many distinct keys are remembered; further ones are not looked at, so that memory is bounded.
REMEMBERED: Final = 100_000
#: A long number as a spreadsheet shortens it: 101234567890 becomes 1,01E+11.
_SHORTENED: Final = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+[0-9]{1,3}", re.ASCII)


class SharedKeys:
    """Counts rows that have the key of an earlier row. It keeps hashes and line numbers, no content."""

    def __init__(self, mapping: AppealMapping) -> None:
        position = {column: index for index, column in enumerate(mapping.columns)}
        self._key = [position[column] for column in mapping.key]
        self._first_lines: dict[int, int] = {}
        #: Rows after the first one, by the line of the first one.
        self._further: Counter[int] = Counter()
        #: Whether a shared key is a number that a spreadsheet has shortened.
        self.shortened = False

    def add(self, line: int, cells: Sequence[str]) -> None:
        """Add one row; ``line`` is its line in the file, counted from 1."""
        own = tuple([cells[index] for index in self._key])
        first = self._first_lines.get(hash(own))
        if first is not None:
            self._further[first] += 1
            self.shortened = self.shortened or any(_SHORTENED.fullmatch(text) for text in own)
        elif len(self._first_lines) < REMEMBERED:
            self._first_lines[hash(own)] = line

    @property
    def rows(self) -> int:
        """Number of rows that have the key of an earlier row."""
        return self._further.total()

    @property
    def keys(self) -> int:
        """Number of keys that several rows share."""
        return len(self._further)

    @property
    def most(self) -> tuple[int, int]:
        """The key that most rows share: line of its first row, and number of its rows. Zeros where no key is shared."""
        if not self._further:
            return 0, 0
        line, further = min(self._further.items(), key=lambda item: (-item[1], item[0]))
        return line, further + 1
