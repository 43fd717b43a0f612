"""The embedded engine: one data directory, a fresh connection (a session of its own) per request.

Calls block inside the engine and release the interpreter lock; they belong into threads, one thread a connection
at a time. A thread inside the engine is never abandoned: cancel its query (``cancellation``), then wait for it.

chDB 4.4.0 also streams inserts (`send_insert`), but reports success for rows that the table then rejects. Its streamed
results (`send_query`) end without an error when the query is killed (``sql.completeness``).
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import importlib
import os
import time
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import IO, Any, Final

from msgspec import Struct

from deploy.clickhouse_endpoint.errors import from_engine


class DataDirectoryLockedError(Exception):
    """Another process works on the data directory."""


class StatementClass(Enum):
    """What a statement would do, as the engine classifies it without running it."""

    READ_ONLY = "READ_ONLY"
    MUTATING = "MUTATING"
    MUTATING_GLOBAL = "MUTATING_GLOBAL"
    CONTROL = "CONTROL"
    UNKNOWN = "UNKNOWN"


class Outcome(Struct):
    """A finished statement: its result in the asked format and what it read and wrote."""

    payload: bytes = b""
    rows_returned: int = 0
    rows_read: int = 0
    bytes_read: int = 0
    rows_written: int = 0
    bytes_written: int = 0


#: Formats in which the blocks of a result, one behind the other, are the result.
STREAMED: Final = frozenset(
    ("Native", "TabSeparated", "TSV", "TabSeparatedRaw", "TSVRaw", "CSV", "RowBinary", "JSONEachRow")
)


class Stream:
    """The result of a running query, block by block. ``cancel`` must follow unless it ended. Both block."""

    def __init__(self, connection: Any, result: Any) -> None:
        self._connection = connection
        self._result = result
        self.outcome = Outcome()
        self.ended = False

    def next_block(self) -> bytes:
        """The next block of the result; empty at its end.

        Raises:
            ClickHouseError: the query failed.
        """
        try:
            block = self._connection.streaming_fetch_result(self._result)
        except (RuntimeError, UnicodeDecodeError) as error:
            self.ended = True
            raise from_engine(error) from None
        data: bytes = b"" if block is None else block.bytes()
        self.ended = not data
        if data:
            self.outcome.rows_returned += block.rows_read()
            self.outcome.rows_read += block.storage_rows_read()
            self.outcome.bytes_read += block.storage_bytes_read()
        return data

    def cancel(self) -> None:
        """Discard the rest. It waits for the engine, so kill the query as well."""
        with contextlib.suppress(RuntimeError):
            self._connection.streaming_cancel_query(self._result)
        self.ended = True


class EngineConnection:
    """A session of the engine: SET, USE and temporary tables stay with it."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def run(
        self, sql: bytes | str, output_format: str = "TabSeparated", parameters: Mapping[str, str] | None = None
    ) -> Outcome:
        """Run a statement to its end and give its whole result. ``parameters`` are in TSV escaping, as over HTTP.

        Raises:
            ClickHouseError: the engine rejected the statement or failed.
        """
        try:
            result = self._connection.query(sql, output_format, params=dict(parameters or {}))
        except (RuntimeError, UnicodeDecodeError) as error:
            raise from_engine(error) from None
        return Outcome(
            payload=result.bytes(),
            rows_returned=result.rows_read(),
            rows_read=result.storage_rows_read(),
            bytes_read=result.storage_bytes_read(),
            rows_written=result.rows_written(),
            bytes_written=result.bytes_written(),
        )

    def stream(self, sql: bytes, output_format: str, parameters: Mapping[str, str]) -> Stream:
        """Start a query whose result comes block by block, in a format of `STREAMED`.

        Raises:
            ClickHouseError: the engine rejected it.
        """
        try:
            return Stream(self._connection, self._connection.send_query(sql, output_format, params=dict(parameters)))
        except (RuntimeError, UnicodeDecodeError) as error:
            raise from_engine(error) from None

    def classify(self, sql: bytes | str) -> tuple[StatementClass, int]:
        """What the SQL would do, and of how many statements it consists; UNKNOWN and 0 when it does not parse."""
        verdict = self._connection.classify_query(sql)
        return StatementClass(verdict["query_class"].name), int(verdict["statement_count"])

    def close(self) -> None:
        """End the session."""
        self._connection.close()


class Engine:
    """The engine of one data directory. One process may open it, once."""

    def __init__(self, data: Path, configuration: Path) -> None:
        """Open the engine (0.2 s for an empty directory).

        Args:
            data: directory of databases and tables; made if absent.
            configuration: path of the server configuration (XML).

        Raises:
            DataDirectoryLockedError: another process has it open.
            ClickHouseError: the engine does not start.
        """
        data.mkdir(parents=True, exist_ok=True)
        self._lock: IO[bytes] = (data / "in-use.lock").open("ab")  # held while the engine lives
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise DataDirectoryLockedError(f"another process works on the data directory {data}") from None
        self._library = _library()
        self._address = f"{data}?config-file={configuration}"
        self._root = self.connect()
        self.version = self._root.run("SELECT version()").payload.decode().strip()

    def connect(self) -> EngineConnection:
        """A fresh session (0.07 ms)."""
        try:
            return EngineConnection(self._library.connect(self._address))
        except RuntimeError as error:
            raise from_engine(error) from None

    def close(self) -> None:
        """Stop the engine; every other connection must be closed."""
        self._root.close()
        self._lock.close()


def setting_names() -> list[str]:
    """The settings that the engine knows; before `Engine` opens it (30 ms)."""
    connection = EngineConnection(_library().connect(":memory:"))
    try:
        return connection.run("SELECT name FROM system.settings", "TSVRaw").payload.decode().split()
    finally:
        connection.close()


@functools.cache
def _library() -> Any:
    # Importing starts an engine for a moment, which reads the time zone: it must be UTC by then.
    os.environ["TZ"] = "UTC"
    time.tzset()
    return importlib.import_module("chdb._chdb")
