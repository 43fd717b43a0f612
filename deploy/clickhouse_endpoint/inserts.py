"""INSERTs whose data come with the request, in any format: the data first, whole, then the engine."""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

from deploy.clickhouse_endpoint.engine.engine import EngineConnection, Outcome
from deploy.clickhouse_endpoint.errors import BAD_ARGUMENTS, ClickHouseError
from deploy.clickhouse_endpoint.sql.statements import Statement
from deploy.clickhouse_endpoint.sql.tokens import Token, tokens
from deploy.clickhouse_endpoint.wire.bodies import Body
from deploy.clickhouse_endpoint.wire.spool import Spool

T = TypeVar("T")
_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"0": b"\0", b"b": b"\b", b"f": b"\f"}


class InThread(Protocol):
    """Does blocking work of the request in a thread of the engine's."""

    def __call__(self, work: Callable[[], T], /) -> Awaitable[T]: ...


class Insert:
    """One INSERT with data. ``close`` must follow, whatever happened."""

    def __init__(
        self, connection: EngineConnection, in_thread: InThread, scratch: Path, parameters: Mapping[str, str]
    ) -> None:
        self._connection = connection
        self._in_thread = in_thread
        self._parameters = parameters
        self._spool = Spool(scratch)
        self._input: str | None = None

    async def run(self, statement: Statement, body: Body) -> Outcome:
        """Take the whole body, then insert it and wait until every row is written.

        A body that stops in the middle has no effect. An error means that at least the last block was not written:
        nothing at all for less than a block (about a million rows) of one partition.

        Raises:
            ClickHouseError: the engine refused the statement or the data.
        """
        first = body.pending()
        if first:
            await self._in_thread(lambda: self._spool.write(first))
        while (piece := await body.next_piece()) is not None:
            await self._in_thread(lambda decode=piece: self._spool.write(decode()))  # type: ignore[misc]
        if statement.kind == "insert_input":
            return await self._in_thread(lambda: self._through_table(statement))
        return await self._in_thread(lambda: self._insert(statement))

    def close(self) -> None:
        """Forget the data. Blocks in the engine."""
        self._spool.close()
        if self._input is not None:
            self._connection.run(f"DROP TEMPORARY TABLE IF EXISTS {self._input}")

    def _insert(self, statement: Statement) -> Outcome:
        head, tail = statement.sql[: statement.infile_at], statement.sql[statement.infile_at :]
        sql = head + self._spool.clause + tail + f" FORMAT {statement.format}".encode()
        return self._connection.run(sql, "Null", self._parameters)

    def _through_table(self, statement: Statement) -> Outcome:
        # The engine does not feed `input()` from a file: the data go into a temporary table of that structure, and
        # the SELECT reads it instead.
        structure, start, end = _input_call(statement.sql)
        self._input = name = f"_input_{uuid.uuid4().hex}"
        table = name.encode()
        self._connection.run(b"CREATE TEMPORARY TABLE " + table + b" (" + structure + b") ENGINE = Memory")
        self._connection.run(
            b"INSERT INTO " + table + self._spool.clause + f"FORMAT {statement.format}".encode(), "Null"
        )
        select = statement.sql[:start] + table + statement.sql[end:]
        return self._connection.run(select, "Null", self._parameters)


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
