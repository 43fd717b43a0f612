"""Requests to Kafka beside the consumer: topic ids, ranges of logs, commits. They run in a thread."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from schemas.connections import KafkaConnection
from streams.bookkeeping.offsets import KafkaOffsets, KafkaUnavailableError

log = logging.getLogger(__name__)
Answer = TypeVar("Answer")

TIMEOUT_S = 5.0


class Broker:
    """An administrator's connection to Kafka, beside the consumer's."""

    def __init__(self, connection: KafkaConnection) -> None:
        self._connection = connection
        self._offsets: KafkaOffsets | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="broker")
        self.answers = True

    async def ask(self, question: Callable[[KafkaOffsets], Answer]) -> Answer:
        """One request. Raises KafkaUnavailableError with one sentence. Each change of state is logged once."""
        try:
            answer = await asyncio.get_running_loop().run_in_executor(self._thread, self._connected, question)
        except KafkaUnavailableError as error:
            if self.answers:
                log.warning("%s Folding waits; nothing is lost.", error)
            self.answers = False
            raise
        if not self.answers:
            log.info("Kafka answers again.")
        self.answers = True
        return answer

    def close(self) -> None:
        """End the connection without waiting for a running request."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _connected(self, question: Callable[[KafkaOffsets], Answer]) -> Answer:
        if self._offsets is None:
            self._offsets = KafkaOffsets(self._connection, timeout_s=TIMEOUT_S)
        try:
            return question(self._offsets)
        except Exception as error:
            broken, self._offsets = self._offsets, None
            broken.close()
            if isinstance(error, KafkaUnavailableError):
                raise
            raise KafkaUnavailableError(f"Kafka did not answer ({type(error).__name__}).") from error
