"""Real parts for the tests: one Kafka broker and one ClickHouse endpoint a session, started when first needed."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.kafka_broker.process import STOP_PATIENCE_S, start_broker
from deploy.processes import Process, free_port, stop
from deploy.settings_sources import load
from schemas.connections import KafkaConnection

HOST = "127.0.0.1"


def pytest_configure(config: pytest.Config) -> None:
    # What the person at the keyboard has set must not reach the tests, nor the processes that they start.
    for name in [name for name in os.environ if name.startswith("GOSPULSE_")]:
        del os.environ[name]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The quick ones first: a mistake shows within seconds, before any server is started.
    items.sort(key=_weight)


def _weight(item: pytest.Item) -> int:
    fixtures = getattr(item, "fixturenames", ())
    if "stack" in Path(item.path).parts:
        return 3
    if "clickhouse_server" in fixtures or "clickhouse_factory" in fixtures:
        return 2
    return 1 if "kafka_bootstrap" in fixtures else 0


@pytest.fixture(scope="session")
def cache() -> Path:
    """The folder of downloads, shared with the project: Kafka's jars."""
    return load({}, Path.cwd()).cache


@pytest.fixture(scope="session")
def kafka_broker(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """The session's broker. A test that kills it must start one of its own instead."""
    folder = tmp_path_factory.mktemp("kafka")
    process = start_broker(
        folder / "kafka", HOST, free_port(HOST), cache=cache, run=folder / "run", log=folder / "kafka.log", heap_mb=384
    )
    yield process
    stop([process], STOP_PATIENCE_S)


@pytest.fixture(scope="session")
def kafka_bootstrap(kafka_broker: Process) -> str:
    """``host:port`` of the session's broker."""
    assert kafka_broker.address is not None
    return kafka_broker.address


@pytest.fixture
def topic_prefix() -> str:
    """A prefix of this test's own, so that tests share one broker without meeting each other's topics and groups."""
    return f"t{uuid.uuid4().hex[:10]}."


@pytest.fixture
def kafka(kafka_bootstrap: str, topic_prefix: str) -> KafkaConnection:
    """The session's broker with this test's prefix; no topic exists yet."""
    return KafkaConnection(bootstrap=(kafka_bootstrap,), topic_prefix=topic_prefix)
