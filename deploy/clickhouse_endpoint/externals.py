"""External tables: small tables that a client sends with its query in a form (multipart/form-data)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError
from msgspec import Struct

from deploy.clickhouse_endpoint.engine.engine import EngineConnection
from deploy.clickhouse_endpoint.engine.syntax_tree import nodes_of, syntax_tree
from deploy.clickhouse_endpoint.errors import (
    ACCESS_DENIED,
    BAD_ARGUMENTS,
    SOCKET_TIMEOUT,
    TOO_LARGE,
    ClickHouseError,
)
from deploy.clickhouse_endpoint.sql.quoting import identifier
from deploy.clickhouse_endpoint.wire.bodies import BodyLimits
from deploy.clickhouse_endpoint.wire.requests import Wish
from deploy.clickhouse_endpoint.wire.spool import Spool

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LARGEST: Final = 256 << 20
# The most of a form, in the most that SQL may have: 64 MB for analysts.
_FORM_BY_SQL: Final = 64
# Reading a part takes 0.2 ms of the event loop.
_MOST_PARTS: Final = 1000
# Formats of plain data. The data of others hold SQL expressions (Values) or need files.
_PLAIN_FORMATS: Final = re.compile(
    "(TabSeparated|TSV|TSKV|CSV|JSON|BSON|RowBinary|Native|Parquet|ORC|Arrow|Avro|MsgPack|LineAsString|RawBLOB)[A-Za-z]*"
)
_TREE: Final = ["CreateQuery", " Identifier", " Columns", "  ExpressionList", " Storage", "  Function"]


class ExternalTable(Struct):
    """A table that lives as long as the query: its columns as in CREATE TABLE, its data in ``format``."""

    name: str
    structure: str
    format: str
    data: bytes

    def create(self, connection: EngineConnection, scratch: Path, *, plain: bool) -> None:
        """Make and fill it as a temporary table. Blocks in the engine.

        Args:
            plain: nothing in it may be an expression: neither defaults of columns nor values.

        Raises:
            ClickHouseError: 497 for an expression, 36 for a structure that is no list of columns.
        """
        if plain and not _PLAIN_FORMATS.fullmatch(self.format):
            raise ClickHouseError(ACCESS_DENIED, f"External tables in the format {self.format} are not for analysts")
        name = identifier(self.name)
        # Its own line: a comment at the end of the structure must not hide the rest.
        create = f"CREATE TEMPORARY TABLE {name} ({self.structure}\n) ENGINE = Memory".encode(
            "utf-8", "surrogateescape"
        )
        _check_columns(connection, create, self.name, plain)
        connection.run(create)
        spool = Spool(scratch)
        try:
            spool.write(self.data)
            connection.run(f"INSERT INTO {name}".encode() + spool.clause + f"FORMAT {self.format}".encode(), "Null")
        finally:
            spool.close()

    def drop(self, connection: EngineConnection) -> None:
        """Remove it from a session that lives on."""
        connection.run(f"DROP TEMPORARY TABLE IF EXISTS {identifier(self.name)}")


def _check_columns(connection: EngineConnection, create: bytes, name: str, plain: bool) -> None:
    """Reject a structure that is more than the columns of a table, by the engine's parser."""
    more = ClickHouseError(BAD_ARGUMENTS, f"The structure of the external table {name} is no list of columns")
    # 0 where it cannot be parsed. `EXPLAIN AST` would run a second statement.
    if connection.classify(create)[1] != 1:
        raise more
    try:
        nodes = list(nodes_of(syntax_tree(connection, create, {})))
    except ValueError as error:
        raise ClickHouseError(BAD_ARGUMENTS, f"External table {name}: {error}") from None
    if [" " * node.depth + node.kind for node in nodes if node.depth < 3] != _TREE:
        raise more
    # Only a type, with its arguments below it.
    columns = [node.parent for node in nodes if node.depth == 3]
    types = [node.kind for node in nodes if node.depth == 4]
    if plain and not (
        set(columns) == {"ExpressionList"}
        and len(types) == len(columns)
        and all(kind.endswith("DataType") for kind in types)
    ):
        problem = f"The external table {name} may have columns with a name and a type only"
        raise ClickHouseError(ACCESS_DENIED, f"analyst: Not enough privileges: {problem}")


async def read_form(
    request: web.Request, query: Mapping[str, str], wish: Wish, limits: BodyLimits, hold: Callable[[int], None]
) -> list[ExternalTable]:
    """Read a form: its fields go into ``wish``, its files are the external tables.

    Args:
        hold: is told how many bytes more are in memory; it may raise ClickHouseError.

    Raises:
        ClickHouseError: a table without structure, a name that is none, too much data.
    """
    tables: list[ExternalTable] = []
    left, parts = min(_LARGEST, limits.sql * _FORM_BY_SQL), 0
    try:
        async with asyncio.timeout(limits.sql_s):
            reader = await request.multipart()
            while (part := await reader.next()) is not None:
                await asyncio.sleep(0)  # others have their turn: all parts may be here already
                parts += 1
                if parts > _MOST_PARTS:
                    raise ClickHouseError(TOO_LARGE, f"The form has more than {_MOST_PARTS} parts")
                if not isinstance(part, BodyPartReader) or part.name is None:
                    continue
                data = bytearray()
                while chunk := await part.read_chunk():
                    hold(len(chunk))
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
    except HttpProcessingError as error:
        raise ClickHouseError(BAD_ARGUMENTS, f"The form cannot be read: {error.message}") from None
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
