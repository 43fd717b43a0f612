"""The producer: records to Kafka from an event loop, where each delivery is awaited and fails alone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Any, Final

from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka_errors

from ingest.kafka.outgoing import Outgoing
from ingest.kafka.partitioner import Partitioner
from schemas.connections import KafkaConnection

#: The largest record, in bytes: the limit of Kafka's defaults (``max.request.size``, ``message.max.bytes``).
MAX_RECORD_BYTES: Final = 1_000_000
_TOPIC_PATIENCE_S: Final = 3.0


class DeliveryError(Exception):
    """Kafka did not acknowledge a record in time, or rejected it; the message is one sentence.

    The record may or may not be in the log. To send it again is harmless: the same fact has the same id.
    """


class Producer:
    """Sends records with ``acks=all`` and lz4, partitioned by key. Use it in one event loop.

    aiokafka sends a record again after a passing error (a restart, a new leader) until ``timeout`` seconds after it
    was given to the producer. It does so without Kafka's idempotence: a batch whose acknowledgement was lost may stand
    in the log twice. Readers know repeats by their ids, and a producer without sequence numbers survives every failure.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        timeout: float,
        client_id: str,
        linger_ms: int = 0,
        batch_bytes: int = 128 << 10,
    ) -> None:
        self._connection = connection
        self._timeout = timeout
        self._options = connection.client_options() | {
            "client_id": client_id,
            "acks": "all",
            "compression_type": "lz4",
            "linger_ms": linger_ms,
            "max_batch_size": batch_bytes,
            "request_timeout_ms": max(1, int(timeout * 1000)),
        }
        self._producer: Any = None
        self._topics: dict[str, tuple[str, Partitioner]] = {}
        #: Questions for topics that are under way: any number of senders wait for one answer.
        self._asked: dict[str, asyncio.Task[tuple[str, Partitioner]]] = {}
        quiet_aiokafka()

    async def start(self, patience: float) -> None:
        """Connect. May be called again after a failure.

        Raises:
            DeliveryError: no broker let us in within ``patience`` seconds.
        """
        producer = AIOKafkaProducer(**self._options)
        try:
            await asyncio.wait_for(producer.start(), patience)
        except (kafka_errors.KafkaError, OSError, TimeoutError) as error:
            await producer.stop()
            raise DeliveryError(f"no broker lets us in at {', '.join(self._connection.bootstrap)}") from error
        self._producer = producer

    async def reach(self, *topics: str) -> None:
        """Ask the cluster for these topics of the contract, so that later sends find them known.

        Raises:
            DeliveryError: no broker answers, or a topic is not there.
        """
        for topic in topics:
            await self._find(topic)

    async def answers(self) -> bool:
        """Whether a broker answers now; the cluster's metadata are brought up to date."""
        return self._producer is not None and bool(await self._producer.client.force_metadata_update())

    async def send(self, record: Outgoing) -> asyncio.Future[Any]:
        """Hand one record over; the future gives its partition and offset when Kafka has acknowledged it.

        Waits where the partition's batch is full. The future fails with an error of aiokafka.

        Raises:
            DeliveryError: the record cannot be sent at all.
        """
        topic, partitioner = self._topics.get(record.topic) or await self._find(record.topic)
        if self._producer is None:
            raise DeliveryError("the producer is not connected")
        key = record.key.encode()
        try:
            sent: asyncio.Future[Any] = await self._producer.send(topic, record.value, key, partitioner(key))
        except kafka_errors.KafkaError as error:
            raise DeliveryError(reason(error)) from error
        return sent

    async def deliver(self, records: Sequence[Outgoing]) -> None:
        """Send ``records`` and wait until Kafka has acknowledged every one of them.

        Raises:
            DeliveryError: one was not acknowledged within the timeout. The producer goes on; so may the caller.
        """
        sent: list[asyncio.Future[Any]] = []
        try:
            async with asyncio.timeout(self._timeout):
                for record in records:
                    sent.append(await self.send(record))
                for future in sent:
                    await future
            return
        except TimeoutError as error:
            cause: Exception = error
            sentence = "no broker acknowledged the record in time"
        except kafka_errors.KafkaError as error:
            cause, sentence = error, reason(error)
        # The other records end within the timeout, too; nobody waits for them any more.
        for future in sent:
            future.add_done_callback(_looked_at)
        raise DeliveryError(sentence) from cause

    async def close(self) -> None:
        """Wait for what was sent, at most the timeout, and disconnect. Safe to call twice."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await producer.stop()

    async def _find(self, topic: str) -> tuple[str, Partitioner]:
        asked = self._asked.get(topic)
        if asked is None:
            asked = self._asked[topic] = asyncio.create_task(self._look_up(topic))
            asked.add_done_callback(_looked_at)
            asked.add_done_callback(lambda _: self._asked.pop(topic))
        # A sender whose time is up leaves; the others go on waiting.
        return await asyncio.shield(asked)

    async def _look_up(self, topic: str) -> tuple[str, Partitioner]:
        if self._producer is None:
            raise DeliveryError("the producer is not connected")
        name = self._connection.topic(topic)
        client = self._producer.client
        deadline = asyncio.get_running_loop().time() + _TOPIC_PATIENCE_S
        while True:
            # All topics are asked for: to ask for one by name would let some clusters create it.
            try:
                cluster = await asyncio.wait_for(client.fetch_all_metadata(), _TOPIC_PATIENCE_S)
            except (kafka_errors.KafkaError, OSError, TimeoutError) as error:
                raise DeliveryError(reason(error)) from error
            partitions = cluster.partitions_for_topic(name)
            if partitions:
                await client.add_topic(name)
                found = self._topics[topic] = (name, Partitioner(len(partitions)))
                return found
            if asyncio.get_running_loop().time() > deadline:
                raise MissingTopicError(name)
            await asyncio.sleep(0.1)


class MissingTopicError(DeliveryError):
    """The cluster has no such topic; ``topic`` is its full name."""

    def __init__(self, topic: str) -> None:
        super().__init__(f"topic {topic} is not there")
        self.topic = topic


def reason(error: BaseException) -> str:
    """An error of aiokafka on one line, without the names of its classes where it says more."""
    if isinstance(error, TimeoutError):
        return "no answer in time"
    # aiokafka's errors begin with the name of their class.
    text = " ".join(str(error).split()).removeprefix(type(error).__name__).lstrip(": ").rstrip(".")
    return text or type(error).__name__


def quiet_aiokafka() -> None:
    """Keep aiokafka's loggers silent unless somebody set their level: what matters is raised.

    While a broker is away they write several lines a second.
    """
    logger = logging.getLogger("aiokafka")
    if logger.level == logging.NOTSET:
        logger.setLevel(logging.CRITICAL + 1)


def _looked_at(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()
