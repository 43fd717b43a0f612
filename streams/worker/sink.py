"""The sink: inserts into ClickHouse, and retries with the same bytes until ClickHouse acknowledges them as written."""

from __future__ import annotations

import asyncio
import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from schemas.connections import ClickHouseConnection
from streams.clients import SinkState, connect, state_after
from streams.worker.inserts import Insert

log = logging.getLogger(__name__)

Answer = TypeVar("Answer")

#: The acknowledgement must mean "written": no server-side queue, no early response. The server must not drop identical
#: rows either: every table is a join, so they are harmless. It merges rows of one key later, with those of other
#: inserts: to merge those of each insert beforehand takes half of its time.
DURABLE: Final[dict[str, Any]] = {
    "async_insert": 0,
    "wait_end_of_query": 1,
    "insert_deduplicate": 0,
    "optimize_on_insert": 0,
}

FIRST_PAUSE_S: Final = 0.25
LONGEST_PAUSE_S: Final = 10.0
#: A person must mend the cause of a rejected insert: a retry every few seconds is enough.
REFUSED_PAUSE_S: Final = 5.0
#: Parallel statements: an insert mostly waits for the disk.
THREADS: Final = 4


class StoppedError(Exception):
    """The worker stops before ClickHouse has acknowledged an insert."""


class Sink:
    """ClickHouse for one worker: inserts that are retried until they are acknowledged, and queries."""

    def __init__(
        self,
        connection: ClickHouseConnection,
        *,
        insert_quorum: int | None = None,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._connection = connection
        self._settings = dict(DURABLE)
        if insert_quorum is not None:
            # Each insert has its own quorum. Rows that fewer replicas have are not acknowledged.
            self._settings |= {"insert_quorum": insert_quorum, "insert_quorum_parallel": 1}
        self._jitter = jitter
        self._client: Client | None = None
        self._connecting = threading.Lock()
        self._threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="clickhouse")
        self._stop = asyncio.Event()
        #: Tables whose last insert was not acknowledged.
        self._troubled: dict[str, SinkState] = {}
        self.state = SinkState.GOOD
        #: Acknowledged inserts, their rows and their seconds.
        self.inserts = 0
        self.rows = 0
        self.seconds = 0.0
        #: Attempts that were not acknowledged.
        self.failures = 0

    async def write(self, batch: Sequence[Insert]) -> None:
        """Send inserts in parallel, and retry until each is acknowledged.

        Raises StoppedError after :meth:`stop`, when no insert is running any more.
        """
        writing = [self._until_acknowledged(insert) for insert in batch]
        for outcome in await asyncio.gather(*writing, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome

    async def ask(self, question: Callable[[Client], Answer]) -> Answer:
        """One request to ClickHouse, in a thread. Raises ClickHouseError or OSError when it fails."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._with_client, question)

    def stop(self) -> None:
        """Stop retrying after the next failure: the rows are folded again."""
        self._stop.set()

    def close(self) -> None:
        """End the connection and the threads without waiting for a running insert."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        if self._client is not None:
            self._client.close()

    async def _until_acknowledged(self, insert: Insert) -> None:
        pause = FIRST_PAUSE_S
        while True:
            started = time.monotonic()
            try:
                await self.ask(lambda client: self._send(client, insert))
            except (ClickHouseError, OSError) as error:
                self.failures += 1
                self._note(state_after(error), insert.table, error)
                if self._stop.is_set():
                    raise StoppedError from error
            else:
                self._note(SinkState.GOOD, insert.table, None)
                self.inserts += 1
                self.rows += insert.rows
                self.seconds += time.monotonic() - started
                return
            wait = REFUSED_PAUSE_S if self.state is SinkState.REFUSED else pause
            pause = min(LONGEST_PAUSE_S, pause * 2)
            try:
                await asyncio.wait_for(self._stop.wait(), wait * (0.5 + self._jitter()))
            except TimeoutError:
                continue

    def _send(self, client: Client, insert: Insert) -> None:
        client.command(insert.statement, data=insert.body, settings=self._settings)

    def _with_client(self, question: Callable[[Client], Answer]) -> Answer:
        with self._connecting:
            if self._client is None:
                # The constructor asks the server for its version, so it fails while the server is away.
                self._client = connect(self._connection)
        return question(self._client)

    def _note(self, state: SinkState, table: str, error: Exception | None) -> None:
        """Log each change of state once, not each attempt or table."""
        if state is SinkState.GOOD:
            self._troubled.pop(table, None)
        else:
            self._troubled[table] = state
        troubles = self._troubled.values()
        worst = max(troubles, key=lambda trouble: trouble is SinkState.REFUSED, default=SinkState.GOOD)
        if worst is self.state:
            return
        self.state = state = worst
        where = f"ClickHouse at {self._connection.host}:{self._connection.port}"
        if state is SinkState.GOOD:
            log.info("%s takes rows again; nothing was lost meanwhile.", where)
        elif state is SinkState.AWAY:
            why = "no answer" if getattr(error, "code", None) is None else _plain(error)
            log.warning("%s does not take rows (%s). Folding waits; the same rows are sent again.", where, why)
        else:
            log.error(
                "%s rejects rows for %s: %s. Nothing is skipped and nothing is committed until this is mended "
                "(see `gospulse migrate` and the login).",
                where,
                table,
                _plain(error),
            )


def _plain(error: Exception | None) -> str:
    """The beginning of the error's message. Some messages go on with the rows: these are cut off."""
    text = " ".join(str(error).split())
    return text[:300].rstrip(". ") or type(error).__name__
