"""Topics of the session's broker for one test, and reading them back whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from kafka import KafkaConsumer, TopicPartition

from deploy.topics import apply
from schemas.connections import KafkaConnection

#: (partition, key, value) of every record of a topic, in the order of partition and offset.
Records = list[tuple[int, str, bytes]]


def read_whole(connection: KafkaConnection, topic: str) -> Records:
    """Every record that the topic holds now."""
    name = connection.topic(topic)
    consumer: Any = KafkaConsumer(
        bootstrap_servers=list(connection.bootstrap), enable_auto_commit=False, auto_offset_reset="earliest"
    )
    try:
        partitions = [TopicPartition(name, number) for number in sorted(consumer.partitions_for_topic(name))]
        consumer.assign(partitions)
        ends = consumer.end_offsets(partitions)
        consumer.seek_to_beginning(*partitions)
        records: list[tuple[int, int, str, bytes]] = []
        while any(consumer.position(partition) < ends[partition] for partition in partitions):
            for partition, batch in consumer.poll(timeout_ms=500).items():
                records += [(partition.partition, r.offset, r.key.decode(), r.value) for r in batch]
    finally:
        consumer.close()
    return [(partition, key, value) for partition, _, key, value in sorted(records)]


@pytest.fixture
def topics(kafka: KafkaConnection) -> KafkaConnection:
    """The session's broker with the contract's topics, empty."""
    apply(kafka, 1)
    return kafka


@pytest.fixture
def read_topic(topics: KafkaConnection) -> Callable[[str], Records]:
    """Reads a topic of this test by its name in the contract."""
    return lambda topic: read_whole(topics, topic)
