"""Lines of a file to import, as bytes: plain, gzip or Zstandard."""

from __future__ import annotations

import gzip
import hashlib
import io
import zlib
from collections import deque
from pathlib import Path
from typing import BinaryIO, Final

import zstandard

#: A longer line is rejected, so that memory is bounded.
MAX_LINE_BYTES: Final = 1 << 20
_BUFFER: Final = 256 << 10
_PACKED_BYTES: Final = 16 << 10
_DAMAGE: Final = (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError)
Stream = io.BufferedReader | gzip.GzipFile
_COMPRESSIONS: Final = {".gz": (b"\x1f\x8b", "a gzip file"), ".zst": (b"\x28\xb5\x2f\xfd", "a Zstandard file")}
_FOREIGN: Final = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook", "save it as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save it as CSV"),
    (b"PAR1", "a Parquet file", "convert it to CSV or JSON lines"),
    (b"%PDF", "a PDF", "save the table as CSV"),
    (b"BZh", "a bzip2 file", "decompress it, or compress it with gzip or zstd"),
    (b"\xfd7zXZ\x00", "an xz file", "decompress it, or compress it with gzip or zstd"),
    (b"\xff\xfe", "a text in UTF-16", "convert it to UTF-8, for example with `iconv -f UTF-16 -t UTF-8`"),
    (b"\xfe\xff", "a text in UTF-16", "convert it to UTF-8, for example with `iconv -f UTF-16 -t UTF-8`"),
)


class FileError(Exception):
    """The file cannot be imported. The message is one sentence that says what to do."""


class DamagedFileError(Exception):
    """The compressed data end too early or are corrupt. The lines before that are sound. The message says where."""


class LineFile:
    """A file's lines as bytes, with their numbers. Memory: one buffer and one line.

    ``number`` is the number of lines read so far. A line longer than ``MAX_LINE_BYTES`` comes as ``None``. A line ends
    with LF or CR LF; in a file whose first block holds no LF, with CR. The line end is removed.
    ``sample`` is the first block of the file, decompressed.
    """

    def __init__(self, path: Path, raw: BinaryIO, stream: Stream, size: int, sample: bytes) -> None:
        self.path = path
        self.size = size
        self.number = 0
        self.sample = sample
        self._raw = raw
        self._stream = stream
        self._returned: deque[bytes | None] = deque()

    @property
    def position(self) -> int:
        """Number of bytes read, of the ``size`` bytes of the file as stored."""
        return self._raw.tell()

    def __iter__(self) -> LineFile:
        return self

    def __next__(self) -> bytes | None:
        """The next line.

        Raises:
            DamagedFileError: the compressed data end too early or are corrupt.
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
        """Put lines back: the next reads return them in the same order, with the same numbers."""
        self.number -= len(lines)
        self._returned.extendleft(reversed(lines))

    def skip_to(self, number: int) -> None:
        """Skip lines until ``number`` lines were read."""
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
        FileError: the file is absent, not a regular file, not readable, empty, or of another type than its name says.
    """
    suffix = path.suffix.lower()
    try:
        if not path.exists():
            raise FileError(f"There is no file {path}.")
        if not path.is_file():
            raise FileError(f"{path} is not a regular file; an import reads the file twice: save it first.")
        size = path.stat().st_size
        raw = path.open("rb")
    except OSError as error:
        raise FileError(f"{path} cannot be opened: {error.strerror}.") from error
    try:
        if size == 0:
            raise FileError(f"{path} is empty.")
        stream = _stream(path, suffix, raw)
        sample = _peek(path, stream)
        _reject_foreign(path, sample)
    except BaseException:
        raw.close()
        raise
    if b"\r" in sample[:-1] and b"\n" not in sample:
        # A small buffer, because damage in compressed data takes the buffer with it.
        stream = io.BufferedReader(_CarriageReturns(stream), io.DEFAULT_BUFFER_SIZE)
    return LineFile(path, raw, stream, size, sample)


def content_digest(path: Path) -> str:
    """SHA-256 of the file as it is stored, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class _ZstandardFrames(io.RawIOBase):
    """Zstandard frames, one after the other, as a stream.

    The reader of the library takes a file that was cut off for a complete one. A frame knows its own end.
    """

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._frame: zstandard.ZstdDecompressionObj | None = None
        self._packed = b""
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._ready:
            self._packed = self._packed or self._raw.read(_PACKED_BYTES)
            if not self._packed:
                if self._frame is not None:
                    raise EOFError
                return 0
            if self._frame is None:
                self._frame = zstandard.ZstdDecompressor().decompressobj()
            self._ready = memoryview(self._frame.decompress(self._packed))
            self._packed = self._frame.unused_data
            if self._frame.eof:
                self._frame = None
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size


class _CarriageReturns(io.RawIOBase):
    """A stream whose lines end with a carriage return alone (old Macintosh), with line feeds in their place."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        block = self._stream.read1(len(buffer)).replace(b"\r", b"\n")
        buffer[: len(block)] = block
        return len(block)


def _stream(path: Path, suffix: str, raw: BinaryIO) -> Stream:
    head = raw.read(8)
    raw.seek(0)
    for ending, (magic, what) in _COMPRESSIONS.items():
        if suffix == ending and not head.startswith(magic):
            raise FileError(f"{path} is named {ending} but is not {what}: rename it.")
        if suffix != ending and head.startswith(magic):
            raise FileError(f"{path} is {what} but is not named {ending}: rename it.")
    if suffix == ".gz":
        return gzip.GzipFile(fileobj=raw, mode="rb")
    if suffix == ".zst":
        return io.BufferedReader(_ZstandardFrames(raw), _BUFFER)
    return io.BufferedReader(raw, _BUFFER)  # type: ignore[arg-type]


def _peek(path: Path, stream: Stream) -> bytes:
    try:
        head = stream.peek(_BUFFER)
    except _DAMAGE as error:
        raise DamagedFileError(f"{path} {_damage(error)} before its first line.") from error
    except OSError as error:
        raise FileError(f"{path} cannot be read: {error.strerror}.") from error
    if not head:
        raise FileError(f"{path} is empty.")
    return head


def _reject_foreign(path: Path, head: bytes) -> None:
    for magic, what, way_out in _FOREIGN:
        if head.startswith(magic):
            raise FileError(f"{path} is {what}: {way_out}.")


def _damage(error: BaseException) -> str:
    if isinstance(error, EOFError):
        return "is cut off: its compressed data end"
    return "is damaged: its compressed data are corrupt"
