"""Rows of a CSV or of JSON lines: from a file's lines to the texts of the columns that a mapping reads.

Each row is judged alone. A line that cannot be read is a :class:`Refusal` in its place and never changes what
becomes of its neighbours; refusals never repeat what the line says.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol

import msgspec

from ingest.files.lines import FileError, LineFile
from ingest.mapping.mapping import AppealMapping
from schemas.contract.refusal import Refusal

_SUFFIXES: Final = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
}
#: So many lines may one row of a CSV with line breaks in its cells have; beyond that a quotation mark is missing.
_ROW_LINES: Final = 500
_ROW_BYTES: Final = 1 << 20
#: So many JSON lines are looked at to know which columns there are.
_LOOKED_AT: Final = 100
_BOM: Final = b"\xef\xbb\xbf"

TOO_LONG: Final = Refusal("", "The line is longer than 1 MiB.")
NOT_CSV: Final = Refusal("", "The line is not CSV: its quotation marks do not match, or a cell is too long.")
OTHER_WIDTH: Final = Refusal("", "The line has another number of cells than the header.")
NOT_JSON: Final = Refusal("", "The line is not a JSON object.")


class Rows(Protocol):
    """Iterates over (number of the row's first line, texts of the columns in the mapping's order, or a refusal)."""

    def __iter__(self) -> Iterator[tuple[int, Sequence[str] | Refusal]]: ...


def open_rows(lines: LineFile, mapping: AppealMapping) -> Rows:
    """The rows of a file, its columns checked.

    Raises:
        FileError: the format is not known, or the file lacks columns that the mapping reads (they are named).
        DamagedFileError: the file breaks before its first row.
    """
    form = mapping.file.format or file_format(lines)
    if form == "csv":
        return CsvRows(lines, mapping)
    return JsonRows(lines, mapping)


def file_format(lines: LineFile) -> str:
    """``csv`` or ``jsonl``, by the file's name without its compression."""
    path = lines.path
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() not in (".gz", ".zst")]
    form = _SUFFIXES.get(suffixes[-1]) if suffixes else None
    if form is None:
        raise FileError(
            f"{path}: whether this is a CSV or JSON lines cannot be told by its name; say so in the mapping with"
            ' `file.format = "csv"` or "jsonl".'
        )
    return form


def _undecodable(encoding: str) -> Refusal:
    return Refusal("", f"The line is not text in {encoding} (the mapping's `file.encoding`).")


class CsvRows:
    """Rows of a CSV whose first line names the columns. Blank lines are passed over."""

    def __init__(self, lines: LineFile, mapping: AppealMapping) -> None:
        self._lines = lines
        self._encoding = mapping.file.encoding
        self._delimiter = mapping.file.delimiter
        self._multiline = mapping.file.multiline
        self._undecodable = _undecodable(self._encoding)
        header = self._header()
        self._width = len(header)
        missing = [column for column in mapping.columns if column not in header]
        if missing:
            raise FileError(_missing(lines, missing, self._hint(header)))
        for column in mapping.columns:
            if header.count(column) > 1:
                raise FileError(f"{lines.path} has the column {column} twice; the mapping cannot tell which is meant.")
        self._positions = [header.index(column) for column in mapping.columns]

    def __iter__(self) -> Iterator[tuple[int, Sequence[str] | Refusal]]:
        lines, positions = self._lines, self._positions
        for line in lines:
            number = lines.number
            if line == b"":
                continue
            fields = TOO_LONG if line is None else self._fields(line)
            if isinstance(fields, Refusal):
                yield number, fields
            else:
                yield number, [fields[position].strip() for position in positions]

    def _header(self) -> list[str]:
        line = next(self._lines, None)
        if line is None:
            raise FileError(f"{self._lines.path} has a first line longer than 1 MiB: this is not a CSV with a header.")
        try:
            text = line.removeprefix(_BOM).decode(self._encoding)
        except UnicodeDecodeError:
            raise FileError(
                f"The first line of {self._lines.path} is not text in {self._encoding}: name the file's encoding in the"
                ' mapping, such as `file.encoding = "cp1251"`.'
            ) from None
        fields = self._split(text)
        if isinstance(fields, Refusal):
            raise FileError(f"The first line of {self._lines.path} does not name columns: {fields.reason}")
        return [name.strip() for name in fields]

    def _hint(self, header: list[str]) -> str:
        if len(header) == 1 and any(mark in header[0] for mark in ",;\t|"):
            return " Its cells seem to be separated by another character: see `file.delimiter`."
        return " Its first line must name the columns."

    def _fields(self, line: bytes) -> list[str] | Refusal:
        if self._multiline and line.count(b'"') & 1:
            return self._across_lines(line)
        return self._one(line)

    def _one(self, line: bytes) -> list[str] | Refusal:
        try:
            text = line.decode(self._encoding)
        except UnicodeDecodeError:
            return self._undecodable
        fields = self._split(text)
        if not isinstance(fields, Refusal) and len(fields) != self._width:
            return OTHER_WIDTH
        return fields

    def _across_lines(self, first: bytes) -> list[str] | Refusal:
        """A row whose quoted cell goes on in the next lines; if it makes no row, only its first line is refused."""
        taken: list[bytes | None] = []
        row, marks = [first], first.count(b'"')
        size = len(first)
        while marks & 1 and len(row) < _ROW_LINES and size < _ROW_BYTES:
            try:
                line = next(self._lines)
            except StopIteration:
                break
            taken.append(line)
            if line is None:
                break
            row.append(line)
            marks += line.count(b'"')
            size += len(line)
        fields = NOT_CSV if marks & 1 else self._one(b"\n".join(row))
        if isinstance(fields, Refusal):
            self._lines.give_back(taken)
        return fields

    def _split(self, text: str) -> list[str] | Refusal:
        if '"' not in text:
            return text.split(self._delimiter)
        try:
            return next(csv.reader([text], delimiter=self._delimiter, strict=True))
        except (csv.Error, StopIteration):
            return NOT_CSV


