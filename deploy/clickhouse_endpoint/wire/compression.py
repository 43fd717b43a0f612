"""Compress and decompress bodies: HTTP content encodings and ClickHouse's own blocks."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Any, Final, Protocol

import lz4.block
import lz4.frame
import zstandard
from clickhouse_cityhash.cityhash import CityHash128

from deploy.clickhouse_endpoint.errors import CANNOT_DECOMPRESS, NOT_IMPLEMENTED, ClickHouseError

_FRAME = struct.Struct("<QQBII")  # checksum (two halves), method, size with these last nine bytes, size of the data
_LZ4, _ZSTD, _NONE = 0x82, 0x90, 0x02
# Clients write blocks of about 1 MB; ClickHouse's own limit is 1 GB.
_LARGEST_BLOCK: Final = 64 << 20
_PIECE: Final = 1 << 20
# 512 bytes of zstd hold at most 128 blocks of 128 kB.
_ZSTD_STEP: Final = 512


class Decoder(Protocol):
    """Takes a body's fragments and gives their contents, in pieces of a bounded size (16 MB; a block: 64 MB)."""

    def feed(self, data: bytes) -> Iterator[bytes]: ...

    def end(self) -> object:
        """Raises ClickHouseError when the body stopped in the middle."""


class Encoder(Protocol):
    """Takes an answer's fragments and gives what goes over the wire."""

    def feed(self, data: bytes) -> bytes: ...

    def end(self) -> bytes: ...


class Plain:
    """No compression of a request's body."""

    def feed(self, data: bytes) -> Iterator[bytes]:
        yield data

    def end(self) -> None:
        return None


class _StreamDecoder:
    # gzip, deflate, lz4 frames and zstd: a body may be several members one behind the other.

    def __init__(self, encoding: str) -> None:
        self._encoding = encoding
        self._member: Any = self._new()
        self._begun = False

    def _new(self) -> Any:
        if self._encoding == "gzip":
            return zlib.decompressobj(31)
        if self._encoding == "deflate":
            return zlib.decompressobj(15)
        if self._encoding == "lz4":
            return lz4.frame.LZ4FrameDecompressor()
        return zstandard.ZstdDecompressor().decompressobj()

    def feed(self, data: bytes) -> Iterator[bytes]:
        try:
            while data:
                if self._member.eof:
                    self._member, self._begun = self._new(), False
                self._begun = True
                piece, data = self._step(data)
                yield piece
                while self._encoding == "lz4" and not (self._member.needs_input or self._member.eof):
                    yield self._member.decompress(b"", _PIECE)
                if self._member.eof:
                    data = (self._member.unused_data or b"") + data
        except (zlib.error, RuntimeError, EOFError, zstandard.ZstdError) as error:
            raise ClickHouseError(
                CANNOT_DECOMPRESS, f"Cannot decompress the request's body as {self._encoding}: {error}"
            ) from None

    def _step(self, data: bytes) -> tuple[bytes, bytes]:
        if self._encoding == "zstd":
            return self._member.decompress(data[:_ZSTD_STEP]), data[_ZSTD_STEP:]
        # What an lz4 frame still holds is asked for without more input (``feed``).
        piece = self._member.decompress(data, _PIECE)
        return piece, b"" if self._encoding == "lz4" else self._member.unconsumed_tail

    def end(self) -> None:
        if self._begun and not self._member.eof:
            raise ClickHouseError(
                CANNOT_DECOMPRESS, f"The request's body, compressed as {self._encoding}, stops in the middle"
            )


class _BlockDecoder:
    # `decompress=1`: ClickHouse's own frames.

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        self._rest += data
        while len(self._rest) >= _FRAME.size:
            first, second, method, size, plain_size = _FRAME.unpack_from(self._rest)
            if size < 9 or max(size, plain_size) > _LARGEST_BLOCK:
                problem = f"A compressed block of the request's body is damaged, or larger than {_LARGEST_BLOCK} bytes"
                raise ClickHouseError(CANNOT_DECOMPRESS, problem)
            if len(self._rest) < 16 + size:
                break
            block = bytes(self._rest[16 : 16 + size])
            del self._rest[: 16 + size]
            if CityHash128(block) != first << 64 | second:
                raise ClickHouseError(
                    40, "Checksum doesn't match: corrupted data in the request's body", "CHECKSUM_DOESNT_MATCH"
                )
            yield _unpack(method, block[9:], plain_size)

    def end(self) -> None:
        if self._rest:
            raise ClickHouseError(CANNOT_DECOMPRESS, "The request's body stops in the middle of a compressed block")


