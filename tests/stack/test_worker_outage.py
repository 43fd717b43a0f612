"""ClickHouse or Kafka away, at the start and in the middle: nothing is lost, and everything goes on by itself."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.machine.kafka_broker.process import STOP_PATIENCE_S, start_broker
from deploy.machine.processes import Process, stop
from schemas.connections import KafkaConnection
from tests.conftest import HOST, ClickHouseServer
from tests.servers.ports import free_port
from tests.stack.builders.folding import Folding, ended, small_chunks, until


@pytest.mark.long
def test_engine_and_broker_go_and_come_back(
    clickhouse_factory: Callable[[], ClickHouseServer], cache: Path, tmp_path: Path
) -> None:
    engine = clickhouse_factory()
    engine.prepare()
    small_chunks(engine.connection)
    port = free_port()

    def broker() -> Process:
        process = start_broker(
            tmp_path / "kafka", HOST, port, cache=cache, run=tmp_path / "run", log=tmp_path / "kafka.log", heap_mb=384
        )
        brokers.append(process)
        return process

    brokers: list[Process] = []
    running = broker()
    folding = Folding(KafkaConnection(bootstrap=(f"{HOST}:{port}",)), engine.connection, tmp_path)
    folding.publish(1500)
    _kill(engine.process)
    worker = folding.spawn("w")
    try:
        until(lambda: "does not answer; waiting for it" in folding.said("w"), "the worker waits for ClickHouse")
        engine.start()
        until(lambda: folding.folded() == folding.published(), "folded")

        _kill(engine.process)
        folding.publish(1500)
        until(lambda: "does not take rows" in folding.said("w"), "the worker says that ClickHouse is away")
        engine.start()
        until(lambda: folding.folded() == folding.published(), "folded after the engine's return")

        _kill(running)
        until(lambda: "Is it running?" in folding.said("w"), "the worker says that Kafka is away")
        running = broker()
        folding.publish(1500)
        until(lambda: folding.folded() == folding.published(), "folded after the broker's return")

        worker.send_signal(signal.SIGTERM)
        assert worker.wait(15) == 0
        assert folding.differences() == []
        said = folding.said("w")
        assert "takes rows again" in said
        assert "Traceback" not in said
        assert len(said.splitlines()) < 40, said
    finally:
        ended([worker])
        folding.close()
        stop(brokers, STOP_PATIENCE_S)


def _kill(process: Process) -> None:
    os.kill(process.pid, signal.SIGKILL)
    # Until then it may still hold its port.
    until(lambda: not process.is_alive(), "the process is gone")
