"""A request's body, decoded piece by piece: at its head perhaps SQL, behind it perhaps the data of an INSERT."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from aiohttp import StreamReader

from deploy.clickhouse_endpoint.errors import ClickHouseError
from deploy.clickhouse_endpoint.sql.statements import Statement, read_statement
from deploy.clickhouse_endpoint.wire.compression import Decoder, Plain

_PIECE = 1 << 18
_LONGEST_SQL = 256 << 20


class Body:
    """The decoded body. ``begin`` comes first, then ``next_piece`` until it gives None."""

    def __init__(self, prefix: bytes, content: StreamReader | None, decoder: Decoder) -> None:
        self._prefix = prefix
        self._content = content
        self._decoder = decoder
        self._pending = b""
        self._at_end = content is None

    async def begin(self) -> Statement:
        """Read as much as the statement needs.

        Raises:
            ClickHouseError: no statement, several statements, SQL that never ends.
        """
        text = self._prefix
        if text and not text.endswith(b"\n"):
            text += b"\n"
        statement = read_statement(text, complete=False) if text else None
        while statement is None:
            piece = await self.next_piece()
            if piece is not None:
                text += await self.decode(piece)
            if len(text) > _LONGEST_SQL:
                raise ClickHouseError(62, f"Syntax error: the SQL is longer than {_LONGEST_SQL} bytes", "SYNTAX_ERROR")
            if len(text) > _PIECE:
                statement = await asyncio.to_thread(read_statement, text, piece is None)
            else:
                statement = read_statement(text, piece is None)
        self._pending = text[statement.data :] if statement.kind in ("insert", "insert_input") else b""
        return statement

    def pending(self) -> bytes:
        """Data of the INSERT that came with its SQL."""
        pending, self._pending = self._pending, b""
        return pending

    async def next_piece(self) -> Callable[[], bytes] | None:
        """The next piece as a function that decodes it (for a thread); None at the end of the body."""
        if self._at_end or self._content is None:
            self._decoder.end()
            return None
        parts: list[bytes] = []
        size = 0
        while size < _PIECE:
            part = await self._content.readany()
            if not part:
                self._at_end = True
                break
            parts.append(part)
            size += len(part)
        if self._at_end and not parts:
            self._decoder.end()
            return None
        raw = b"".join(parts)
        return lambda: self._decoder.feed(raw)

    async def decode(self, piece: Callable[[], bytes]) -> bytes:
        """Decode a piece here or in a thread, by what it costs."""
        if isinstance(self._decoder, Plain):
            return piece()
        return await asyncio.to_thread(piece)
