"""Run queries in threads, and stop a query when its client disconnects.

A thread inside the engine cannot be interrupted and must not be abandoned. So a query is tagged (its `log_comment`
names it), killed by that tag from another connection in a pool of its own, and then waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from deploy.clickhouse_endpoint.engine.engine import Engine, Stream
from deploy.clickhouse_endpoint.engine.pipes import Pipe
from deploy.clickhouse_endpoint.errors import (
    QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING,
    TOO_MANY_SIMULTANEOUS_QUERIES,
    ClickHouseError,
)
from deploy.clickhouse_endpoint.sql.quoting import literal

T = TypeVar("T")
_MOST_ARRIVING: Final = 128
#: The most that the forms of a login may hold in memory at once, in bytes.
_MOST_HELD: Final = 256 << 20


class Running:
    """A request that works in the engine.

    ``tag`` is its `log_comment`, ``sql`` the beginning of its text; ``hang_up`` closes the connection to the client.
    ``killed``: the query was killed. Its result may then lack rows without an error (seen in chDB
    4.4.0 when a query is killed whose last rows wait for a slow client), so it must not be taken for complete.
    """

    def __init__(self, query_id: str, tag: str, login: str, hang_up: Callable[[], None]) -> None:
        self.query_id = query_id
        self.tag = tag
        self.login = login
        self.hang_up = hang_up
        self.sql = ""
        self.writes = False
        self.killed = False
        self.future: asyncio.Future[Any] | None = None

    def begins(self, sql: bytes) -> None:
        """Note the text under which the engine knows the query."""
        self.sql = sql[:2000].decode("utf-8", "ignore")


class Queries:
    """All running requests of the endpoint."""

    def __init__(self, engine: Engine, most: Mapping[str, int]) -> None:
        """``most``: of each login."""
        self._engine = engine
        self._most = most
        # A request has one thread at most, and ends need one each: nothing waits for a thread for ever.
        self._threads = ThreadPoolExecutor(sum(most.values()) + 8, thread_name_prefix="query")
        self._killers = ThreadPoolExecutor(4, thread_name_prefix="kill")
        self._running: dict[str, Running] = {}
        self._arriving: Counter[str] = Counter()
        self._held: Counter[str] = Counter()
        self._ends: set[asyncio.Task[None]] = set()

    @contextlib.contextmanager
    def arriving(self, login: str) -> Iterator[None]:
        """Count a request whose body is still on its way. It takes no place of a query.

        Raises:
            ClickHouseError: 202 when too many of the login are on their way.
        """
        if self._arriving[login] >= _MOST_ARRIVING:
            raise ClickHouseError(TOO_MANY_SIMULTANEOUS_QUERIES, f"Too many unfinished requests of {login}")
        self._arriving[login] += 1
        try:
            yield
        finally:
            self._arriving[login] -= 1

    def hold(self, login: str, size: int) -> None:
        """Count bytes in memory that a request of the login brought; a negative size gives them back.

        Raises:
            ClickHouseError: 202 when the requests of the login hold too many together. Then none are counted.
        """
        if size > 0 and self._held[login] + size > _MOST_HELD:
            problem = f"The forms of {login} hold {_MOST_HELD} bytes together: send the request again later"
            raise ClickHouseError(TOO_MANY_SIMULTANEOUS_QUERIES, problem)
        self._held[login] += size

    def find(self, query_id: str, login: str | None) -> Running | None:
        """The running request of this id; of this login only, unless it is None."""
        running = self._running.get(query_id)
        return running if running is not None and login in (None, running.login) else None

    def enter(self, query_id: str, login: str, comment: str, hang_up: Callable[[], None]) -> Running:
        """Note a request.

        Args:
            comment: the client's own `log_comment`; the tag goes behind it.

        Raises:
            ClickHouseError: 202 when too many run, 216 when this id runs already.
        """
        if query_id in self._running:
            raise ClickHouseError(
                QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING, f"Query with id = {query_id} is already running"
            )
        of_login = sum(1 for running in self._running.values() if running.login == login)
        if of_login >= self._most[login]:
            raise ClickHouseError(TOO_MANY_SIMULTANEOUS_QUERIES, f"Too many simultaneous queries for {login}")
        running = Running(query_id, f"{comment} {query_id}".lstrip(), login, hang_up)
        self._running[query_id] = running
        return running

    def start(self, running: Running, work: Callable[[], T]) -> asyncio.Future[T]:
        """Begin blocking work of a request in a thread; a request has one such work at a time."""
        future = asyncio.get_running_loop().run_in_executor(self._threads, work)
        running.future = future
        return future

    async def call(self, running: Running, work: Callable[[], T]) -> T:
        """Do blocking work of a request in a thread; when cancelled, ``end`` takes care of the thread."""
        return await asyncio.shield(self.start(running, work))

    def leave(self, running: Running) -> None:
        """The request is over, and none of its work is left in a thread."""
        self._running.pop(running.query_id, None)

    async def end(
        self,
        running: Running,
        close: Callable[[], None],
        pipe: Pipe | None = None,
        stream: Callable[[], Stream | None] = lambda: None,
    ) -> None:
        """The request is over: stop what still runs, wait for it, then close.

        Args:
            close: gives the connection back; runs in a thread.
            pipe: where the query writes its result to.
            stream: where the result of the query comes from, if it has begun.
        """
        task = asyncio.get_running_loop().create_task(self._end(running, close, pipe, stream))
        self._ends.add(task)
        task.add_done_callback(self._ends.discard)
        await asyncio.shield(task)

    def note_killed(self, tags: Collection[str]) -> None:
        """Note that the queries with these tags are about to be killed. Threads may call it."""
        for running in list(self._running.values()):
            running.killed = running.killed or running.tag in tags

    def hang_up_on_readers(self) -> None:
        """Stop everything that only reads (before a stop of the endpoint)."""
        for running in self._running.values():
            if not running.writes:
                running.hang_up()

    async def close(self, patience: float) -> bool:
        """Stop everything that still runs and let the threads go; whether all ended within ``patience`` seconds."""
        deadline = asyncio.get_running_loop().time() + patience
        self.note_killed([running.tag for running in self._running.values()])
        while self._ends:
            await asyncio.wait(self._ends, timeout=0.2)
            await self._kill_where("1")
            if asyncio.get_running_loop().time() > deadline:
                return False
        self._threads.shutdown(wait=True)
        self._killers.shutdown(wait=True)
        return True

    async def _end(
        self, running: Running, close: Callable[[], None], pipe: Pipe | None, begun: Callable[[], Stream | None]
    ) -> None:
        loop = asyncio.get_running_loop()
        try:
            await self._stop(running, pipe)
            if (stream := begun()) is not None and not stream.ended:
                running.future = loop.run_in_executor(self._threads, stream.cancel)
                await self._stop(running, None)
            await loop.run_in_executor(self._threads, close)
        finally:
            self.leave(running)

    async def _stop(self, running: Running, pipe: Pipe | None) -> None:
        future = running.future
        if future is None:
            return
        drained = None
        if pipe is not None and not future.done():
            drained = asyncio.get_running_loop().create_task(pipe.drain(future))
        attempt = 0
        while not future.done():
            await self._kill(running, by_text=attempt > 2)
            # The query may not have been registered yet when it was killed: try again.
            await asyncio.wait([future], timeout=min(0.05 * 2**attempt, 1.0))
            attempt += 1
        if drained is not None:
            await drained
        if not future.cancelled():
            future.exception()  # mark it as retrieved

    async def _kill(self, running: Running, by_text: bool) -> None:
        condition = f"Settings['log_comment'] = {literal(running.tag)}"
        if by_text and "log_comment" in running.sql.lower():
            # SQL may set `log_comment` itself; then its text is what is left to know it by.
            condition += f" OR startsWith(query, {literal(running.sql)})"
            self.note_killed([other.tag for other in self._running.values() if other.sql.startswith(running.sql)])
        await self._kill_where(condition)

    async def _kill_where(self, condition: str) -> None:
        def kill() -> None:
            connection = self._engine.connect()
            try:
                connection.run(f"KILL QUERY WHERE {condition} ASYNC")
            finally:
                connection.close()

        with contextlib.suppress(ClickHouseError):
            await asyncio.get_running_loop().run_in_executor(self._killers, kill)
