"""A handler awaits its own records; a delivery that fails is told to its caller and ends nothing else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from ingest.kafka.outgoing import Outgoing
from ingest.kafka.producer import MAX_RECORD_BYTES, DeliveryError, MissingTopicError, Producer
from schemas.connections import KafkaConnection
from schemas.contract.topics import EVENTS
from tests.ingest.conftest import read_whole
from tests.servers.mortal_broker import MortalBroker, mortal_broker
from tests.servers.ports import free_port


@asynccontextmanager
async def connected(connection: KafkaConnection, timeout: float = 60.0) -> AsyncIterator[Producer]:
    producer = Producer(connection, timeout=timeout, client_id="test")
    await producer.start(60)
    try:
        yield producer
    finally:
        await producer.close()


def record(number: int, size: int = 0) -> Outgoing:
    return Outgoing(EVENTS, f"key-{number % 50}", str(number).encode().ljust(size))


async def test_every_handler_awaits_its_own_records(topics: KafkaConnection) -> None:
    async with connected(topics) as producer:

        async def handler(number: int) -> None:
            await producer.deliver([record(number * 2), record(number * 2 + 1)])

        await asyncio.gather(*(handler(number) for number in range(500)))
        held = read_whole(topics, EVENTS)
    assert sorted(int(value) for _, _, value in held) == list(range(1_000))


async def test_a_failed_delivery_does_not_end_the_producer(topics: KafkaConnection) -> None:
    async with connected(topics) as producer:
        with pytest.raises(DeliveryError):
            await producer.deliver([record(1), record(2, size=MAX_RECORD_BYTES * 2)])
        with pytest.raises(MissingTopicError):
            await producer.deliver([Outgoing("no-such-topic", "k", b"v")])
        await producer.deliver([record(3)])
    values = {int(value) for _, _, value in read_whole(topics, EVENTS)}
    assert 3 in values and 2 not in values


async def test_no_broker_is_told_in_time() -> None:
    producer = Producer(KafkaConnection(bootstrap=(f"127.0.0.1:{free_port()}",)), timeout=1, client_id="test")
    began = time.monotonic()
    with pytest.raises(DeliveryError):
        await producer.start(1)
    with pytest.raises(DeliveryError, match="not connected"):
        await producer.deliver([record(1)])
    assert time.monotonic() - began < 5
    assert not await producer.answers()
    await producer.close()


async def delivered(producer: Producer, sent: Outgoing) -> bool:
    try:
        await producer.deliver([sent])
    except DeliveryError:
        return False
    return True


@pytest.fixture
def own_broker(cache: Path, tmp_path: Path) -> Iterator[MortalBroker]:
    with mortal_broker(tmp_path, cache) as made:
        yield made


@pytest.mark.long
async def test_deliveries_fail_while_the_broker_is_dead_and_work_when_it_is_back(own_broker: MortalBroker) -> None:
    async with connected(own_broker.connection, timeout=30) as patient:
        await patient.deliver([record(1)])
    async with connected(own_broker.connection, timeout=1.5) as producer:
        await asyncio.to_thread(own_broker.kill)
        outcomes = await asyncio.gather(*(producer.deliver([record(n)]) for n in (2, 3)), return_exceptions=True)
        assert all(isinstance(outcome, DeliveryError) for outcome in outcomes)
        assert not await producer.answers()
        await asyncio.to_thread(own_broker.restart)
        # The same producer works again, as soon as the broker acknowledges within its time.
        assert any([await delivered(producer, record(4)) for _ in range(20)])
    values = [int(value) for _, _, value in read_whole(own_broker.connection, EVENTS)]
    assert values.count(1) == 1 and 4 in values
