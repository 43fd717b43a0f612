"""Spill files: data of a recount that need the whole log, on disk in 256 buckets."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

BUCKETS: Final = 256
_BUFFER: Final = 32_768
_LENGTH: Final = struct.Struct("<I")


def bucket_of_hex(identity: str) -> int:
    """The bucket of an identity (32 hex digits): its first byte. Identities are hashes, so buckets are alike."""
    return int(identity[:2], 16)


def bucket_of_text(text: str) -> int:
    """The bucket of any text: the low byte of its CRC-32, which ClickHouse's ``CRC32`` computes alike."""
    return zlib.crc32(text.encode()) & 0xFF


class SpillWriter:
    """Appends payloads to files in a directory that exists: one a kind and ``step`` buckets (a divisor of 256)."""

    def __init__(self, directory: Path, step: int = 1) -> None:
        self._directory = directory
        self._step = step
        self._buffers: dict[tuple[str, int], bytearray] = {}

    def add(self, kind: str, bucket: int, payload: bytes) -> None:
        """Append one payload of any length; ``SpillReader.payloads`` gives it back."""
        buffer = self._buffer(kind, bucket)
        buffer += _LENGTH.pack(len(payload))
        buffer += payload
        if len(buffer) >= _BUFFER:
            self._write(kind, bucket - bucket % self._step, buffer)

    def add_identity(self, kind: str, identity: str) -> None:
        """Append an identity as its 16 bytes; ``SpillReader.identities`` gives them back."""
        bucket = bucket_of_hex(identity)
        buffer = self._buffer(kind, bucket)
        buffer += bytes.fromhex(identity)
        if len(buffer) >= _BUFFER:
            self._write(kind, bucket - bucket % self._step, buffer)

    def close(self) -> None:
        """Write what is still buffered."""
        for (kind, bucket), buffer in self._buffers.items():
            if buffer:
                self._write(kind, bucket, buffer)

    def _buffer(self, kind: str, bucket: int) -> bytearray:
        key = (kind, bucket - bucket % self._step)
        buffer = self._buffers.get(key)
        if buffer is None:
            buffer = self._buffers[key] = bytearray()
        return buffer

    def _write(self, kind: str, bucket: int, buffer: bytearray) -> None:
        with _file(self._directory, kind, bucket).open("ab") as stream:
            stream.write(buffer)
        buffer.clear()


class SpillReader:
    """What closed writers left in their directories; ``step`` is that of the writers."""

    def __init__(self, directories: Iterable[Path], step: int = 1) -> None:
        self._step = step
        self._files: dict[tuple[str, int], list[Path]] = {}
        for directory in directories:
            for path in directory.iterdir():
                kind, _, bucket = path.stem.rpartition("-")
                self._files.setdefault((kind, int(bucket)), []).append(path)

    def payloads(self, kind: str, buckets: range) -> Iterator[bytes]:
        """The payloads of the files of ``buckets`` (see ``ranges``), writer by writer, each in its order."""
        for content in self._contents(kind, buckets):
            position = 0
            while position < len(content):
                (length,) = _LENGTH.unpack_from(content, position)
                position += _LENGTH.size
                yield content[position : position + length]
                position += length

    def identities(self, kind: str, buckets: range) -> Iterator[bytes]:
        """The identities (16 bytes each) of the files of ``buckets`` (see ``ranges``)."""
        for content in self._contents(kind, buckets):
            for position in range(0, len(content), 16):
                yield content[position : position + 16]

    def ranges(self, kind: str, target_bytes: int) -> list[range]:
        """Ascending ranges of whole files that hold about ``target_bytes`` together; all 256 buckets are covered."""
        ranges: list[range] = []
        start, size = 0, 0
        for bucket in range(0, BUCKETS, self._step):
            held = sum(path.stat().st_size for path in self._files.get((kind, bucket), ()))
            if size and size + held > target_bytes:
                ranges.append(range(start, bucket))
                start, size = bucket, 0
            size += held
        ranges.append(range(start, BUCKETS))
        return ranges

    def _contents(self, kind: str, buckets: range) -> Iterator[bytes]:
        for bucket in buckets[:: self._step]:
            for path in self._files.get((kind, bucket), ()):
                yield path.read_bytes()


def step_for(records: int) -> int:
    """How many buckets share a file, for a log of so many records: a short one needs few files."""
    return 1 if records > 1_000_000 else 16 if records > 50_000 else BUCKETS


def _file(directory: Path, kind: str, bucket: int) -> Path:
    return directory / f"{kind}-{bucket:03d}.spill"
