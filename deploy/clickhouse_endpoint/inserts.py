"""INSERTs whose data come with the request: fragment by fragment into the engine, in any format."""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

from deploy.clickhouse_endpoint.bodies import Body
from deploy.clickhouse_endpoint.engine import EngineConnection, InsertStream, Outcome
from deploy.clickhouse_endpoint.errors import BAD_ARGUMENTS, ClickHouseError
from deploy.clickhouse_endpoint.statements import Statement
from deploy.clickhouse_endpoint.tokens import Token, tokens

T = TypeVar("T")
_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"0": b"\0", b"b": b"\b", b"f": b"\f"}


class InThread(Protocol):
    """Does blocking work of the request in a thread of the engine's."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]: ...


class Insert:
    """One INSERT with data. ``cancel`` (blocking) gives up whatever is open; harmless at any time."""

    def __init__(self, connection: EngineConnection, in_thread: InThread) -> None:
        self._connection = connection
        self._in_thread = in_thread
        self._stream: InsertStream | None = None
        self._input: str | None = None

    async def run(self, statement: Statement, body: Body) -> Outcome:
        """Feed the body to the engine and commit.

        Raises:
            ClickHouseError: the engine refused the statement or the data; then nothing of the last block was written.
        """
        if statement.kind == "insert_input":
            return await self._run_input(statement, body)
        return await self._feed(statement.sql, statement.format or "", body)

    def cancel(self) -> None:
        """Give up the open insert and drop the input's table."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.cancel()
        name, self._input = self._input, None
        if name is not None:
            self._connection.run(f"DROP TEMPORARY TABLE IF EXISTS {name}")

    async def _run_input(self, statement: Statement, body: Body) -> Outcome:
        # The engine's streaming insert does not know `input()`: the data go into a temporary table of that structure,
        # and the SELECT reads it instead.
        name = f"_input_{uuid.uuid4().hex}"
        structure, start, end = _input_call(statement.sql)
        created = b"CREATE TEMPORARY TABLE " + name.encode() + b" (" + structure + b") ENGINE = Memory"
        self._input = name
        await self._in_thread(lambda: self._connection.run(created))
        await self._feed(f"INSERT INTO {name}", statement.format or "", body)
        select = statement.sql[:start] + name.encode() + statement.sql[end:]
        return await self._in_thread(lambda: self._connection.run(select))

    async def _feed(self, head: bytes | str, input_format: str, body: Body) -> Outcome:
        def start() -> InsertStream:
            # Noted in the thread: if the client goes away meanwhile, `cancel` must find it.
            self._stream = self._connection.insert(head, input_format)
            return self._stream

        stream = await self._in_thread(start)
        first = body.pending()
        if first:
            await self._in_thread(lambda: stream.append(first))
        while (piece := await body.next_piece()) is not None:
            await self._in_thread(lambda decode=piece: _append(stream, decode))  # type: ignore[misc]
        return await self._in_thread(stream.done)


def _append(stream: InsertStream, decode: Callable[[], bytes]) -> None:
    data = decode()
    if data:
        stream.append(data)


def _input_call(sql: bytes) -> tuple[bytes, int, int]:
    """The structure given to ``input('…')``, and where the call begins and ends."""
    last: list[Token] = []
    for token in tokens(sql):
        last = [*last[-3:], token]
        if (
            len(last) == 4
            and last[0].keyword == "INPUT"
            and last[1].text == b"("
            and last[2].kind == "string"
            and last[3].text == b")"
        ):
            return _unquoted(last[2].text), last[0].start, last[3].end
    raise ClickHouseError(BAD_ARGUMENTS, "input() needs its structure as a string: input('a UInt64, b String')")


def _unquoted(string: bytes) -> bytes:
    if string.startswith(b"$"):
        tag = string[: string.index(b"$", 1) + 1]
        return string[len(tag) : -len(tag)]

    def plain(found: re.Match[bytes]) -> bytes:
        return b"'" if found[0] == b"''" else _ESCAPES.get(found[0][1:], found[0][1:])

    return re.sub(rb"\\.|''", plain, string[1:-1], flags=re.DOTALL)
