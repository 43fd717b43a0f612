"""``gospulse topics check``: producers with another key or another partitioner are found, on a real broker."""

from __future__ import annotations

import zlib

import pytest
from kafka import KafkaProducer

from deploy import topics
from deploy.cli.main import main
from deploy.key_check import KeyFault, check_keys
from ingest.kafka.publisher import Publisher
from schemas.connections import KafkaConnection
from schemas.contract.events import Event, EventValidator
from schemas.contract.keys import event_key
from schemas.contract.topics import EVENTS
from tests.streams.builders.records import event


def _sent(source: str, number: int) -> tuple[str, bytes]:
    value = event((source, number), "appeal_received", source=source)
    judged = EventValidator()(value)
    assert isinstance(judged, Event)
    return event_key(judged), value


def test_foreign_keys_and_partitioners_are_found(
    kafka: KafkaConnection, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    topics.apply(kafka, 1)
    with Publisher(kafka) as publisher:
        for number in range(50):
            publisher.publish(EVENTS, *_sent("ours", number))
        publisher.flush()
    assert check_keys(kafka, 1000).faults == []
    producer = KafkaProducer(bootstrap_servers=list(kafka.bootstrap))
    for number in range(30):
        key, value = _sent("crc32", number)
        # The default of librdkafka: consistent_random.
        producer.send(kafka.topic(EVENTS), value=value, key=key.encode(), partition=zlib.crc32(key.encode()) % 8)
        producer.send(kafka.topic(EVENTS), value=_sent("by-page", number)[1], key=b"vk:1")
        producer.send(kafka.topic(EVENTS), value=_sent("keyless", number)[1], partition=number % 8)
        producer.send(kafka.topic(EVENTS), value=b"no event", key=b"x", partition=0)
    producer.flush()
    producer.close()
    checked = check_keys(kafka, 1000)
    assert checked.records == 170
    assert all(isinstance(fault, KeyFault) and fault.topic == EVENTS for fault in checked.faults)
    found = {(fault.source, fault.fault): fault.records for fault in checked.faults}
    # An eighth of the keys lies in the right partition by chance.
    assert found.pop(("crc32", "another partition")) > 15
    assert found == {("by-page", "another key"): 30, ("keyless", "no key"): 30}

    monkeypatch.setenv("GOSPULSE_KAFKA", kafka.bootstrap[0])
    monkeypatch.setenv("GOSPULSE_TOPIC_PREFIX", kafka.topic_prefix)
    assert main(["topics", "check", "--last", "1000"]) == 1
    assert "murmur2_random" in capsys.readouterr().out
