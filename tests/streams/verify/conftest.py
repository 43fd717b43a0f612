"""The bench of the verifier's tests: a log that is sent once a file, and a generation of it for each test."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator

import pytest

from deploy.clickhouse.client import clickhouse as open_clickhouse
from schemas.connections import KafkaConnection
from tests.conftest import ClickHouseServer
from tests.streams.builders.folded_log import FoldedLog, some_events, some_readings, some_rejections
from tests.streams.builders.verify_bench import EVENTS, Bench


@pytest.fixture(scope="module")
def bench(
    kafka_bootstrap: str, clickhouse_server: ClickHouseServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    rng = random.Random(20261001)
    kafka = KafkaConnection(bootstrap=(kafka_bootstrap,), topic_prefix=f"verify-{uuid.uuid4().hex[:10]}.")
    clickhouse_server.prepare()
    with open_clickhouse(clickhouse_server.connection) as client:
        bench = Bench(kafka, clickhouse_server, client, tmp_path_factory.mktemp("verify"))
        log = bench.generation()
        for part in (0, 1):
            log.send("events", part, some_events(rng, EVENTS))
        log.send("readings", 0, some_readings(rng, 100))
        log.send("rejected", 0, some_rejections(3))
        yield bench


@pytest.fixture
def folded(bench: Bench) -> FoldedLog:
    log = bench.generation()
    log.fold()
    return log
