"""A running stack that the tests of faults share, and a log with workers for the tests of workers."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from schemas.connections import KafkaConnection
from tests.conftest import ClickHouseServer
from tests.servers.machine import Machine, machine
from tests.stack.builders.folding import Folding, small_chunks


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Kafka, ClickHouse and one worker."""
    with machine(tmp_path_factory.mktemp("faults"), {"WORKERS": "1", "KAFKA_HEAP_MB": "384"}) as made:
        # Two at once: one does it, the other waits and finds everything up.
        with ThreadPoolExecutor(2) as pool:
            said = sorted(pool.map(lambda _: made.run("up"), range(2)), key=len)
        assert "waiting for another `gospulse up`" in said[0]
        assert "everything is up already" in said[0]
        assert "worker-1 is up" in said[1]
        yield made
        assert made.run("down").startswith("stopped: ")
        assert made.run("down") == "nothing was running\n"


@pytest.fixture(scope="module")
def engine(clickhouse_server: ClickHouseServer) -> ClickHouseServer:
    """Tables with small chunks, shared by the tests of this module."""
    clickhouse_server.prepare()
    small_chunks(clickhouse_server.connection)
    return clickhouse_server


@pytest.fixture
def folding(kafka: KafkaConnection, engine: ClickHouseServer, tmp_path: Path) -> Iterator[Folding]:
    made = Folding(kafka, engine.connection, tmp_path)
    yield made
    made.close()
