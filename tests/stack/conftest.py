"""A running stack that the tests of faults share: they leave it up, with every row right."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.servers.machine import Machine, machine


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
