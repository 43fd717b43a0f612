"""The gate before Kafka: open while it acknowledges, shut while it is away, so that callers need not wait in vain."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from ingest.kafka.outgoing import Outgoing
from ingest.kafka.producer import DeliveryError, Producer

_PROBE_PAUSE_S: Final = 0.5
_CONNECT_PATIENCE_S: Final = 5.0

log = logging.getLogger(__name__)


class KafkaAwayError(Exception):
    """Kafka has not acknowledged the records; they may or may not be in the log."""


class KafkaGate:
    """Hands records to the producer. After a delivery that failed it is shut until a broker answers again."""

    def __init__(self, producer: Producer, topics: Sequence[str]) -> None:
        self._producer = producer
        self._topics = topics
        self._connected = False
        self._opened = asyncio.Event()
        self._shut = asyncio.Event()
        self._shut.set()

    @property
    def open(self) -> bool:
        """Whether Kafka acknowledges."""
        return self._opened.is_set()

    async def deliver(self, records: Sequence[Outgoing]) -> None:
        """Hand over records and wait for their acknowledgement. Raises KafkaAwayError."""
        if not self._opened.is_set():
            raise KafkaAwayError
        try:
            await self._producer.deliver(records)
        except DeliveryError as error:
            if self._opened.is_set():
                log.warning("Kafka does not acknowledge: %s. Callers are asked to come again.", error)
                self._opened.clear()
                self._shut.set()
            raise KafkaAwayError from error

    async def run(self) -> None:
        """Connect, and after each failure look until a broker answers again. Ends only by being cancelled."""
        said = False
        while True:
            await self._shut.wait()
            try:
                await self._try()
            except DeliveryError as error:
                if not said and not self._connected:
                    log.warning("Kafka is not there: %s. Callers are asked to come again.", error)
                    said = True
                await asyncio.sleep(_PROBE_PAUSE_S)
                continue
            log.info("Kafka acknowledges.")
            self._shut.clear()
            self._opened.set()

    async def _try(self) -> None:
        if not self._connected:
            await self._producer.start(_CONNECT_PATIENCE_S)
            self._connected = True
            await self._producer.reach(*self._topics)
        elif not await self._producer.answers():
            raise DeliveryError("no broker answers")
