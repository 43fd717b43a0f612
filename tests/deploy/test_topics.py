from __future__ import annotations

import time

import pytest
from kafka import KafkaAdminClient

from deploy import topics
from schemas.connections import KafkaConnection
from schemas.contract.topics import TOPICS
from tests.servers.ports import free_port


def test_topics_are_made_once_and_then_left_alone(kafka: KafkaConnection) -> None:
    first = topics.apply(kafka, 1)
    assert first.created == ("events", "readings", "rejected")
    assert first.differences == ()
    ids = topics.existing(kafka)
    again = topics.apply(kafka, 1)
    assert (again.created, again.differences) == ((), ())
    assert topics.existing(kafka) == ids
    assert len(set(ids.values())) == 3


def test_a_topic_that_differs_is_reported_and_not_changed(kafka: KafkaConnection) -> None:
    admin = KafkaAdminClient(bootstrap_servers=list(kafka.bootstrap))
    try:
        admin.create_topics(
            {kafka.topic("events"): {"num_partitions": 3, "configs": {"retention.ms": "1000"}}}, wait_for_metadata=True
        )
        for _ in range(2):
            outcome = topics.apply(kafka, 1)
            assert {(row.topic, row.setting, row.wanted, row.found) for row in outcome.differences} == {
                ("events", "partitions", "8", "3"),
                ("events", "retention.ms", "-1", "1000"),
            }
        assert outcome.created == ()
    finally:
        admin.close()


def test_a_topic_made_again_has_another_id(kafka: KafkaConnection) -> None:
    topics.apply(kafka, 1)
    before = topics.existing(kafka)
    admin = KafkaAdminClient(bootstrap_servers=list(kafka.bootstrap))
    try:
        admin.delete_topics([kafka.topic("rejected")])
    finally:
        admin.close()
    while "rejected" in topics.existing(kafka):  # The controller says so before the broker knows.
        time.sleep(0.05)
    assert topics.apply(kafka, 1).created == ("rejected",)
    after = topics.existing(kafka)
    assert after["events"] == before["events"]
    assert after["rejected"] != before["rejected"]


def test_a_broker_that_is_away_is_one_sentence(topic_prefix: str) -> None:
    nobody = KafkaConnection(bootstrap=(f"127.0.0.1:{free_port()}",), topic_prefix=topic_prefix)
    with pytest.raises(topics.TopicsError, match="does not answer"):
        topics.apply(nobody, 1, patience_s=0.2)


def test_every_topic_keeps_its_log_and_stamps_the_append_time() -> None:
    for topic in TOPICS:
        assert topic.settings["message.timestamp.type"] == "LogAppendTime"
        assert topic.settings["retention.ms"] == "-1"
