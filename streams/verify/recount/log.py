"""Reads a stretch of one partition's log without a group: committed records only, nothing is committed."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from typing import Final

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from schemas.connections import KafkaConnection
from streams.clients import consumer_options
from streams.verify.recount.events import Record

#: No record for so long where the log says that there are some: the broker is gone or the log was cut under us.
SILENCE_S: Final = 30.0
_BATCH: Final = 10_000


class LogUnreadableError(Exception):
    """The log could not be read to the end that was asked for; the message says where and why."""


class LogReader:
    """A consumer for one partition of ``topic`` (named without prefix); an asynchronous context manager."""

    def __init__(self, connection: KafkaConnection, topic: str, part: int) -> None:
        self._partition = TopicPartition(connection.topic(topic), part)
        # While a broker is away it writes several lines a second; what matters is raised.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
        self._consumer = AIOKafkaConsumer(**consumer_options(connection))

    async def __aenter__(self) -> LogReader:
        try:
            await self._consumer.start()
        except (KafkaError, OSError) as error:
            await self._consumer.stop()
            raise LogUnreadableError(f"Kafka cannot be reached: {type(error).__name__}. Is it running?") from error
        self._consumer.assign([self._partition])
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._consumer.stop()

    async def end(self) -> int:
        """The offset up to which records can be read (last stable offset)."""
        ends = await self._consumer.end_offsets([self._partition])
        return int(ends[self._partition])

    async def read(self, start: int, end: int) -> AsyncIterator[list[Record]]:
        """The same as :meth:`records`, without keys."""
        async for records in self.records(start, end):
            yield [(record.offset, record.timestamp, record.value) for record in records]

    async def records(self, start: int, end: int) -> AsyncIterator[list[ConsumerRecord]]:
        """The records from ``start`` (inclusive) to ``end`` (exclusive) in lists, in order.

        Offsets without a record and records of aborted transactions are passed over. Raises
        :class:`LogUnreadableError` where the log no longer holds ``start``, or falls silent before ``end``.
        """
        self._consumer.seek(self._partition, start)
        position = start
        heard = time.monotonic()
        while position < end:
            try:
                fetched = await self._consumer.getmany(self._partition, timeout_ms=500, max_records=_BATCH)
                records = fetched.get(self._partition, [])
                position = int(await self._consumer.position(self._partition))
            except OffsetOutOfRangeError as error:
                raise LogUnreadableError(
                    f"{self._where()} no longer holds offset {position}: it was trimmed meanwhile. Verify again."
                ) from error
            except KafkaError as error:
                raise LogUnreadableError(f"{self._where()} cannot be read: {type(error).__name__}.") from error
            if records:
                heard = time.monotonic()
                yield [record for record in records if record.offset < end]
            elif time.monotonic() - heard > SILENCE_S:
                raise LogUnreadableError(f"{self._where()} gave nothing for {SILENCE_S:.0f} s at {position} of {end}.")

    def _where(self) -> str:
        return f"Partition {self._partition.partition} of the topic {self._partition.topic}"


async def count_records(connection: KafkaConnection, topic: str, part: int, start: int, end: int) -> int:
    """How many records a partition holds from ``start`` (inclusive) to ``end`` (exclusive), aborted ones not counted.

    Raises :class:`LogUnreadableError`.
    """
    async with LogReader(connection, topic, part) as log:
        readable = min(end, await log.end())
        return sum([len(records) async for records in log.read(start, readable)])
