"""Stored counters of sealed chunks, in the order of the chunks: one pass over the table for each partition."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from streams.verify.recount import Cells

#: A line of the file: chunk, hour (seconds UTC), page, place, and the counts above zero as (number of the kind, count).
_LINE: Final = msgspec.json.Decoder(tuple[int, int, str, str, list[tuple[int, int]]])
#: Stands for the kind of a row without any count: the fold writes none. It is in no recount.
NO_KIND: Final = -1


class SortedCells:
    """Reads a file that ``StoredRows.sorted_cells`` has written, forward only; a context manager that deletes it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines = path.open("rb", buffering=1 << 20)
        self._line = self._lines.readline()

    def __enter__(self) -> SortedCells:
        return self

    def __exit__(self, *_error: object) -> None:
        self._lines.close()
        self._path.unlink()

    def below(self, chunk: int) -> dict[int, Cells]:
        """The counts by chunk from where the last call ended up to ``chunk`` (exclusive)."""
        found: dict[int, Cells] = {}
        while self._line:
            number, hour, page, place, kinds = _LINE.decode(self._line)
            if number >= chunk:
                break
            add_cell(found.setdefault(number, {}), hour, page, place, kinds)
            self._line = self._lines.readline()
        return found


def add_cell(cells: Cells, hour: int, page: str, place: str, kinds: list[tuple[int, int]]) -> None:
    """Add the counts of one stored row to those of its chunk."""
    if not kinds:
        cells[hour, page, place, NO_KIND] = 0
    for kind, count in kinds:
        cells[hour, page, place, kind] = count
