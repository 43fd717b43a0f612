"""Read and decode the body of a request within limits: first SQL, then perhaps the data of an INSERT."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

from aiohttp import StreamReader
from msgspec import Struct

from deploy.clickhouse_endpoint.errors import SOCKET_TIMEOUT, SYNTAX_ERROR, TOO_LARGE, ClickHouseError
from deploy.clickhouse_endpoint.sql.statements import Statement, read_statement
from deploy.clickhouse_endpoint.wire.compression import Decoder, Plain

_PIECE: Final = 1 << 18
_DECODED: Final = 1 << 20


class BodyLimits(Struct, frozen=True, kw_only=True):
    """The most of a body: bytes of SQL, bytes of data (decoded), seconds without a byte, seconds of the SQL."""

    sql: int
    data: int = 8 << 30
    idle_s: float = 30.0
    sql_s: float = 60.0


class Body:
    """The decoded body. ``begin`` comes first, then ``next_piece`` until it gives None."""

    def __init__(self, prefix: bytes, content: StreamReader | None, decoder: Decoder, limits: BodyLimits) -> None:
        self._prefix = prefix
        self._content = content
        self._decoder = decoder
        self._limits = limits
        self._decoded: Iterator[bytes] = iter(())
        self._pending = b""
        self._size = 0

    async def begin(self) -> Statement:
        """Read as much as the statement needs.

        Raises:
            ClickHouseError: no statement, several statements, SQL that is too long, SQL that does not arrive.
        """
        try:
            async with asyncio.timeout(self._limits.sql_s):
                return await self._begin()
        except TimeoutError:
            raise _late(self._limits.sql_s, "the SQL") from None

    async def _begin(self) -> Statement:
        text = self._prefix
        if text and not text.endswith(b"\n"):
            text += b"\n"
        statement = read_statement(text, complete=False) if text else None
        tried, ended = len(text), False
        while statement is None:
            piece = await self._next()
            text += piece or b""
            ended = piece is None or self._is_at_end()
            if not ended and len(text) < min(2 * tried, self._limits.sql):
                continue  # the text is read anew each time: not for every packet
            tried = len(text)
            statement = await self._statement(text, ended and len(text) <= self._limits.sql)
            if len(text) > self._limits.sql and (statement is None or not _takes_data(statement)):
                problem = f"Syntax error: Max query size exceeded: the SQL is longer than {self._limits.sql} bytes"
                raise ClickHouseError(SYNTAX_ERROR, problem)
        self._pending = text[statement.data :] if _takes_data(statement) else b""
        return statement

    def _is_at_end(self) -> bool:
        """Whether it is known that nothing follows: the text need not be read once more then."""
        return isinstance(self._decoder, Plain) and (self._content is None or self._content.at_eof())

    async def _statement(self, text: bytes, complete: bool) -> Statement | None:
        if len(text) > _PIECE:
            return await asyncio.to_thread(read_statement, text, complete)
        return read_statement(text, complete)

    async def next_piece(self) -> bytes | None:
        """The next of the data of an INSERT, at most some MB; None at the end of the body.

        Raises:
            ClickHouseError: damaged contents, more than the limit, a body that does not arrive.
        """
        if self._pending:
            piece, self._pending = self._pending, b""
        else:
            piece = await self._next() or b""
        self._size += len(piece)
        if self._size > self._limits.data:
            raise ClickHouseError(TOO_LARGE, f"The data are larger than {self._limits.data} bytes: split the insert")
        return piece or None

    async def _next(self) -> bytes | None:
        while True:
            piece = await self._decode()
            if piece:
                return piece
            raw = await self._read()
            if not raw:
                self._decoder.end()
                return None
            self._decoded = self._decoder.feed(raw)

    async def _decode(self) -> bytes:
        if isinstance(self._decoder, Plain):
            return next(self._decoded, b"")
        return await asyncio.to_thread(_gather, self._decoded)

    async def _read(self) -> bytes:
        parts: list[bytes] = []
        size = 0
        while size < _PIECE and self._content is not None:
            try:
                async with asyncio.timeout(self._limits.idle_s):
                    part = await self._content.readany()
            except TimeoutError:
                raise _late(self._limits.idle_s, "the next byte of the body") from None
            if not part:
                self._content = None
            parts.append(part)
            size += len(part)
        return b"".join(parts)


def _gather(pieces: Iterator[bytes]) -> bytes:
    parts: list[bytes] = []
    size = 0
    for piece in pieces:
        parts.append(piece)
        size += len(piece)
        if size >= _DECODED:
            break
    return b"".join(parts)


def _takes_data(statement: Statement) -> bool:
    return statement.kind in ("insert", "insert_input")


def _late(seconds: float, what: str) -> ClickHouseError:
    return ClickHouseError(SOCKET_TIMEOUT, f"Timeout exceeded while waiting {seconds:.0f} s for {what} from the client")
