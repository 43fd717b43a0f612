"""A worker: Faust's application, the starter, the flusher and the refresher, from start to a clean end."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Callable, Coroutine
from typing import Any, Final, Protocol

from aiokafka.errors import KafkaError
from faust.types import TP

from schemas.contract.topics import EVENTS
from streams.bookkeeping.offsets import KafkaUnavailableError
from streams.definition import Definition
from streams.worker.app import WorkerApp, build_app
from streams.worker.broker import Broker
from streams.worker.config import WorkerConfig
from streams.worker.flush import Flusher
from streams.worker.metrics import Metrics
from streams.worker.owned_partition import State
from streams.worker.ownership import Ownership
from streams.worker.retirement import sentence, until_retired
from streams.worker.sink import Sink
from streams.worker.starter import Starter

log = logging.getLogger(__name__)

#: Limit of each step of a clean end. The next owner folds records again that are not committed by then.
LAST_FLUSH_S: Final = 1.5
#: Where two workers end together, the later one hears of the earlier's leave with a heartbeat, a third of the session
#: timeout away, and commits when the group has joined anew.
LAST_COMMIT_S: Final = 5.0
LEAVE_S: Final = 3.0
REFRESH_PAUSE_S: Final = 1.0
#: The same while the worker catches up: the hours of a backlog change with every flush, and recomputing them each time
#: would cost ClickHouse more than the rows themselves.
LAGGING_REFRESH_PAUSE_S: Final = 20.0
RETRY_S: Final = 1.0


class Refresh(Protocol):
    """Recomputes roll-ups for what was touched."""

    async def refresh_once(self) -> object: ...


class Worker:
    """One worker of a generation, in this process."""

    def __init__(self, config: WorkerConfig, definition: Definition, refresher: Refresh | None = None) -> None:
        self._config = config
        self._refresher = refresher
        self.metrics = Metrics()
        self.sink = Sink(config.clickhouse, insert_quorum=config.insert_quorum)
        self._broker = Broker(config.kafka)
        self.ownership = Ownership(config, self.metrics)
        self._starter = Starter(config, definition, self.ownership, self._broker, self.sink, self.metrics)
        self._flusher = Flusher(config, self.ownership, self._broker, self.sink, self.metrics, self._commit)
        self._stopping = asyncio.Event()
        self._app: WorkerApp | None = None

    def stop(self) -> None:
        """End cleanly: write and commit folded records, and leave the group."""
        self._stopping.set()

    async def run(self) -> int:
        """Run until :meth:`stop`; the result is the exit code.

        0 after a clean end, also because the generation was retired; 1 after a crash.
        """
        app = self._app = build_app(self._config, self.ownership, self._metrics_text)
        await self._kafka_answers()
        if self._stopping.is_set():
            return 0
        joining = self._task(app.start())
        stopped = self._task(self._stopping.wait())
        await asyncio.wait([joining, stopped], return_when=asyncio.FIRST_COMPLETED)
        if not joining.done():
            # Nothing is folded yet; the group notices the missing heartbeats.
            return 0
        try:
            await joining
        except (OSError, KafkaError) as error:
            log.error("The worker cannot start (%s): check that Kafka answers and that its web port is free.", error)
            return 1
        self.ownership.seeker = app.consumer  # type: ignore[assignment]
        log.info("Worker %s folds generation %d.", self._config.name, self._config.generation)
        starting = self._task(self._starter.run())
        flushing = self._task(self._flusher.run())
        refreshing = self._task(self._refresh())
        crashed = self._task(app._crashed.wait())
        retired = self._task(until_retired(self.sink, self._config.generation))
        await asyncio.wait([stopped, retired, crashed, starting, flushing], return_when=asyncio.FIRST_COMPLETED)
        clean = stopped.done() or retired.done()
        if retired.done():
            log.warning("%s This worker ends.", sentence(self._config.generation))
        if not clean:
            log.error("The worker crashed; nothing is lost. Its supervisor, or `gospulse up`, starts it again.")
        for task in (starting, refreshing, stopped, retired, crashed):
            task.cancel()
        await self._end(app, flushing)
        return 0 if clean else 1

    async def _end(self, app: WorkerApp, flushing: asyncio.Task[Any]) -> None:
        self.ownership.open = False
        self._flusher.stop()
        await asyncio.wait([flushing], timeout=LAST_FLUSH_S)
        if flushing.done():
            await self._flusher.finish(LAST_FLUSH_S)
            await _within(LAST_COMMIT_S, self._last_commit())
        await _within(LEAVE_S, app.stop())
        self.ownership.close()
        self._broker.close()
        self.sink.close()
        log.info("Worker %s has ended.", self._config.name)

    async def _commit(self) -> None:
        if self._app is not None:
            await self._app.consumer.commit()

    async def _last_commit(self) -> None:
        """Commit acknowledged offsets, retrying while the group rebalances."""
        await self._commit()
        while self.ownership.committable():
            await asyncio.sleep(0.2)
            await self._commit()

    async def _kafka_answers(self) -> None:
        """Wait for a broker, because Faust ends if it finds none at its start."""
        while not self._stopping.is_set():
            try:
                await self._broker.ask(lambda offsets: offsets.topic_ids(()))
                return
            except KafkaUnavailableError:
                await asyncio.sleep(RETRY_S)

    async def _refresh(self) -> None:
        if self._refresher is None:
            return
        first = TP(self._config.kafka.topic(EVENTS), 0)
        failing = False
        loop = asyncio.get_running_loop()
        ended = loop.time()
        while True:
            await asyncio.sleep(REFRESH_PAUSE_S)
            partition = self.ownership.partitions.get(first)
            if partition is None or partition.state is State.STARTING:
                continue
            if self._flusher.pace.catching_up and loop.time() - ended < LAGGING_REFRESH_PAUSE_S:
                continue
            try:
                await self._refresher.refresh_once()
                failing = False
            except Exception as error:
                # If ClickHouse does not answer at all, the sink logs it.
                if not failing and getattr(error, "code", None) is not None:
                    what = " ".join(str(error).split())[:200]
                    log.warning("Roll-ups were not refreshed (%s); they are tried again.", what)
                failing = True
            ended = loop.time()

    def _metrics_text(self) -> str:
        self._flusher.measure()
        return self.metrics.text()

    def _task(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        return asyncio.ensure_future(work)


async def _within(seconds: float, work: Coroutine[Any, Any, Any]) -> None:
    try:
        await asyncio.wait_for(work, seconds)
    except TimeoutError:
        log.warning("A step of the end took longer than %g s and was left.", seconds)
    except Exception as error:
        log.warning("A step of the end failed (%s).", type(error).__name__)


async def run_worker(worker_of: Callable[[], Worker]) -> int:
    """Run a worker until SIGTERM or SIGINT; the result is its exit code."""
    worker = worker_of()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, worker.stop)
    return await worker.run()
