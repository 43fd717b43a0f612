"""Stored counters by chunk; those of sealed chunks in the order of the chunks, by one pass over the table."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from schemas.contract.events import KINDS
from streams.grid import REST
from streams.verify.recount.events import Cells
from streams.verify.stored.tables import ON_DISK, StoredRows

#: A line of the file: chunk, hour (seconds UTC), page, place, and the counts above zero as (number of the kind, count).
_LINE: Final = msgspec.json.Decoder(tuple[int, int, str, str, list[tuple[int, int]]])
#: Stands for the kind of a row without any count: the fold writes none. It is in no recount.
NO_KIND: Final = -1


class SortedCells:
    """Reads a file that ``sorted_cells`` has written, forward only; a context manager that deletes it."""

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
            _add(found.setdefault(number, {}), hour, page, place, kinds)
            self._line = self._lines.readline()
        return found


def sorted_cells(stored: StoredRows, log: int, part: int, first_chunk: int, end_chunk: int, path: Path) -> SortedCells:
    """Counts of the chunks from ``first_chunk`` (inclusive) to ``end_chunk`` (exclusive), by the file ``path``.

    The table is ordered by hour, so that each question about chunks reads its key columns from end to end: it is
    asked once, and ClickHouse sorts the answer, on disk where it is large.
    """
    sql = (
        f"SELECT chunk, {_cells_of(stored, log, part)} AND chunk >= {first_chunk} AND chunk < {end_chunk}"
        " GROUP BY hour, place, page, chunk ORDER BY chunk"
    )
    with path.open("wb") as file:
        file.writelines(stored.rows(sql, ON_DISK))
    return SortedCells(path)


def cells_from(stored: StoredRows, log: int, part: int, first_chunk: int) -> dict[int, Cells]:
    """Counts by chunk from ``first_chunk`` (inclusive) to the last; of chunks that were gone on in there are none."""
    sql = (
        f"SELECT chunk, {_cells_of(stored, log, part)} AND chunk >= {first_chunk} AND chunk < {REST}"
        " GROUP BY hour, place, page, chunk"
    )
    decode = msgspec.json.Decoder(tuple[int, int, str, str, list[tuple[int, int]]]).decode
    found: dict[int, Cells] = {}
    for chunk, hour, page, place, kinds in map(decode, stored.rows(sql)):
        _add(found.setdefault(chunk, {}), hour, page, place, kinds)
    return found


def _cells_of(stored: StoredRows, log: int, part: int) -> str:
    counts = ", ".join(f"max({kind})" for kind in KINDS)
    return (
        f"toUnixTimestamp(hour), page, place, arrayFilter(x -> x.2 > 0, arrayZip(range({len(KINDS)}), [{counts}]))"
        f" FROM {stored.table('page_hour')} WHERE log = {log} AND part = {part}"
    )


def _add(cells: Cells, hour: int, page: str, place: str, kinds: list[tuple[int, int]]) -> None:
    """Add the counts of one stored row to those of its chunk."""
    if not kinds:
        cells[hour, page, place, NO_KIND] = 0
    for kind, count in kinds:
        cells[hour, page, place, kind] = count
