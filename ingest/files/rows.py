"""Rows of a CSV or of JSON lines: from a file's lines to the texts of the columns that a mapping reads.

Each row is judged alone. A line that cannot be read gives a :class:`Rejected` and does not affect other lines. The
reason never repeats the content of the line.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, Protocol

import msgspec

from ingest.files.encodings import is_utf8, likely_encoding
from ingest.files.lines import FileError, LineFile
from ingest.mapping.mapping import AppealMapping
from schemas.contract.rejected import Rejected

_SUFFIXES: Final = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
}
#: Most lines of one CSV row whose cells hold line breaks; with more, a quotation mark is missing.
_ROW_LINES: Final = 500
_ROW_BYTES: Final = 1 << 20
#: Number of JSON lines that are read to find the columns.
_LOOKED_AT: Final = 100
_BOM: Final = b"\xef\xbb\xbf"
#: The first line that Excel reads, and other programs write, to name the delimiter.
_SEP: Final = re.compile(rb'"?sep=([!-~\t])"?', re.IGNORECASE)
_ARRAY_IN_OBJECT: Final = re.compile(rb'\s*\{(?:[^\[]*,)?\s*"([^"\\]{1,64})"\s*:\s*\[\s*[{\]]')

TOO_LONG: Final = Rejected("", "The line is longer than 1 MiB.")
NOT_CSV: Final = Rejected("", "The line is not CSV: its quotation marks do not match, or a cell is too long.")
OTHER_WIDTH: Final = Rejected("", "The line has another number of cells than the header.")
NOT_JSON: Final = Rejected("", "The line is not a JSON object.")


class Rows(Protocol):
    """Iterates over (number of the row's first line, texts of the columns in the mapping's order, or a rejection)."""

    def __iter__(self) -> Iterator[tuple[int, Sequence[str] | Rejected]]: ...


def open_rows(lines: LineFile, mapping: AppealMapping) -> Rows:
    """The rows of a file, its columns checked.

    Raises:
        FileError: the format is not known, or columns that the mapping reads are missing (they are named).
        DamagedFileError: the file is corrupt before its first row.
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
            f"{path}: the name does not tell whether this is CSV or JSON lines. Set `file.format` in the mapping to"
            ' "csv" or "jsonl".'
        )
    return form


def _undecodable(encoding: str, sample: bytes) -> Rejected:
    """The rejection of a line that is not text in ``encoding``; ``sample`` is of the file or of the line."""
    likely = likely_encoding(sample)
    hint = f"; it is probably {likely}" if likely not in (None, encoding) else ""
    return Rejected("", f"The line is not text in {encoding} (the mapping's `file.encoding`){hint}.")


def default_delimiter(lines: LineFile) -> str:
    """The delimiter that the file's name tells: a tab for ``.tsv``, else a comma."""
    return "\t" if ".tsv" in [suffix.lower() for suffix in lines.path.suffixes[-2:]] else ","


