"""A stamp set as people write it: a CSV file with the columns page, from, to, place."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from streams.definition import Stamp

COLUMNS: Final = ("page", "from", "to", "place")


class StampFileError(ValueError):
    """A stamp file that cannot be used; the message names the line."""


def read_stamps(path: Path) -> tuple[Stamp, ...]:
    """The whole stamp set in a file: UTF-8, a head line, times in ISO 8601 with their offset (``...+03:00`` or ``Z``).

    ``from`` is inclusive, ``to`` exclusive. An empty set (the head line only) takes every stamp back. Whether pages and
    places have their form, and whether stamps overlap, is the definition's business. Raises :class:`StampFileError`.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = csv.DictReader(stream, strict=True)
            if rows.fieldnames is None or set(rows.fieldnames) != set(COLUMNS):
                raise StampFileError(f"{path}: the first line must name the columns {', '.join(COLUMNS)}")
            return tuple(_stamp(path, rows.line_num, row) for row in rows)
    except OSError as error:
        raise StampFileError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise StampFileError(f"{path} is not CSV in UTF-8: {error}") from error


def write_stamps(path: Path, stamps: Iterable[Stamp]) -> None:
    """Write a stamp set that :func:`read_stamps` reads back the same; times in UTC. Raises OSError."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream, lineterminator="\n")
        rows.writerow(COLUMNS)
        rows.writerows((each.page, _iso(each.from_ms), _iso(each.to_ms), each.place) for each in stamps)


def _iso(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).replace(microsecond=at_ms % 1000 * 1000).isoformat()


def _stamp(path: Path, line: int, row: dict[str, str]) -> Stamp:
    if None in row or None in row.values():
        raise StampFileError(f"{path}, line {line}: {len(COLUMNS)} columns are expected")
    return Stamp(
        page=row["page"].strip(),
        from_ms=_moment(path, line, "from", row["from"]),
        to_ms=_moment(path, line, "to", row["to"]),
        place=row["place"].strip(),
    )


def _moment(path: Path, line: int, column: str, text: str) -> int:
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise StampFileError(
            f"{path}, line {line}: `{column}` must be a time with its offset, such as 2026-03-01T00:00:00+03:00"
        )
    return round(moment.timestamp() * 1000)
