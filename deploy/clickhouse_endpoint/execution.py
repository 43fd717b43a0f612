"""Execute a request: one statement on one connection."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from aiohttp import web
from msgspec import Struct

from deploy.clickhouse_endpoint.engine.cancellation import Queries, Running
from deploy.clickhouse_endpoint.engine.configuration import ANALYST_SQL, DISPLAY_NAME, WRITER_SQL
from deploy.clickhouse_endpoint.engine.engine import STREAMED, Engine, Outcome, Stream
from deploy.clickhouse_endpoint.engine.guard import AnalystGuard, FormatClauses, check_writer
from deploy.clickhouse_endpoint.engine.pipes import Pipe
from deploy.clickhouse_endpoint.engine.sessions import Lease, Sessions
from deploy.clickhouse_endpoint.errors import ACCESS_DENIED, QUERY_WAS_CANCELLED, READONLY, ClickHouseError
from deploy.clickhouse_endpoint.externals import ExternalTable, read_form
from deploy.clickhouse_endpoint.inserts import Insert
from deploy.clickhouse_endpoint.sql.completeness import check_complete
from deploy.clickhouse_endpoint.sql.quoting import literal
from deploy.clickhouse_endpoint.sql.statements import Statement, changes_functions, kill_condition, killed_query_id
from deploy.clickhouse_endpoint.wire.bodies import Body, BodyLimits
from deploy.clickhouse_endpoint.wire.compression import decoder, encoder
from deploy.clickhouse_endpoint.wire.hello import hello_block, is_hello
from deploy.clickhouse_endpoint.wire.logins import Login
from deploy.clickhouse_endpoint.wire.replies import Reply
from deploy.clickhouse_endpoint.wire.requests import Wish

T = TypeVar("T")

#: SQL of so many bytes is read in a fraction of a millisecond.
_SHORT_SQL: Final = 1 << 16

_CONTENT_TYPES = {
    "JSON": "application/json; charset=UTF-8",
    "CSV": "text/csv; charset=UTF-8; header=absent",
    "TabSeparated": "text/tab-separated-values; charset=UTF-8",
    "TSV": "text/tab-separated-values; charset=UTF-8",
    "Native": "application/octet-stream",
    "RowBinary": "application/octet-stream",
    "Arrow": "application/octet-stream",
    "ArrowStream": "application/octet-stream",
    "Parquet": "application/octet-stream",
}


class Services(Struct):
    """What requests share."""

    engine: Engine
    queries: Queries
    sessions: Sessions
    guard: AnalystGuard
    clauses: FormatClauses
    scratch: Path


class Execution:
    """One request. ``run`` answers it. Always ``end`` it."""

    def __init__(self, services: Services, request: web.Request, wish: Wish) -> None:
        self._services = services
        self._request = request
        self._wish = wish
        self._began = time.monotonic()
        self._running: Running | None = None
        self._lease: Lease | None = None
        self._pipe: Pipe | None = None
        self._blocks: Stream | None = None
        self._insert: Insert | None = None
        self._reply: Reply | None = None
        self._settings: dict[str, str] = {}
        self._externals: list[ExternalTable] = []
        self._externals_made: list[ExternalTable] = []
        self._held = 0
        #: Whether the engine has ended the statement, without an error, and what is held is in memory.
        self._complete = False

    async def run(self) -> web.StreamResponse:
        """Execute it and answer.

        Raises:
            ClickHouseError: before anything was answered.
        """
        wish = self._wish
        try:
            statement = await self._arrive()
            if wish.modern_native and is_hello(statement.sql):
                hello = hello_block(DISPLAY_NAME, self._services.engine.version, "UTC")
                return await self._answer(Outcome(payload=hello), "Native")
            running = self._services.queries.enter(
                wish.query_id, wish.login.value, wish.settings.get("log_comment", ""), self._hang_up
            )
            self._running = running
            running.begins(statement.sql)
            running.writes = statement.kind in ("insert", "insert_input", "command")
            self._lease = self._open(statement)
            try:
                if statement.kind == "query":
                    return await self._stream(running, self._lease, statement)
                outcome, output_format = await self._call(running, partial(self._run_whole, self._lease, statement))
                return await self._answer(outcome, output_format)
            except ClickHouseError as error:
                if self._reply is None or not self._reply.started:
                    raise self._explained(error, statement) from None
                return await self._reply.fail(error, self._services.engine.version)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            problem = f"No space left in {self._services.scratch} for what this request needs to hold"
            raise ClickHouseError(243, problem, "NOT_ENOUGH_SPACE") from None

    async def end(self) -> None:
        """Stop what still runs, wait for it, give the connection back."""
        try:
            if self._running is None:
                self._close()
            elif self._complete and self._lease is not None and self._lease.reusable:
                # Nothing of this blocks.
                self._services.queries.leave(self._running)
                self._close()
            else:
                await self._services.queries.end(self._running, self._close, self._pipe, lambda: self._blocks)
        finally:
            self._services.queries.hold(self._wish.login.value, -self._held)

    async def _arrive(self) -> Statement:
        """The statement, once it and the data of an INSERT have arrived. Until then the request takes no place."""
        request, wish = self._request, self._wish
        limits = BodyLimits(sql=ANALYST_SQL if wish.login is Login.ANALYST else WRITER_SQL)
        with self._services.queries.arriving(wish.login.value):
            if request.content_type == "multipart/form-data":
                self._externals = await read_form(request, request.query, wish, limits, self._hold)
                body = Body(wish.sql, None, decoder("", False), limits)
            else:
                coding = decoder(request.headers.get("Content-Encoding", ""), wish.block_body)
                body = Body(wish.sql, request.content, coding, limits)
            statement = await body.begin()
            self._check_method(statement)
            if wish.login is Login.ANALYST and statement.kind not in ("query", "rows"):
                raise ClickHouseError(READONLY, "analyst: Cannot execute query in readonly mode: this login only reads")
            if statement.kind in ("insert", "insert_input"):
                self._insert = Insert(self._services.scratch)
                await self._insert.take(body)
        return statement

    def _hold(self, size: int) -> None:
        self._services.queries.hold(self._wish.login.value, size)
        self._held += size

    def _hang_up(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()

    def _explained(self, error: ClickHouseError, statement: Statement) -> ClickHouseError:
        # The engine's database `default` looks for an unknown table among the machine's files, which are out of reach.
        named = re.search(rb"\bfile\b", statement.sql, re.IGNORECASE)
        if error.code == ACCESS_DENIED and "READ ON FILE" in error.message and not named:
            problem = (
                "Unknown table. One without a database is looked for in `default`, which holds none: name its database"
            )
            return ClickHouseError(60, problem, "UNKNOWN_TABLE")
        if error.code == ACCESS_DENIED and error.message.startswith("default: "):
            # The engine knows both logins as its user `default`.
            return ClickHouseError(ACCESS_DENIED, self._wish.login.value + error.message.removeprefix("default"))
        return error

    def _check_method(self, statement: Statement) -> None:
        if self._wish.method not in ("GET", "HEAD"):
            return
        harmless = (statement.kind in ("query", "rows") and statement.first != "KILL") or statement.first in (
            "SET",
            "USE",
        )
        if not harmless:
            raise ClickHouseError(
                READONLY,
                "Cannot execute query in readonly mode. For queries over HTTP, method GET implies readonly. "
                "You should use method POST for modifying queries",
            )

    def _open(self, statement: Statement) -> Lease:
        wish, sessions = self._wish, self._services.sessions
        # An analyst's connection becomes read-only for good, so it is never kept.
        if wish.login is not Login.GOSPULSE:
            return sessions.fresh()
        if wish.session_id:
            return sessions.named(
                wish.login.value, wish.session_id, wish.session_timeout, wish.session_check, wish.close_session
            )
        # Queries and INSERTs leave nothing behind in a connection.
        harmless = statement.kind in ("query", "insert") or (
            statement.kind == "command" and statement.first == "INSERT"
        )
        if harmless and not wish.parameters and not self._externals:
            return sessions.plain(wish.database, wish.settings)
        return sessions.fresh()

    def _begin(self, lease: Lease, statement: Statement) -> bytes:
        """Prepare the connection and check the statement. The SQL that is to run. Blocks in the engine."""
        wish, guard = self._wish, self._services.guard
        assert self._running is not None
        analyst = wish.login is Login.ANALYST
        settings = guard.settings(wish.settings) if analyst else dict(wish.settings)
        settings["log_comment"] = self._running.tag
        database = guard.database(wish.database) if analyst else wish.database
        self._settings = settings
        lease.prepare({} if analyst else settings, database, statement.first == "USE")
        if analyst and self._externals:
            guard.take_role(lease.connection)
        for table in self._externals:
            self._externals_made.append(table)
            table.create(lease.connection, self._services.scratch, plain=analyst)
        if statement.first == "KILL" and (killed := killed_query_id(statement.sql)) is not None:
            return self._kill_one(*killed)
        if analyst:
            guard.enter(lease.connection, settings)
        clauses = self._services.clauses
        if statement.format_at >= 0 and not clauses.has_format(lease.connection, statement, wish.parameters):
            statement.format, statement.format_at = None, -1
        output_format = statement.format or wish.default_format
        if not re.fullmatch(r"\w+", output_format):
            raise ClickHouseError(73, f"Unknown format {output_format!r}", "UNKNOWN_FORMAT")
        if statement.kind == "query" and output_format not in STREAMED:
            self._pipe = Pipe()
        sql = statement.sql if self._pipe is None else statement.writing_into(self._pipe.path, output_format)
        if analyst:
            guard.check(lease.connection, statement.sql, sql, wish.parameters)
        else:
            check_writer(lease.connection, statement.sql, wish.parameters)
        return sql

    def _kill_one(self, query_id: str, end: bytes) -> bytes:
        # The engine knows a query by its tag. Analysts stop their own queries, the login that writes all.
        login = self._wish.login.value if self._wish.login is Login.ANALYST else None
        victim = self._services.queries.find(query_id, login)
        condition = "0" if victim is None else f"Settings['log_comment'] = {literal(victim.tag)}"
        return f"KILL QUERY WHERE {condition} ".encode() + end

    def _run_whole(self, lease: Lease, statement: Statement) -> tuple[Outcome, str]:
        """Prepare and run a statement that does not stream: its outcome, and its format if it has rows. Blocks."""
        sql = self._begin(lease, statement)
        connection, parameters = lease.connection, self._wish.parameters
        if self._insert is not None:
            outcome = self._insert.run(connection, statement, parameters)
            self._complete = self._insert.in_memory
            return outcome, ""
        output_format = statement.format or self._wish.default_format
        if statement.first == "KILL" and (condition := kill_condition(sql)) is not None:
            chosen = b"SELECT Settings['log_comment'] FROM system.processes WHERE " + condition
            tags = connection.run(chosen, "TSVRaw", parameters)
            self._services.queries.note_killed(tags.payload.decode("utf-8", "replace").splitlines())
        outcome = connection.run(sql, output_format, parameters)
        self._complete = True
        if changes_functions(statement.sql):
            self._services.guard.functions.learn(connection)
        return outcome, output_format if statement.kind == "rows" or outcome.payload else ""

    async def _stream(self, running: Running, lease: Lease, statement: Statement) -> web.StreamResponse:
        sql, block, began = await self._call(running, partial(self._start, running, lease, statement))
        output_format = statement.format or self._wish.default_format
        reply = self._begin_reply(output_format)
        if self._pipe is not None:
            outcome = await self._through_pipe(running, lease, sql, output_format, reply, self._pipe)
        else:
            outcome = await self._by_blocks(running, block, reply)
        seconds = time.monotonic() - began
        session_limit = await self._call(running, lease.time_limit) if self._wish.session_id else 0.0
        check = partial(check_complete, sql, self._settings, session_limit, seconds, running.killed)
        # To read a short text takes less time than to hand it to a thread.
        if len(sql) < _SHORT_SQL:
            check()
        else:
            await asyncio.to_thread(check)
        self._complete = reply.in_memory and not running.killed
        return await reply.finish(outcome, self._elapsed())

    def _start(self, running: Running, lease: Lease, statement: Statement) -> tuple[bytes, bytes, float]:
        """Prepare a query and, unless a pipe takes its result, read the first block.

        Returns:
            The SQL that runs, the block, and when the query began. Blocks in the engine.
        """
        sql = self._begin(lease, statement)
        running.begins(sql)
        began = time.monotonic()
        if self._pipe is not None:
            return sql, b"", began
        output_format = statement.format or self._wish.default_format
        self._blocks = lease.connection.stream(sql, output_format, self._wish.parameters)
        return sql, self._blocks.next_block(), began

    async def _through_pipe(
        self, running: Running, lease: Lease, sql: bytes, output_format: str, reply: Reply, pipe: Pipe
    ) -> Outcome:
        parameters = self._wish.parameters
        writing = self._services.queries.start(running, lambda: lease.connection.run(sql, output_format, parameters))
        while piece := await pipe.read(writing):
            await reply.write(piece)
        return await asyncio.shield(writing)

    async def _by_blocks(self, running: Running, block: bytes, reply: Reply) -> Outcome:
        stream = self._blocks
        assert stream is not None
        while block:
            await reply.write(block)
            coming = self._services.queries.start(running, stream.next_block)
            # What came first waits a moment: a short result has its summary and its error in the head.
            await asyncio.wait([coming], timeout=reply.patience())
            if not coming.done():
                await reply.start()
            block = await asyncio.shield(coming)
        return stream.outcome

    async def _answer(self, outcome: Outcome, output_format: str) -> web.StreamResponse:
        if self._running is not None and self._running.killed:
            raise ClickHouseError(QUERY_WAS_CANCELLED, "Query was cancelled")
        reply = self._begin_reply(output_format)
        if outcome.payload:
            await reply.write(outcome.payload)
        return await reply.finish(outcome, self._elapsed())

    def _begin_reply(self, output_format: str) -> Reply:
        wish = self._wish
        coder, encoding = encoder(
            self._request.headers.get("Accept-Encoding", ""), wish.compression_enabled, wish.block_answer
        )
        headers = {
            "Content-Type": _CONTENT_TYPES.get(output_format, "text/plain; charset=UTF-8"),
            "X-ClickHouse-Server-Display-Name": DISPLAY_NAME,
            "X-ClickHouse-Query-Id": wish.query_id,
            "X-ClickHouse-Timezone": "UTC",
        }
        if output_format:
            headers["X-ClickHouse-Format"] = output_format
        self._reply = Reply(self._request, headers, coder, encoding, wish.hold, self._services.scratch)
        return self._reply

    async def _call(self, running: Running, work: Callable[[], T]) -> T:
        return await self._services.queries.call(running, work)

    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def _close(self) -> None:
        if self._reply is not None:
            self._reply.close()
        if self._pipe is not None:
            self._pipe.close()
        try:
            with contextlib.suppress(ClickHouseError):
                if self._insert is not None:
                    self._insert.close()
                if self._lease is None:
                    return
                for table in self._externals_made:
                    table.drop(self._lease.connection)
        finally:
            if self._lease is not None:
                self._lease.give_back(reuse=self._complete)
