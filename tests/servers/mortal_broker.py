"""A broker that a test may kill: it comes back with its data, on the same port."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deploy.machine.kafka_broker.process import STOP_PATIENCE_S, start_broker
from deploy.machine.processes import Process, stop
from deploy.topics import apply
from schemas.connections import KafkaConnection
from tests.servers.ports import free_port

HOST = "127.0.0.1"


class MortalBroker:
    """A broker below ``folder``; ``cache`` holds Kafka's jars."""

    def __init__(self, folder: Path, cache: Path) -> None:
        self._folder = folder
        self._cache = cache
        self._port = free_port()
        self.process = self._start()
        self.connection = KafkaConnection(bootstrap=(f"{HOST}:{self._port}",))

    def kill(self) -> None:
        os.kill(self.process.pid, signal.SIGKILL)
        while self.process.is_alive():
            time.sleep(0.02)

    def restart(self) -> None:
        if not self.process.is_alive():
            self.process = self._start()

    def _start(self) -> Process:
        folder = self._folder
        return start_broker(
            folder / "kafka", HOST, self._port, cache=self._cache, run=folder / "run", log=folder / "log", heap_mb=256
        )


@contextmanager
def mortal_broker(folder: Path, cache: Path) -> Iterator[MortalBroker]:
    """A broker with the contract's topics, down at the end."""
    broker = MortalBroker(folder, cache)
    try:
        apply(broker.connection, 1)
        yield broker
    finally:
        if broker.process.is_alive():
            stop([broker.process], STOP_PATIENCE_S)
