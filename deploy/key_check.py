"""Whether every producer uses the keys of the contract and Kafka's own partitioner: copies of a fact then meet."""

from __future__ import annotations

import asyncio
from typing import Final, Literal

from msgspec import Struct

from ingest.kafka.partitioner import Partitioner
from schemas.connections import KafkaConnection
from schemas.contract.events import Event, EventValidator
from schemas.contract.keys import event_key, reading_key
from schemas.contract.readings import Reading, ReadingValidator
from schemas.contract.topics import EVENTS, READINGS
from streams.bookkeeping.offsets import KafkaOffsets
from streams.positions import TopicPartition
from streams.verify.recount.log import LogReader

#: Topics whose records have a key by the contract.
TOPICS: Final = (EVENTS, READINGS)

Fault = Literal["no key", "another key", "another partition"]


class KeyFault(Struct, frozen=True):
    """Records of one feed in one topic that have one fault, with an example."""

    topic: str
    source: str
    fault: Fault
    records: int
    #: Partition and offset of the last one.
    example: str


class Checked(Struct, frozen=True):
    """How many records were read, and their faults, the most frequent first."""

    records: int
    faults: list[KeyFault]


def check_keys(connection: KafkaConnection, last: int) -> Checked:
    """Check the last ``last`` offsets of each partition; a record that the contract rejects has no key to check.

    Raises ``KafkaUnavailableError`` and ``LogUnreadableError``.
    """
    with KafkaOffsets(connection) as offsets:
        ranges = offsets.ranges(TOPICS)
    counts = {topic: sum(partition.topic == topic for partition in ranges) for topic in TOPICS}
    found: dict[tuple[str, str, Fault], tuple[int, str]] = {}

    async def check(partition: TopicPartition, begin: int, end: int) -> int:
        judge = _Judge(partition, counts[partition.topic])
        read = 0
        async with LogReader(connection, *partition) as log:
            async for records in log.records(begin, end):
                read += len(records)
                for record in records:
                    fault = judge(record.key, record.value)
                    if fault is not None:
                        number, _ = found.get((partition.topic, *fault), (0, ""))
                        found[partition.topic, *fault] = number + 1, f"{partition} offset {record.offset}"
        return read

    async def check_all() -> int:
        return sum(
            [
                await check(partition, max(held.begin, held.stable - last), held.stable)
                for partition, held in sorted(ranges.items())
                if held.stable > held.begin
            ]
        )

    records = asyncio.run(check_all())
    faults = [KeyFault(*what, number, example) for what, (number, example) in found.items()]
    return Checked(records, sorted(faults, key=lambda fault: -fault.records))


class _Judge:
    """Judges records of one partition of a topic with ``count`` partitions."""

    def __init__(self, partition: TopicPartition, count: int) -> None:
        self._part = partition.part
        self._partition_of = Partitioner(count)
        self._validate = EventValidator() if partition.topic == EVENTS else ReadingValidator()

    def __call__(self, key: bytes | None, value: bytes | None) -> tuple[str, Fault] | None:
        """The feed and the fault of a record; None where it has none."""
        judged = self._validate(value or b"")
        if isinstance(judged, Event):
            wanted = event_key(judged).encode()
        elif isinstance(judged, Reading):
            wanted = reading_key(judged).encode()
        else:
            return None
        if key is None:
            return judged.source, "no key"
        if key != wanted:
            return judged.source, "another key"
        return None if self._partition_of(key) == self._part else (judged.source, "another partition")
