"""The HTTP answer to a query: held for a moment, so that an early error has a status of its own, then streamed."""

from __future__ import annotations

import json
import secrets
import string
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import SpooledTemporaryFile

from aiohttp import web

from deploy.clickhouse_endpoint.engine.engine import Outcome
from deploy.clickhouse_endpoint.errors import ClickHouseError
from deploy.clickhouse_endpoint.wire.compression import Encoder

# An error within this much of the result and this many seconds after its first byte is a plain error answer; later ones
# come at the end of the stream.
_HELD = 1 << 18
_HELD_S = 0.1
_IN_MEMORY = 16 << 20
_PIECE = 1 << 20


def summary(outcome: Outcome, elapsed: float) -> str:
    """The header X-ClickHouse-Summary: numbers as strings, ``elapsed`` in seconds."""
    return json.dumps(
        {
            "read_rows": str(outcome.rows_read),
            "read_bytes": str(outcome.bytes_read),
            "written_rows": str(outcome.rows_written),
            "written_bytes": str(outcome.bytes_written),
            "total_rows_to_read": "0",
            "result_rows": str(outcome.rows_returned or outcome.rows_written),
            "result_bytes": str(len(outcome.payload) or outcome.bytes_written),
            "elapsed_ns": str(round(elapsed * 1e9)),
        },
        separators=(",", ":"),
    )


class _LastPiece(web.StreamResponse):
    """An answer whose last piece goes out when the handler has returned."""

    last_piece = b""

    async def write_eof(self, data: bytes = b"") -> None:
        """Send the last piece and end the answer."""
        await super().write_eof(self.last_piece + data)


class Reply:
    """Takes the result's bytes. Use ``write`` and then ``finish``; or ``fail`` once ``started``."""

    def __init__(
        self,
        request: web.Request,
        headers: Mapping[str, str],
        encoder: Encoder,
        encoding: str,
        hold: bool,
        scratch: Path,
    ) -> None:
        """``hold``: send nothing before ``finish``; what does not fit into memory waits in a file in ``scratch``."""
        self._request = request
        self._headers = dict(headers)
        self._encoder = encoder
        self._encoding = encoding
        self._hold = hold
        self._held: SpooledTemporaryFile[bytes] = SpooledTemporaryFile(_IN_MEMORY, dir=str(scratch))  # noqa: SIM115
        self._size = 0
        self._until = float("inf")
        self._response: web.StreamResponse | None = None
        self._tag = "".join(secrets.choice(string.ascii_lowercase) for _ in range(16))

    @property
    def started(self) -> bool:
        """Whether the client has been told that all is well."""
        return self._response is not None

    @property
    def in_memory(self) -> bool:
        """Whether nothing that is held back is in a file."""
        return self._size <= _IN_MEMORY

    def patience(self) -> float | None:
        """How many seconds to wait for more before ``start``; None for as long as it takes."""
        return None if self.started or self._hold or not self._size else max(0.0, self._until - time.monotonic())

    async def start(self) -> None:
        """Send what was held back, and from now on every piece as it comes."""
        if self._response is not None:
            return
        response = web.StreamResponse(headers=self._all_headers() | {"X-ClickHouse-Exception-Tag": self._tag})
        response.enable_chunked_encoding()
        await response.prepare(self._request)
        self._response = response
        self._held.seek(0)
        await response.write(self._held.read())
        self._held.close()

    async def write(self, data: bytes) -> None:
        """Add to the result; waits while the client is slow."""
        await self._put(self._encoder.feed(data) if data else b"")

    async def finish(self, outcome: Outcome, elapsed: float) -> web.StreamResponse:
        """The result is complete. Its end goes out when the handler returns: the session must be free by then."""
        if self._response is None and not self._size:
            self._encoding = ""
        else:
            await self._put(self._encoder.end(), last=True)
        if self._response is not None:
            return self._response
        headers = self._all_headers() | {"X-ClickHouse-Summary": summary(outcome, elapsed)}
        self._held.seek(0)
        if self._size <= _PIECE or self._request.method == "HEAD":
            return web.Response(body=self._held.read(_PIECE), headers=headers)
        # A client that does not read keeps its place among the running queries: answers without one would fill memory.
        response = _LastPiece(headers=headers | {"Content-Length": str(self._size)})
        self._response = response
        await response.prepare(self._request)
        for _ in range((self._size - 1) // _PIECE):
            await response.write(self._held.read(_PIECE))
        response.last_piece = self._held.read()
        return response

    async def fail(self, error: ClickHouseError, version: str) -> web.StreamResponse:
        """The query failed after its first rows went out: say so as a server does, and break off the transfer."""
        response = self._response
        assert response is not None
        text = error.text(version).rstrip("\n").encode() + b"\n"
        tag = self._tag.encode()
        block = b"\r\n__exception__\r\n%b\r\n%b%d %b\r\n__exception__\r\n" % (tag, text, len(text), tag)
        await response.write(self._encoder.feed(block) + self._encoder.end())
        # Without the closing chunk every client sees that the result is not complete.
        if self._request.transport is not None:
            self._request.transport.close()
        return response

    def close(self) -> None:
        """Drop the bytes that were held back."""
        self._held.close()

    async def _put(self, wire: bytes, last: bool = False) -> None:
        if self._response is not None:
            if wire:
                await self._response.write(wire)
            return
        self._held.write(wire)
        self._size += len(wire)
        self._until = min(self._until, time.monotonic() + _HELD_S)
        if (self._size > _HELD or time.monotonic() > self._until) and not self._hold and not last:
            await self.start()

    def _all_headers(self) -> dict[str, str]:
        return self._headers | ({"Content-Encoding": self._encoding} if self._encoding else {})
