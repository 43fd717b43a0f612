"""When a worker flushes: about once a second while it keeps up, in full flushes while it catches up."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from clickhouse_connect.driver.exceptions import ClickHouseError

from streams.bookkeeping.progress import live_workers
from streams.clients import SinkState
from streams.worker import memory
from streams.worker.config import WorkerConfig
from streams.worker.ownership import Ownership
from streams.worker.sink import Sink

#: A worker that lags waits for a full flush, but never longer than this many intervals.
PATIENCE: Final = 4
#: How often the worker asks whether a flush is due; more often while it catches up and has nothing else to do.
LOOK_S: Final = 0.05
SHORT_LOOK_S: Final = 0.01
#: How often the insert budget is divided among the live workers.
SHARE_S: Final = 10.0


class Pace:
    """Says when the next flush is due."""

    def __init__(
        self, config: WorkerConfig, ownership: Ownership, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._config = config
        self._ownership = ownership
        self._monotonic = monotonic
        self._workers = 1
        self._shared_at = -SHARE_S
        self._started_at = monotonic()
        #: Inserts of the last flush.
        self.inserts = 1
        #: Whether more than a flush was behind, and still is a good part of one.
        self.catching_up = False

    @property
    def interval_s(self) -> float:
        """Time between two flushes: the setting, or more where the insert budget of the group demands it."""
        return max(self._config.flush_interval_s, self.inserts * self._workers / self._config.inserts_per_s)

    @property
    def pause_s(self) -> float:
        """How long to wait before the next look."""
        return SHORT_LOOK_S if self.catching_up else min(LOOK_S, self.interval_s / 4)

    @property
    def at_end(self) -> bool:
        """Whether every readable record of Kafka is folded."""
        return self._ownership.lag == 0 and self._ownership.queued == 0

    def is_due(self) -> bool:
        """Whether a flush is due now."""
        owned, elapsed = self._ownership, self._monotonic() - self._started_at
        self.catching_up |= owned.lag > self._config.flush_records
        if owned.folded >= min(self._config.flush_records, self._config.max_unflushed_records):
            return True
        if not self.catching_up:
            return elapsed >= self.interval_s
        # A backlog is written in full flushes, and its end at once.
        return self.at_end or elapsed >= PATIENCE * self.interval_s

    def begin(self) -> None:
        """A flush begins."""
        self._started_at = self._monotonic()

    def end(self, at_end: bool) -> None:
        """A flush ended; ``at_end`` is :attr:`at_end` when it began."""
        behind = self._ownership.lag + self._ownership.held
        if self.catching_up and (at_end or behind <= self._config.flush_records // 4):
            self.catching_up = False
            memory.give_back()

    async def share_budget(self, sink: Sink) -> None:
        """Count the live workers from time to time: they share the insert budget."""
        if self._monotonic() - self._shared_at < SHARE_S or sink.state is not SinkState.GOOD:
            return
        self._shared_at = self._monotonic()
        generation = self._config.generation
        try:
            self._workers = await sink.ask(lambda client: live_workers(client, generation))
        except (ClickHouseError, OSError):
            return
