"""Peer: kafka-python's producer under an event loop; its thread hands acknowledgements over in batches."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

from kafka import KafkaProducer

from ingest.kafka.outgoing import Outgoing
from ingest.kafka.partitioner import Partitioner


class KafkaPythonBridge:
    """The part of ``ingest.kafka.producer.Producer`` that a handler needs."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._producer = KafkaProducer(
            bootstrap_servers=[bootstrap], acks="all", compression_type="lz4", linger_ms=0, metrics_enabled=False
        )
        self._partitioner = Partitioner(len(self._producer.partitions_for(topic)))
        self._loop = asyncio.get_running_loop()
        self._ended: deque[tuple[asyncio.Future[None], Any]] = deque()
        self._waking = False

    async def deliver(self, records: Sequence[Outgoing]) -> None:
        """Send records and wait for the acknowledgement of each."""
        futures = []
        for topic, key, value in records:
            future = self._loop.create_future()
            raw = key.encode()
            sent = self._producer.send(topic, value=value, key=raw, partition=self._partitioner(raw))
            sent.add_callback(lambda metadata, future=future: self._end(future, metadata))
            futures.append(future)
        for future in futures:
            await future

    def close(self) -> None:
        """Disconnect."""
        self._producer.close()

    def _end(self, future: asyncio.Future[None], metadata: Any) -> None:
        self._ended.append((future, metadata))
        if not self._waking:
            self._waking = True
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        self._waking = False
        while self._ended:
            future, metadata = self._ended.popleft()
            future.set_result(metadata)
