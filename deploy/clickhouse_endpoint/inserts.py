"""INSERTs with data in the request: collect all data first, then run the statement."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import Mapping
from pathlib import Path

from deploy.clickhouse_endpoint.engine.engine import EngineConnection, Outcome
from deploy.clickhouse_endpoint.errors import BAD_ARGUMENTS, ClickHouseError
from deploy.clickhouse_endpoint.sql.statements import Statement
from deploy.clickhouse_endpoint.sql.tokens import Token, tokens
from deploy.clickhouse_endpoint.wire.bodies import Body
from deploy.clickhouse_endpoint.wire.spool import Spool

_ESCAPES = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"0": b"\0", b"b": b"\b", b"f": b"\f"}


class Insert:
    """One INSERT with data: ``take`` the data, then ``run``. Always ``close`` it."""

    def __init__(self, scratch: Path) -> None:
        self._spool = Spool(scratch)
        self._input: str | None = None
        self._connection: EngineConnection | None = None

    @property
    def in_memory(self) -> bool:
        """Whether ``close`` blocks nothing."""
        return self._spool.stays_in_memory(0) and self._input is None

    async def take(self, body: Body) -> None:
        """Take the whole body. One that stops in the middle has no effect."""
        while (piece := await body.next_piece()) is not None:
            if self._spool.stays_in_memory(len(piece)):
                self._spool.write(piece)
            else:
                await asyncio.to_thread(self._spool.write, piece)

    def run(self, connection: EngineConnection, statement: Statement, parameters: Mapping[str, str]) -> Outcome:
        """Insert and wait until every row is written. Blocks in the engine.

        An error means that at least the last block was not written: nothing at all for less than a block (about a
        million rows) of one partition.

        Raises:
            ClickHouseError: the engine rejected the statement or the data.
        """
        self._connection = connection
        if statement.kind == "insert_input":
            return self._through_table(connection, statement, parameters)
        return self._insert(connection, statement, parameters)

    def close(self) -> None:
        """Drop the data. Blocks in the engine."""
        self._spool.close()
        if self._input is not None and self._connection is not None:
            self._connection.run(f"DROP TEMPORARY TABLE IF EXISTS {self._input}")

    def _insert(self, connection: EngineConnection, statement: Statement, parameters: Mapping[str, str]) -> Outcome:
        head, tail = statement.sql[: statement.infile_at], statement.sql[statement.infile_at :]
        sql = head + self._spool.clause + tail + f" FORMAT {statement.format}".encode()
        return connection.run(sql, "Null", parameters)

    def _through_table(
        self, connection: EngineConnection, statement: Statement, parameters: Mapping[str, str]
    ) -> Outcome:
        # The engine does not feed `input()` from a file: the data go into a temporary table of that structure, and
        # the SELECT reads it instead.
        structure, start, end = _input_call(statement.sql)
        self._input = name = f"_input_{uuid.uuid4().hex}"
        table = name.encode()
        connection.run(b"CREATE TEMPORARY TABLE " + table + b" (" + structure + b") ENGINE = Memory")
        connection.run(b"INSERT INTO " + table + self._spool.clause + f"FORMAT {statement.format}".encode(), "Null")
        select = statement.sql[:start] + table + statement.sql[end:]
        return connection.run(select, "Null", parameters)


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
