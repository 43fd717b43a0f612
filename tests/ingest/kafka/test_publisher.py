"""Every record is confirmed or reported, whatever happens to the broker."""

from __future__ import annotations

import logging
import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ingest.kafka.partitioner import Partitioner
from ingest.kafka.publisher import Publisher, PublishError
from schemas.connections import KafkaConnection
from schemas.contract.topics import EVENTS
from tests.ingest.conftest import Records, read_whole
from tests.servers.mortal_broker import MortalBroker, mortal_broker
from tests.servers.ports import free_port

HOST = "127.0.0.1"


def test_every_record_arrives_once_where_its_key_belongs(
    topics: KafkaConnection, read_topic: Callable[[str], Records]
) -> None:
    confirmed: list[tuple[object, int, int]] = []
    with Publisher(topics, on_delivered=lambda *seen: confirmed.append(seen), max_waiting_records=500) as publisher:
        for number in range(3_000):
            publisher.publish(EVENTS, f"key-{number % 50}", str(number).encode(), number)
            assert publisher.waiting <= 500
    records = read_topic(EVENTS)
    assert sorted(int(value) for _, _, value in records) == list(range(3_000))
    partition_of = Partitioner(8)
    assert all(partition == partition_of(key.encode()) for partition, key, _ in records)
    # Confirmations come in the order of sending: the last one seen is a safe place to go on from.
    assert [token for token, _, _ in confirmed] == list(range(3_000))
    by_place = {(partition, offset): token for token, partition, offset in confirmed}
    seen: Counter[int] = Counter()
    for partition, _, value in records:
        assert by_place[partition, seen[partition]] == int(value)
        seen[partition] += 1


def test_what_waits_is_bounded_in_bytes(topics: KafkaConnection) -> None:
    with Publisher(topics, max_waiting_bytes=100_000) as publisher:
        for _ in range(50):
            publisher.publish(EVENTS, "k", bytes(20_000))
            assert publisher.waiting <= 6


def test_a_record_that_is_too_large_is_reported(topics: KafkaConnection) -> None:
    publisher = Publisher(topics)
    publisher.publish(EVENTS, "k", b"small")
    with pytest.raises(PublishError, match=r"did not confirm \d of \d records"):
        publisher.publish(EVENTS, "k", bytes(2 << 20))
    with pytest.raises(PublishError):
        publisher.publish(EVENTS, "k", b"small")
    publisher.close()


def test_a_missing_topic_is_named_and_not_made(kafka: KafkaConnection) -> None:
    with (
        Publisher(kafka, timeout=1) as publisher,
        pytest.raises(PublishError, match=f"{kafka.topic_prefix}events is not there.*topics apply"),
    ):
        publisher.publish(EVENTS, "k", b"v")


def test_no_broker_is_one_sentence_within_the_time_given() -> None:
    address = f"{HOST}:{free_port()}"
    with pytest.raises(PublishError, match=f"does not answer at {address}.*gospulse up"):
        Publisher(KafkaConnection(bootstrap=(address,)), connect_timeout=0.5)


def test_something_that_is_not_kafka_is_one_sentence() -> None:
    with socket.create_server((HOST, 0)) as server:
        address = f"{HOST}:{server.getsockname()[1]}"
        with pytest.raises(PublishError, match=f"Kafka at {address} answers but did not let us in"):
            Publisher(KafkaConnection(bootstrap=(address,)), connect_timeout=1)


def test_an_address_without_port_is_one_sentence() -> None:
    with pytest.raises(PublishError, match=r"kafka\.example is not host:port"):
        Publisher(KafkaConnection(bootstrap=("kafka.example",)), connect_timeout=0.5)


@pytest.fixture(scope="module")
def broker(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MortalBroker]:
    with mortal_broker(tmp_path_factory.mktemp("own-kafka"), cache) as made:
        yield made


@pytest.fixture
def own_broker(broker: MortalBroker) -> MortalBroker:
    broker.restart()
    return broker


@pytest.mark.long
def test_a_broker_that_is_killed_and_comes_back_loses_nothing(own_broker: MortalBroker) -> None:
    tokens: list[object] = []
    with Publisher(own_broker.connection, timeout=30, on_delivered=lambda token, *_: tokens.append(token)) as publisher:
        for number in range(2_000):
            publisher.publish(EVENTS, str(number), str(number).encode(), number)
        own_broker.kill()
        for number in range(2_000, 4_000):
            publisher.publish(EVENTS, str(number), str(number).encode(), number)
        own_broker.restart()
        for number in range(4_000, 6_000):
            publisher.publish(EVENTS, str(number), str(number).encode(), number)
    assert tokens == list(range(6_000))
    # Twice is possible where the broker died between writing and answering; the same fact has the same id.
    assert {int(value) for _, _, value in read_whole(own_broker.connection, EVENTS)} >= set(range(6_000))


def test_a_broker_that_stays_away_is_reported_with_what_is_missing(
    own_broker: MortalBroker, caplog: pytest.LogCaptureFixture
) -> None:
    tokens: list[object] = []
    publisher = Publisher(own_broker.connection, timeout=1.5, on_delivered=lambda token, *_: tokens.append(token))
    for number in range(100):
        publisher.publish(EVENTS, str(number), b"before", number)
    publisher.flush()
    own_broker.kill()
    for number in range(100, 150):
        publisher.publish(EVENTS, str(number), b"after", number)
    with (
        caplog.at_level(logging.DEBUG),
        pytest.raises(PublishError, match="did not confirm 50 of 150 records") as caught,
    ):
        publisher.flush()
    assert (caught.value.delivered, caught.value.failed) == (100, 50)
    assert tokens == list(range(100))
    began = time.monotonic()
    publisher.close()
    assert time.monotonic() - began < 10
    assert not [record for record in caplog.records if record.name.startswith(("kafka", "aiokafka"))]
