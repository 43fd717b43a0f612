"""Register files: CSV as Excel and others save it, or JSON lines, read as texts by field with the line of each row."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Sequence
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, TextIO

import msgspec
from msgspec import Struct

from ingest.files.lines import DamagedFileError, FileError, open_lines
from ingest.registers.history import Problem
from ingest.registers.registers import VALIDITY, Field, Register

_DELIMITERS: Final = ";,\t"
_BOM: Final = b"\xef\xbb\xbf"


class RegisterFileError(Exception):
    """The file cannot be used at all; the message is one sentence with the way out."""


class FileRow(Struct, frozen=True):
    """A row of a file: the line on which it begins and its texts by the name of the field."""

    line: int
    texts: dict[str, str]


class RegisterFile(Struct, frozen=True):
    """What a file holds: the fields that it has, its rows, and the lines that are no rows."""

    fields: frozenset[str]
    rows: list[FileRow]
    problems: list[Problem]


def read_file(path: Path, register: Register, ignored: Collection[str] = ()) -> RegisterFile:
    """Read a file of a register: plain, ``.gz`` or ``.zst``; UTF-8 or cp1251; CSV with ``;``, ``,`` or tabs.

    ``ignored`` names columns that are to be left out. Raises :class:`RegisterFileError`.
    """
    try:
        lines = open_lines(path)
        try:
            content = b"\n".join(b"" if line is None else line for line in lines)
        finally:
            lines.close()
    except (FileError, DamagedFileError) as error:
        raise RegisterFileError(str(error)) from error
    return read_content(content, str(path), register, ignored)


def read_content(content: bytes, name: str, register: Register, ignored: Collection[str] = ()) -> RegisterFile:
    """Read the content of a file; ``name`` stands in messages. Raises :class:`RegisterFileError`."""
    text = _decode(content.removeprefix(_BOM), name)
    if text.lstrip().startswith("{"):
        return _json_lines(text, name, register, ignored)
    return _csv(text, name, register, ignored)


def _decode(content: bytes, name: str) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as unicode_error:
        try:
            # What Excel on a Russian Windows calls "CSV".
            return content.decode("cp1251")
        except UnicodeDecodeError:
            raise RegisterFileError(
                f"{name} is neither UTF-8 nor cp1251 (byte {unicode_error.start:,}): save it as CSV UTF-8."
            ) from None


def _csv(text: str, name: str, register: Register, ignored: Collection[str]) -> RegisterFile:
    lines = text.split("\n")
    skipped = 0
    delimiter = None
    if lines[0].lower().startswith("sep=") and len(lines[0].rstrip()) == 5:
        # Excel's own first line, which names the delimiter.
        delimiter, skipped = lines[0][4], 1
    head_line = lines[skipped] if len(lines) > skipped else ""
    delimiter = delimiter or max(_DELIMITERS, key=head_line.count)
    reader = csv.reader(io.StringIO("\n".join(lines[skipped:]), newline=""), delimiter=delimiter)
    found = RegisterFile(frozenset(), [], [])
    try:
        head = next(reader, [])
        names = _names(head, name, register, ignored)
        if not any(names):
            raise RegisterFileError(f"{name} has no head line that names its columns.")
        before = reader.line_num
        for row in reader:
            line, before = before + 1 + skipped, reader.line_num
            if not any(cell.strip() for cell in row):
                continue
            if len(row) < len(names) or any(cell.strip() for cell in row[len(names) :]):
                end = reader.line_num + skipped
                reason = f"has {len(row)} cells, the head line has {len(names)}"
                if end > line:
                    reason += f"; the row goes on to line {end}: a quotation mark may be left open"
                found.problems.append(Problem(line, None, None, reason))
                continue
            texts = {field: cell for field, cell in zip(names, row, strict=False) if field is not None}
            found.rows.append(FileRow(line, texts))
    except csv.Error as error:
        raise RegisterFileError(f"{name}, line {reader.line_num + skipped}: it is not CSV: {error}.") from error
    return RegisterFile(frozenset(field for field in names if field is not None), found.rows, found.problems)


def _json_lines(text: str, name: str, register: Register, ignored: Collection[str]) -> RegisterFile:
    rows: list[FileRow] = []
    problems: list[Problem] = []
    known: dict[str, str | None] = {}
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            cells = msgspec.json.decode(line, type=dict[str, str | int | float | bool | None])
        except msgspec.DecodeError as error:
            problems.append(Problem(number, None, None, f"is not a flat JSON object: {error}"))
            continue
        new = [column for column in cells if column not in known]
        known.update(zip(new, _names(new, f"{name}, line {number}", register, ignored), strict=True))
        texts = {field: _text(cell) for column, cell in cells.items() if (field := known[column]) is not None}
        rows.append(FileRow(number, texts))
    # A field that one line has and another has not is absent from the latter alone.
    return RegisterFile(frozenset(field for field in known.values() if field is not None), rows, problems)


def _names(head: Sequence[str], name: str, register: Register, ignored: Collection[str]) -> list[str | None]:
    """The field of each column, None for an ignored one."""
    fields = (*register.fields, *VALIDITY)
    known = {spelling.casefold(): field.name for field in fields for spelling in (field.name, field.heading)}
    while head and not head[-1].strip():
        head = head[:-1]
    left_out = {column.casefold() for column in ignored}
    names: list[str | None] = []
    for column in head:
        folded = column.strip().casefold()
        if folded in left_out:
            names.append(None)
            continue
        field = known.get(folded)
        if field is None:
            close = get_close_matches(folded, known, 1)
            near = f"; did you mean {known[close[0]]}?" if close else "."
            raise RegisterFileError(
                f"{name} has a column {column.strip()!r}, which {register.name} do not have{near} Rename it, or leave "
                f"it out with --ignore. Columns are {', '.join(field.name for field in fields)}."
            )
        if field in names:
            raise RegisterFileError(f"{name} has the column {field} twice.")
        names.append(field)
    return names


def _text(cell: str | float | bool | None) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "yes" if cell else "no"
    return str(cell)


def write_csv(stream: TextIO, fields: Sequence[Field], rows: Iterable[dict[str, Any]], *, excel: bool = False) -> None:
    """Write rows as CSV in UTF-8; ``excel``: with ``;`` and a byte order mark, as Russian Excel opens it rightly."""
    if excel:
        stream.write("\ufeff")
    writer = csv.writer(stream, delimiter=";" if excel else ",", lineterminator="\r\n" if excel else "\n")
    writer.writerow(field.name for field in fields)
    for row in rows:
        writer.writerow(as_text(row.get(field.name)) for field in fields)


def write_json_lines(stream: TextIO, fields: Sequence[Field], rows: Iterable[dict[str, Any]]) -> None:
    """Write rows as JSON lines; days are ISO texts, absent values null."""
    stream.writelines(
        msgspec.json.encode({field.name: row.get(field.name) for field in fields}).decode() + "\n" for row in rows
    )


def as_text(value: Any) -> str:
    """A value as the text of a cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.isoformat() if isinstance(value, date) else str(value)


def written_fields(register: Register, *, history: bool) -> tuple[Field, ...]:
    """The columns of an export; with ``history`` also the validity."""
    return (*register.fields, *(VALIDITY if history else ()))