class JsonRows:
    """Rows of JSON lines: one object a line. A key that is absent or null is an empty text."""

    def __init__(self, lines: LineFile, mapping: AppealMapping) -> None:
        self._lines = lines
        self._columns = mapping.columns
        self._encoding = mapping.file.encoding
        self._decode = msgspec.json.Decoder(dict[str, Any]).decode
        self._check_columns()

    def __iter__(self) -> Iterator[tuple[int, Sequence[str] | Refusal]]:
        lines = self._lines
        for line in lines:
            if line == b"":
                continue
            row = self._object(line)
            yield lines.number, row if isinstance(row, Refusal) else self._texts(row)

    def _check_columns(self) -> None:
        looked_at: list[bytes | None] = []
        found: set[str] = set()
        for line in self._lines:
            looked_at.append(line)
            row = self._object(line)
            if not isinstance(row, Refusal):
                found.update(row)
            if len(looked_at) == _LOOKED_AT:
                break
        self._lines.give_back(looked_at)
        if not found and looked_at and (looked_at[0] or b"").lstrip().startswith(b"["):
            raise FileError(
                f"{self._lines.path} is one JSON array: one object a line is needed, as `jq -c '.[]'` writes it."
            )
        missing = [column for column in self._columns if column not in found]
        if missing and found:
            raise FileError(_missing(self._lines, missing, f" (Looked at: its first {len(looked_at)} lines.)"))

    def _object(self, line: bytes | None) -> dict[str, Any] | Refusal:
        if line is None:
            return TOO_LONG
        try:
            if self._encoding != "utf-8":
                line = line.decode(self._encoding).encode()
            return self._decode(line.removeprefix(_BOM))
        except msgspec.DecodeError:
            return NOT_JSON
        except RecursionError:
            return NOT_JSON
        except UnicodeError:
            return _undecodable(self._encoding)

    def _texts(self, row: dict[str, Any]) -> Sequence[str] | Refusal:
        texts = []
        for column in self._columns:
            text = _text(row.get(column))
            if text is None:
                return Refusal(column[:64], f"Column `{column[:64]}` is not a plain value.")
            texts.append(text)
        return texts


def _text(value: object) -> str | None:
    """A JSON value as the text that a CSV would hold; None for lists and objects."""
    if isinstance(value, str):
        return value.strip()
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value) if value.bit_length() <= 128 else None
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return None


def _missing(lines: LineFile, columns: list[str], hint: str) -> str:
    names = ", ".join(columns)
    return f"{lines.path} has no column {names}, which the mapping reads.{hint}"
