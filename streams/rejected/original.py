"""The original of one record: the record in the log at a position that a table names."""

from __future__ import annotations

import time
from typing import Final

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from msgspec import Struct

from schemas.connections import KafkaConnection
from streams.clients import consumer_options

PATIENCE_S: Final = 10.0


class Original(Struct, frozen=True):
    """A record as it was sent; ``appended`` is milliseconds UTC."""

    appended: int
    key: bytes | None
    value: bytes | None


class OriginalUnreadableError(Exception):
    """Kafka did not give the record; the message says why."""


async def read_original(connection: KafkaConnection, topic: str, part: int, offset: int) -> Original | None:
    """The record at ``offset`` of a partition of ``topic`` (named without prefix); None where the log holds none there.

    An aborted record is none. Raises :class:`OriginalUnreadableError` where Kafka does not answer.
    """
    where = TopicPartition(connection.topic(topic), part)
    consumer = AIOKafkaConsumer(**consumer_options(connection))
    try:
        await consumer.start()
        consumer.assign([where])
        end = (await consumer.end_offsets([where]))[where]
        if offset >= end:
            return None
        consumer.seek(where, offset)
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            fetched = await consumer.getmany(where, timeout_ms=500, max_records=1)
            for record in fetched.get(where, []):
                if record.offset != offset:
                    return None
                return Original(record.timestamp, record.key, record.value)
            if await consumer.position(where) > offset:
                # Markers of transactions and aborted records are passed over.
                return None
    except OffsetOutOfRangeError:
        return None
    except (KafkaError, OSError) as error:
        raise OriginalUnreadableError(
            f"Kafka does not give the record: {type(error).__name__}. Is it running?"
        ) from error
    finally:
        await consumer.stop()
    raise OriginalUnreadableError(f"Kafka did not give the record within {PATIENCE_S:.0f} s.")
