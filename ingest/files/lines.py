"""The bytes of a file to import: plain, gzip or Zstandard, told apart by what the file holds, read as lines."""

from __future__ import annotations

import hashlib
import io
import zlib
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final, Protocol

import zstandard

#: A longer line is refused as a row; memory stays bounded whatever the file holds.
MAX_LINE_BYTES: Final = 1 << 20
_BUFFER: Final = 256 << 10
_PACKED_BYTES: Final = 16 << 10
_DAMAGE: Final = (EOFError, zlib.error, zstandard.ZstdError)
_COMPRESSIONS: Final = {".gz": (b"\x1f\x8b", "a gzip file"), ".zst": (b"\x28\xb5\x2f\xfd", "a Zstandard file")}
_FOREIGN: Final = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook", "save it as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save it as CSV"),
    (b"PAR1", "a Parquet file", "convert it to CSV or JSON lines"),
    (b"%PDF", "a PDF", "a table as CSV is needed"),
    (b"BZh", "a bzip2 file", "unpack it, or pack it with gzip or zstd"),
    (b"\xfd7zXZ\x00", "an xz file", "unpack it, or pack it with gzip or zstd"),
    (b"\xff\xfe", "a text in UTF-16", "convert it to UTF-8, for example with `iconv -f UTF-16 -t UTF-8`"),
    (b"\xfe\xff", "a text in UTF-16", "convert it to UTF-8, for example with `iconv -f UTF-16 -t UTF-8`"),
)


class FileError(Exception):
    """The file cannot be imported at all; the message is one sentence with the way out."""


class DamagedFileError(Exception):
    """The file ends or breaks in the middle; what was read before is sound. The message says what is wrong."""


class LineFile:
    """A file's lines as bytes, with their numbers. Memory: one buffer and one line.

    ``number`` is how many lines were taken so far. A line longer than ``MAX_LINE_BYTES`` comes as ``None`` and is
    skipped to its end. Lines end with a line feed; the end, and a carriage return before it, are cut off.
    """

    def __init__(self, path: Path, raw: BinaryIO, stream: io.BufferedReader, size: int) -> None:
        self.path = path
        self.size = size
        self.number = 0
        self._raw = raw
        self._stream = stream
        self._returned: deque[bytes | None] = deque()

    @property
    def position(self) -> int:
        """How many of the file's ``size`` bytes (as stored) were read."""
        return self._raw.tell()

    def __iter__(self) -> LineFile:
        return self

    def __next__(self) -> bytes | None:
        """The next line.

        Raises:
            DamagedFileError: the compressed data end too early or are not sound.
        """
        if self._returned:
            self.number += 1
            return self._returned.popleft()
        try:
            line = self._stream.readline(MAX_LINE_BYTES)
            if not line:
                raise StopIteration
            self.number += 1
            if line[-1] != 0x0A and len(line) == MAX_LINE_BYTES:
                self._skip_to_end_of_line()
                return None
        except _DAMAGE as error:
            raise DamagedFileError(f"{self.path} {_damage(error)} after line {self.number:,}.") from error
        except OSError as error:
            raise DamagedFileError(
                f"{self.path} cannot be read after line {self.number:,}: {error.strerror}."
            ) from error
        if line.endswith(b"\r\n"):
            return line[:-2]
        return line[:-1] if line.endswith(b"\n") else line

    def give_back(self, lines: list[bytes | None]) -> None:
        """Put lines back: they come again, in the same order, with the same numbers."""
        self.number -= len(lines)
        self._returned.extendleft(reversed(lines))

    def skip_to(self, number: int) -> None:
        """Pass over lines until ``number`` were taken."""
        while self.number < number:
            try:
                next(self)
            except StopIteration:
                return

    def close(self) -> None:
        self._stream.close()
        self._raw.close()

    def _skip_to_end_of_line(self) -> None:
        while True:
            rest = self._stream.readline(MAX_LINE_BYTES)
            if not rest or rest[-1] == 0x0A:
                return


def open_lines(path: Path) -> LineFile:
    """Open a file whose name ends with ``.gz``, ``.zst`` or anything else (plain text).

    Raises:
        FileError: absent, not a regular file, not readable, empty, or not what its name says.
    """
    suffix = path.suffix.lower()
    try:
        if not path.exists():
            raise FileError(f"There is no file {path}.")
        if not path.is_file():
            raise FileError(f"{path} is not a regular file; importing reads a file twice.")
        size = path.stat().st_size
        raw = path.open("rb")
    except OSError as error:
        raise FileError(f"{path} cannot be opened: {error.strerror}.") from error
    try:
        if size == 0:
            raise FileError(f"{path} is empty.")
        stream = _stream(path, suffix, raw)
        _refuse_foreign(path, _peek(path, stream))
    except BaseException:
        raw.close()
        raise
    return LineFile(path, raw, stream, size)


def content_digest(path: Path) -> str:
    """SHA-256 of the file as it is stored, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _Decompressor(Protocol):
    """What ``zlib`` and ``zstandard`` have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


class _Unpacked(io.RawIOBase):
    """Compressed members or frames, one after the other, as a stream.

    zstandard's own reader takes a file that was cut off for a complete one, and gzip's loses up to a buffer of sound
    data before the cut.
    """

    def __init__(self, raw: BinaryIO, begin: Callable[[], _Decompressor]) -> None:
        self._raw = raw
        self._begin = begin
        self._member: _Decompressor | None = None
        self._packed = b""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._ready:
            if not self._packed:
                self._packed = self._raw.read(_PACKED_BYTES)
                if not self._packed:
                    if self._member is not None:
                        raise EOFError
                    return 0
            if self._member is None:
                # Tapes and some tools fill the last block with zeros.
                self._packed = self._packed.lstrip(b"\0")
                if not self._packed:
                    continue
                self._member = self._begin()
            self._ready = memoryview(self._member.decompress(self._packed))
            self._packed = b""
            if self._member.eof:
                self._packed = self._member.unused_data
                self._member = None
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size


def _gzip_member() -> _Decompressor:
    return zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)


def _zstandard_frame() -> _Decompressor:
    return zstandard.ZstdDecompressor().decompressobj()


def _stream(path: Path, suffix: str, raw: BinaryIO) -> io.BufferedReader:
    head = raw.read(8)
    raw.seek(0)
    for ending, (magic, what) in _COMPRESSIONS.items():
        if suffix == ending and not head.startswith(magic):
            raise FileError(f"{path} is named {ending} but is not {what}: name it as what it is.")
        if suffix != ending and head.startswith(magic):
            raise FileError(f"{path} is {what} but is not named {ending}: name it as what it is.")
    if suffix == ".gz":
        return io.BufferedReader(_Unpacked(raw, _gzip_member), _BUFFER)
    if suffix == ".zst":
        return io.BufferedReader(_Unpacked(raw, _zstandard_frame), _BUFFER)
    return io.BufferedReader(raw, _BUFFER)  # type: ignore[arg-type]


def _peek(path: Path, stream: io.BufferedReader) -> bytes:
    try:
        head = stream.peek(8)[:8]
    except _DAMAGE as error:
        raise DamagedFileError(f"{path} {_damage(error)} before its first line.") from error
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}.") from error
    if not head:
        raise FileError(f"{path} is empty.")
    return head


def _refuse_foreign(path: Path, head: bytes) -> None:
    for magic, what, way_out in _FOREIGN:
        if head.startswith(magic):
            raise FileError(f"{path} is {what}: {way_out}.")


def _damage(error: BaseException) -> str:
    if isinstance(error, EOFError):
        return "is cut off: its compressed data end"
    return "is damaged: its compressed data break"