class CsvRows:
    """Rows of a CSV whose first line names the columns, after an optional line such as ``sep=;``.

    Empty rows are skipped, also those of delimiters only. Empty cells beyond the columns are ignored, as spreadsheets
    write them.
    """

    def __init__(self, lines: LineFile, mapping: AppealMapping) -> None:
        self._lines = lines
        self._encoding = mapping.file.encoding
        self._delimiter = mapping.file.delimiter or default_delimiter(lines)
        self._multiline = mapping.file.multiline
        self._undecodable: Rejected | None = None
        header = self._header()
        self._width = len(header)
        missing = [column for column in mapping.columns if column not in header]
        if missing:
            raise FileError(_missing(lines, missing, self._hint(header, missing)))
        for column in mapping.columns:
            if header.count(column) > 1:
                raise FileError(f"{lines.path} has the column {column} twice: rename one of them.")
        self._positions = [header.index(column) for column in mapping.columns]

    def __iter__(self) -> Iterator[tuple[int, Sequence[str] | Rejected]]:
        lines, positions = self._lines, self._positions
        for line in lines:
            number = lines.number
            if line == b"":
                continue
            fields = TOO_LONG if line is None else self._fields(line)
            if isinstance(fields, Rejected):
                yield number, fields
            elif any(fields):
                yield number, [fields[position].strip() for position in positions]

    def _header(self) -> list[str]:
        path = self._lines.path
        line = self._header_line()
        if (sep := _SEP.fullmatch(line)) is not None:
            self._delimiter = sep[1].decode()
            line = self._header_line()
        try:
            text = line.decode(self._encoding)
        except UnicodeDecodeError:
            likely = likely_encoding(self._lines.sample)
            advice = f'probably `file.encoding = "{likely}"`' if likely else 'such as `file.encoding = "cp1251"`'
            raise FileError(
                f"The first line of {path} is not text in {self._encoding}. Name the file's encoding in the mapping:"
                f" {advice}."
            ) from None
        fields = self._split(text)
        if isinstance(fields, Rejected):
            raise FileError(f"The first line of {path} does not name columns: {fields.reason}")
        names = [name.strip() for name in fields]
        while len(names) > 1 and not names[-1]:
            names.pop()
        return names

    def _header_line(self) -> bytes:
        first = self._lines.number == 0
        line = next(self._lines, b"")
        if line is None:
            raise FileError(f"{self._lines.path} has a first line longer than 1 MiB: this is not a CSV with a header.")
        return line.removeprefix(_BOM) if first else line

    def _hint(self, header: list[str], missing: list[str]) -> str:
        if self._encoding != "utf-8" and not self._lines.sample.isascii() and is_utf8(self._lines.sample):
            return f' The file is in UTF-8, and the mapping says `file.encoding = "{self._encoding}"`.'
        if len(header) == 1:
            for mark in ";,\t|":
                if set(missing) & {name.strip(' "') for name in header[0].split(mark)} and mark != self._delimiter:
                    written = "\\t" if mark == "\t" else mark
                    return f' Its cells are separated by another character: set `file.delimiter = "{written}"`.'
        return " Its first line must name the columns."

    def _fields(self, line: bytes) -> list[str] | Rejected:
        if self._multiline and line.count(b'"') & 1:
            return self._across_lines(line)
        return self._one(line)

    def _one(self, line: bytes) -> list[str] | Rejected:
        try:
            text = line.decode(self._encoding)
        except UnicodeDecodeError:
            # One reason for the whole file, so that the summary counts it once.
            if self._undecodable is None:
                self._undecodable = _undecodable(self._encoding, line)
            return self._undecodable
        fields = self._split(text)
        if isinstance(fields, Rejected) or len(fields) == self._width:
            return fields
        if len(fields) < self._width or any(map(str.strip, fields[self._width :])):
            return OTHER_WIDTH
        return fields[: self._width]

    def _across_lines(self, first: bytes) -> list[str] | Rejected:
        """A row whose quoted cell continues in the next lines. If it is not a row, only its first line is rejected."""
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
        if isinstance(fields, Rejected):
            self._lines.give_back(taken)
        return fields

    def _split(self, text: str) -> list[str] | Rejected:
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
        self._undecodable: Rejected | None = None
        self._decode = msgspec.json.Decoder(dict[str, Any]).decode
        self._check_columns()

    def __iter__(self) -> Iterator[tuple[int, Sequence[str] | Rejected]]:
        lines = self._lines
        for line in lines:
            if line == b"":
                continue
            row = self._object(line)
            yield lines.number, row if isinstance(row, Rejected) else self._texts(row)

    def _check_columns(self) -> None:
        looked_at: list[bytes | None] = []
        found: set[str] = set()
        objects = 0
        for line in self._lines:
            looked_at.append(line)
            row = self._object(line)
            if not isinstance(row, Rejected):
                found.update(row)
                objects += 1
            if len(looked_at) == _LOOKED_AT:
                break
        self._lines.give_back(looked_at)
        missing = [column for column in self._columns if column not in found]
        if missing and objects <= 1 and (selector := _document(self._lines.sample)):
            raise FileError(
                f"{self._lines.path} is one JSON document, and an import needs one object a line. Convert it with"
                f" `jq -c '{selector}' FILE > FILE.jsonl`."
            )
        if missing and found:
            raise FileError(_missing(self._lines, missing, f" (Looked at its first {len(looked_at)} lines.)"))

    def _object(self, line: bytes | None) -> dict[str, Any] | Rejected:
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
            if self._undecodable is None:
                self._undecodable = _undecodable(self._encoding, line)
            return self._undecodable

    def _texts(self, row: dict[str, Any]) -> Sequence[str] | Rejected:
        texts = []
        for column in self._columns:
            text = _text(row.get(column))
            if text is None:
                return Rejected(column[:64], f"Column `{column[:64]}` is not a plain value.")
            texts.append(text)
        return texts


def _text(value: object) -> str | None:
    """A JSON value as the text that a CSV would hold. None for lists and objects."""
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


def _document(sample: bytes) -> str | None:
    """How jq selects the rows of a file that is one JSON array or an object with one; None for other files."""
    head = sample.removeprefix(_BOM).lstrip()
    if head.startswith(b"["):
        return ".[]"
    found = _ARRAY_IN_OBJECT.match(head)
    return f'.["{found[1].decode(errors="replace")}"][]' if found else None


def _missing(lines: LineFile, columns: list[str], hint: str) -> str:
    names = ", ".join(columns)
    return f"{lines.path} has no column {names}, which the mapping reads.{hint}"
