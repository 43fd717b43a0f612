"""External tables: small tables that a client sends with its query in a form (multipart/form-data)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from aiohttp import BodyPartReader, web
from msgspec import Struct

from deploy.clickhouse_endpoint.engine.engine import EngineConnection
from deploy.clickhouse_endpoint.errors import BAD_ARGUMENTS, SOCKET_TIMEOUT, TOO_LARGE, ClickHouseError
from deploy.clickhouse_endpoint.sql.quoting import identifier
from deploy.clickhouse_endpoint.wire.bodies import BodyLimits
from deploy.clickhouse_endpoint.wire.requests import Wish
from deploy.clickhouse_endpoint.wire.spool import Spool

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LARGEST: Final = 256 << 20
# The most of a form, in the most that SQL may have: 64 MB for analysts.
_FORM_BY_SQL: Final = 64


class ExternalTable(Struct):
    """A table that lives as long as the query: its columns as in CREATE TABLE, its data in ``format``."""

    name: str
    structure: str
    format: str
    data: bytes

    def create(self, connection: EngineConnection, scratch: Path) -> None:
        """Make and fill it as a temporary table. Blocks in the engine."""
        name = identifier(self.name)
        connection.run(f"CREATE TEMPORARY TABLE {name} ({self.structure}) ENGINE = Memory")
        spool = Spool(scratch)
        try:
            spool.write(self.data)
            connection.run(f"INSERT INTO {name}".encode() + spool.clause + f"FORMAT {self.format}".encode(), "Null")
        finally:
            spool.close()

    def drop(self, connection: EngineConnection) -> None:
        """Remove it from a session that lives on."""
        connection.run(f"DROP TEMPORARY TABLE IF EXISTS {identifier(self.name)}")


async def read_form(
    request: web.Request, query: Mapping[str, str], wish: Wish, limits: BodyLimits
) -> list[ExternalTable]:
    """Read a form: its fields go into ``wish``, its files are the external tables.

    Raises:
        ClickHouseError: a table without structure, a name that is none, too much data.
    """
    tables: list[ExternalTable] = []
    left = min(_LARGEST, limits.sql * _FORM_BY_SQL)
    try:
        async with asyncio.timeout(limits.sql_s):
            reader = await request.multipart()
            while (part := await reader.next()) is not None:
                if not isinstance(part, BodyPartReader) or part.name is None:
                    continue
                data = bytearray()
                while chunk := await part.read_chunk():
                    data += chunk
                    left -= len(chunk)
                    if left < 0:
                        raise ClickHouseError(TOO_LARGE, "The form is too large: load the table with an INSERT")
                if part.filename is None:
                    wish.add_field(part.name, data.decode("utf-8", "surrogateescape"))
                else:
                    tables.append(_table(part.name, query, bytes(data)))
    except TimeoutError:
        raise ClickHouseError(SOCKET_TIMEOUT, f"The form did not arrive within {limits.sql_s:.0f} s") from None
    except ValueError as error:
        raise ClickHouseError(BAD_ARGUMENTS, f"The form cannot be read: {error}") from None
    return tables


def _table(name: str, query: Mapping[str, str], data: bytes) -> ExternalTable:
    if not _NAME.fullmatch(name):
        raise ClickHouseError(BAD_ARGUMENTS, f"{name!r} is no name for an external table")
    structure = query.get(f"{name}_structure")
    if structure is None and f"{name}_types" in query:
        structure = ", ".join(f"_{number} {kind}" for number, kind in enumerate(_split(query[f"{name}_types"]), 1))
    if not structure:
        raise ClickHouseError(
            BAD_ARGUMENTS, f"Neither structure nor types have been provided for external table {name}"
        )
    data_format = query.get(f"{name}_format", "TabSeparated")
    if not _NAME.fullmatch(data_format):
        raise ClickHouseError(BAD_ARGUMENTS, f"{data_format!r} is no name of a format")
    return ExternalTable(name, structure, data_format, data)


def _split(types: str) -> list[str]:
    # Commas within brackets belong to a type: Array(Tuple(String, UInt8)).
    parts, depth = [""], 0
    for letter in types:
        depth += (letter == "(") - (letter == ")")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]
