"""What is said of partitions: a topic created again, a silent worker, an unfinished transaction."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from clickhouse_connect.driver.client import Client
from kafka import KafkaAdminClient, KafkaProducer
from msgspec.structs import replace

from deploy import topics
from deploy.clickhouse.client import clickhouse as open_clickhouse
from schemas.connections import ClickHouseConnection, KafkaConnection
from schemas.contract.topics import EVENTS, READINGS
from streams.bookkeeping.offsets import KafkaOffsets
from streams.bookkeeping.partition_state import (
    PartitionState,
    missing_topics,
    notes,
    partition_states,
    problems,
    unheard,
)
from streams.positions import TopicPartition

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


@pytest.fixture
def client(tables: ClickHouseConnection) -> Iterator[Client]:
    with open_clickhouse(tables) as opened:
        yield opened


def _states(client: Client, kafka: KafkaConnection, *names: str) -> list[PartitionState]:
    with KafkaOffsets(kafka) as offsets:
        return partition_states(client, offsets, 1, names or (EVENTS,), NOW)


def _heard(client: Client, log: int, seconds_ago: float, stopped: str = "") -> None:
    """Every partition of a log had a heartbeat some seconds ago."""
    client.command(
        "INSERT INTO gospulse_data.progress_g1 (log, part, folded, latest) SELECT %(log)s, number, 0, "
        "tuple(%(at)s, 0, 'worker-1', %(stopped)s) FROM numbers(8)",
        parameters={"log": log, "at": NOW - timedelta(seconds=seconds_ago), "stopped": stopped},
    )


def test_a_topic_that_was_created_again_is_a_problem(client: Client, kafka: KafkaConnection) -> None:
    topics.apply(kafka, 1)
    log = topics.register(client, topics.existing(kafka), NOW)[EVENTS]
    _heard(client, log, 1)
    assert problems(_states(client, kafka)) == []
    admin = KafkaAdminClient(bootstrap_servers=list(kafka.bootstrap))
    former = topics.existing(kafka)[EVENTS]
    admin.delete_topics([kafka.topic(EVENTS)])
    while EVENTS in topics.existing(kafka):
        time.sleep(0.05)
    assert missing_topics(_states(client, kafka), (EVENTS,)) == [
        "The topic events does not exist: create it with `gospulse topics apply`."
    ]
    topics.apply(kafka, 1)
    admin.close()
    assert topics.existing(kafka)[EVENTS] != former
    (sentence,) = problems(_states(client, kafka))
    assert sentence.startswith("Stopped events 0-7: The topic events")
    assert "`gospulse topics apply`" in sentence
    topics.register(client, topics.existing(kafka), NOW)
    (sentence,) = unheard(_states(client, kafka))
    assert "No worker has said anything about events 0-7 yet" in sentence


def test_an_old_heartbeat_is_a_problem(client: Client, kafka: KafkaConnection) -> None:
    topics.apply(kafka, 1)
    log = topics.register(client, topics.existing(kafka), NOW)[EVENTS]
    _heard(client, log, 59)
    assert problems(_states(client, kafka)) == []
    # The latest stands, and it is what tells the age.
    client.command("TRUNCATE TABLE gospulse_data.progress_g1")
    _heard(client, log, 75)
    (sentence,) = problems(_states(client, kafka))
    assert sentence.startswith("No worker has said anything about events 0-7 for 75 s")


def test_partitions_that_stopped_for_one_reason_are_one_sentence(client: Client, kafka: KafkaConnection) -> None:
    topics.apply(kafka, 1)
    log = topics.register(client, topics.existing(kafka), NOW)[EVENTS]
    _heard(client, log, 1, "Records were lost.")
    assert problems(_states(client, kafka)) == ["Stopped events 0-7: Records were lost."]


def test_silence_and_a_stop_are_problems_and_a_live_worker_is_none() -> None:
    live = PartitionState(
        topic=EVENTS,
        part=0,
        log=1,
        begin=0,
        end=9,
        unstable=None,
        folded=9,
        lag=0,
        heartbeat_age_s=60.0,
        worker="worker-1",
        stopped=None,
    )
    silent, stopped = replace(live, part=1, heartbeat_age_s=61.0), replace(live, part=2, stopped="Records were lost.")
    assert problems([live]) == []
    first, second = problems([live, silent, stopped])
    assert first == "Stopped events 2: Records were lost."
    assert second.startswith("No worker has said anything about events 1 for 61 s")


def test_partitions_without_any_heartbeat_are_a_problem(client: Client, kafka: KafkaConnection) -> None:
    topics.apply(kafka, 1)
    topics.register(client, topics.existing(kafka), NOW)
    (sentence,) = unheard(_states(client, kafka, EVENTS, READINGS))
    assert sentence.startswith("No worker has said anything about events 0-7, readings 0")


def test_records_behind_an_unfinished_transaction_are_explained(client: Client, kafka: KafkaConnection) -> None:
    topics.apply(kafka, 1)
    log = topics.register(client, topics.existing(kafka), NOW)[EVENTS]
    _heard(client, log, 1)
    producer = KafkaProducer(bootstrap_servers=list(kafka.bootstrap), transactional_id=f"t{uuid.uuid4()}")
    producer.init_transactions()
    producer.begin_transaction()
    for _ in range(3):
        producer.send(kafka.topic(EVENTS), value=b"{}", partition=2)
    producer.flush(timeout=10)
    states = _states(client, kafka)
    (note,) = notes(states)
    assert note.startswith("events/2: 3 offsets wait behind an unfinished transaction at offset 0.")
    assert problems(states) == []
    producer.commit_transaction()
    producer.close()
    ended = next(state for state in _states(client, kafka) if state.name == TopicPartition(EVENTS, 2))
    assert (ended.end, ended.unstable, ended.lag) == (4, None, 4)