def _unpack(method: int, data: bytes, plain_size: int) -> bytes:
    try:
        if method == _LZ4:
            return bytes(lz4.block.decompress(data, uncompressed_size=plain_size))
        if method == _ZSTD:
            return bytes(zstandard.ZstdDecompressor().decompress(data, max_output_size=plain_size))
    except (lz4.block.LZ4BlockError, zstandard.ZstdError) as error:
        raise ClickHouseError(CANNOT_DECOMPRESS, f"Cannot decompress a block of the request's body: {error}") from None
    if method == _NONE:
        return data
    raise ClickHouseError(89, f"Unknown codec family code: {method}", "UNKNOWN_COMPRESSION_METHOD")


class _PlainEncoder:
    def feed(self, data: bytes) -> bytes:
        return data

    def end(self) -> bytes:
        return b""


class _StreamEncoder:
    def __init__(self, encoding: str) -> None:
        self._lz4: Any = None
        self._other: Any = None
        if encoding == "lz4":
            self._lz4 = lz4.frame.LZ4FrameCompressor()
            self._head: bytes = self._lz4.begin()
        elif encoding == "zstd":
            self._other = zstandard.ZstdCompressor(level=1).compressobj()
        else:
            self._other = zlib.compressobj(3, zlib.DEFLATED, 31 if encoding == "gzip" else 15)

    def feed(self, data: bytes) -> bytes:
        if self._lz4 is None:
            return bytes(self._other.compress(data))
        head, self._head = self._head, b""
        return head + bytes(self._lz4.compress(data))

    def end(self) -> bytes:
        if self._lz4 is None:
            return bytes(self._other.flush())
        head, self._head = self._head, b""
        return head + bytes(self._lz4.flush())


class _BlockEncoder:
    # `compress=1`: ClickHouse's own frames, LZ4.

    def feed(self, data: bytes) -> bytes:
        return b"".join(_frame(part) for part in _slices(data, 1 << 20))

    def end(self) -> bytes:
        return b""


def _slices(data: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


def _frame(data: bytes) -> bytes:
    packed: bytes = lz4.block.compress(data, store_size=False)
    block = struct.pack("<BII", _LZ4, len(packed) + 9, len(data)) + packed
    checksum: int = CityHash128(block)
    return struct.pack("<QQ", checksum >> 64, checksum & 0xFFFFFFFFFFFFFFFF) + block


def decoder(content_encoding: str, blocks: bool) -> Decoder:
    """The decoder for a request's body.

    Args:
        content_encoding: value of the HTTP header, "" for none.
        blocks: the client set ``decompress=1`` (ClickHouse's own framing).

    Raises:
        ClickHouseError: an encoding that is not known here.
    """
    if blocks:
        return _BlockDecoder()
    encoding = content_encoding.strip().lower()
    if encoding in ("", "identity"):
        return Plain()
    if encoding in ("gzip", "x-gzip"):
        return _StreamDecoder("gzip")
    if encoding in ("deflate", "lz4", "zstd"):
        return _StreamDecoder(encoding)
    raise ClickHouseError(
        NOT_IMPLEMENTED, f"Unknown content encoding {content_encoding!r}: use gzip, deflate, lz4 or zstd"
    )


def encoder(accepted: str, enabled: bool, blocks: bool) -> tuple[Encoder, str]:
    """The encoder for an answer and the name for Content-Encoding ("" for none).

    Args:
        accepted: the header Accept-Encoding; the first known one is taken.
        enabled: the client set ``enable_http_compression=1``; without it a server answers plainly.
        blocks: the client set ``compress=1`` (ClickHouse's own framing).
    """
    if blocks:
        return _BlockEncoder(), ""
    if enabled:
        for offer in accepted.split(","):
            name, _, weight = offer.strip().lower().partition(";")
            if name.strip() in ("lz4", "zstd", "gzip", "deflate") and weight.replace(" ", "") not in ("q=0", "q=0.0"):
                return _StreamEncoder(name.strip()), name.strip()
    return _PlainEncoder(), ""
