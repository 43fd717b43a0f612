"""Whether the topic events holds real data: a look at the first and the last records of each partition."""

from __future__ import annotations

import time
from typing import Any, Final

import msgspec
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from msgspec import Struct

from deploy.errors import UserError
from ingest.kafka.broker import BrokerAwayError, plain, quiet_library, refusal, wait_for_port
from ingest.simulator.pages import is_synthetic
from schemas.connections import KafkaConnection
from schemas.contract.topics import EVENTS

SYNTHETIC: Final = "synthetic:"
#: Records of each end of a partition.
_LOOKED_AT: Final = 100
_PATIENCE_S: Final = 10.0


class _Source(Struct):
    source: str = ""
    page: str = ""


def real_sources(connection: KafkaConnection, patience_s: float) -> list[str]:
    """Sources in the topic events that are not synthetic, sorted; empty where none is found.

    Raises UserError when Kafka does not answer within ``patience_s`` seconds.
    """
    quiet_library()
    try:
        wait_for_port(connection.bootstrap, patience_s)
        consumer = KafkaConsumer(
            **connection.client_options(),
            client_id="gospulse-simulate",
            enable_auto_commit=False,
        )
    except BrokerAwayError as error:
        raise UserError(str(error)) from error
    except (KafkaError, OSError) as error:
        raise UserError(refusal(", ".join(connection.bootstrap), error)) from error
    try:
        return sorted(source for source in _sources(consumer, connection.topic(EVENTS)) if _is_real(source))
    except KafkaError as error:
        raise UserError(f"Kafka at {', '.join(connection.bootstrap)}: {plain(error)}") from error
    finally:
        consumer.close()


def _is_real(source: str) -> bool:
    return bool(source) and not source.startswith(SYNTHETIC)


def _sources(consumer: Any, topic: str) -> set[str]:
    numbers = consumer.partitions_for_topic(topic) or set()
    partitions = [TopicPartition(topic, number) for number in sorted(numbers)]
    if not partitions:
        return set()
    begins, ends = consumer.beginning_offsets(partitions), consumer.end_offsets(partitions)
    filled = [partition for partition in partitions if begins[partition] < ends[partition]]
    found: set[str] = set()
    for tail in (False, True):
        for partition in filled:
            first = max(begins[partition], ends[partition] - _LOOKED_AT) if tail else begins[partition]
            until = ends[partition] if tail else min(ends[partition], first + _LOOKED_AT)
            consumer.assign([partition])
            consumer.seek(partition, first)
            found |= _read(consumer, partition, until)
    return found


def _read(consumer: Any, partition: TopicPartition, until: int) -> set[str]:
    found = set()
    deadline = time.monotonic() + _PATIENCE_S
    while consumer.position(partition) < until and time.monotonic() < deadline:
        for record in consumer.poll(timeout_ms=500, max_records=_LOOKED_AT).get(partition, ()):
            try:
                event = msgspec.json.decode(record.value or b"", type=_Source)
            except msgspec.DecodeError:
                continue  # A record that is not of the contract has no source.
            # Calls of synthetic pages that came through the webhook have the webhook's source.
            if not is_synthetic(event.page):
                found.add(event.source)
    return found
