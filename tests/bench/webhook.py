"""Acknowledged requests a second: the service beside a minimal handler, and two producers under waiting handlers."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from msgspec import Struct

from deploy import addresses
from deploy.machine.workers import stop_workers
from deploy.settings_sources import load
from ingest.kafka.outgoing import Outgoing
from ingest.kafka.producer import Producer
from ingest.sources import Source, changed_sources, sources_file
from schemas.connections import KafkaConnection
from schemas.contract.topics import EVENTS
from tests.bench.peers.kafka_python_bridge import KafkaPythonBridge
from tests.bench.speed import cpu_seconds
from tests.ingest.platforms.builders.vk_calls import DATE, GROUP, SECRET, body, message
from tests.servers.machine import ROOT, Machine
from tests.servers.ports import free_port

CONNECTIONS = 64
TURNS = 3
SETTINGS = {"WORKERS": "1", "WEBHOOK_PROCESSES": "1", "WEBHOOK_RATE": "1000000"}


class Requests(Struct, frozen=True):
    """One contestant: requests a second, processor microseconds a request, and latency; medians of the turns."""

    name: str
    per_second: float
    cpu_us: float
    median_ms: float
    p99_ms: float


def measure(machine: Machine, requests: int = 20_000) -> list[Requests]:
    """The service and the minimal handler in turns, then the producers. ``machine`` has :data:`SETTINGS`."""
    machine.run("up")
    stop_workers([process for name, process in machine.processes().items() if name.startswith("worker-")])
    settings = load(machine.environ, machine.folder)
    with changed_sources(sources_file(settings.sources, "vk")) as sources:
        sources[str(GROUP)] = Source(page=str(GROUP), secrets=(SECRET,), added_at=0)
    time.sleep(2)
    address = addresses.read(machine.data, addresses.WEBHOOK)
    assert address is not None
    service = int(address.rpartition(":")[2]), machine.processes()["webhook-1"].pid
    turns: dict[str, list[Requests]] = {"webhook service": [], "minimal handler": []}
    with minimal_handler(settings.kafka.bootstrap[0]) as peer:
        for turn in range(TURNS + 1):
            for name, (port, pid) in {"webhook service": service, "minimal handler": peer}.items():
                found = asyncio.run(_turn(name, port, pid, requests if turn else requests // 10, turn))
                # The first turn warms both.
                if turn:
                    turns[name].append(found)
    return [_median(found) for found in turns.values()] + _producers(settings.kafka.bootstrap[0])


@contextmanager
def minimal_handler(bootstrap: str) -> Iterator[tuple[int, int]]:
    """Port and process id of a minimal handler."""
    port = free_port()
    command = [sys.executable, "-m", "tests.bench.peers.minimal_webhook", "--bootstrap", bootstrap, "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})
    try:
        time.sleep(3)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


class _Caller(asyncio.Protocol):
    """One connection that posts the next request when the last one is answered."""

    def __init__(self, requests: Iterator[bytes], delays: list[float], done: asyncio.Future[None]) -> None:
        self._requests = requests
        self._delays = delays
        self._done = done
        self._began = 0.0
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._next()

    def data_received(self, data: bytes) -> None:
        if not (data.startswith(b"HTTP/1.1 200") and data.endswith(b"ok")):
            self._done.set_exception(AssertionError(f"not acknowledged: {data[:80]!r}"))
            self._transport.close()
            return
        self._delays.append(time.perf_counter() - self._began)
        self._next()

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
            self._done.set_result(None)
            return
        self._began = time.perf_counter()
        self._transport.write(request)


async def _turn(name: str, port: int, pid: int, count: int, turn: int) -> Requests:
    loop = asyncio.get_running_loop()
    requests = iter([_request(turn * 10_000_000 + number) for number in range(count)])
    delays: list[float] = []
    cpu, began = cpu_seconds(pid), time.perf_counter()
    ends = []
    for _ in range(CONNECTIONS):
        ends.append(loop.create_future())
        await loop.create_connection(partial(_Caller, requests, delays, ends[-1]), "127.0.0.1", port)
    await asyncio.gather(*ends)
    return _figures(name, delays, time.perf_counter() - began, cpu_seconds(pid) - cpu)


def _request(number: int) -> bytes:
    said = body("message_new", message((1 << 40) + number, cmid=number + 1, date=DATE))
    return b"POST /vk HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (
        len(said),
        said,
    )


def _producers(bootstrap: str) -> list[Requests]:
    turns: dict[str, list[Requests]] = {"aiokafka producer": [], "kafka-python with a bridge": []}
    for _ in range(TURNS):
        turns["aiokafka producer"].append(asyncio.run(_aiokafka(bootstrap)))
        turns["kafka-python with a bridge"].append(asyncio.run(_kafka_python(bootstrap)))
    return [_median(found) for found in turns.values()]


async def _aiokafka(bootstrap: str) -> Requests:
    producer = Producer(KafkaConnection(bootstrap=(bootstrap,)), timeout=10, client_id="bench")
    await producer.start(10)
    try:
        return await _waiting("aiokafka producer", producer.deliver)
    finally:
        await producer.close()


async def _kafka_python(bootstrap: str) -> Requests:
    bridge = KafkaPythonBridge(bootstrap, EVENTS)
    try:
        return await _waiting("kafka-python with a bridge", bridge.deliver)
    finally:
        await asyncio.to_thread(bridge.close)


async def _waiting(
    name: str, deliver: Callable[[Sequence[Outgoing]], Awaitable[None]], count: int = 30_000
) -> Requests:
    """Handlers that each await one record of 350 bytes at a time."""
    delays: list[float] = []
    numbers = iter(range(count))

    async def handler() -> None:
        for number in numbers:
            began = time.perf_counter()
            await deliver([Outgoing(EVENTS, str(number), b"x" * 350)])
            delays.append(time.perf_counter() - began)

    cpu, began = time.process_time(), time.perf_counter()
    await asyncio.gather(*(handler() for _ in range(CONNECTIONS)))
    return _figures(name, delays, time.perf_counter() - began, time.process_time() - cpu)


def _figures(name: str, delays: list[float], seconds: float, cpu: float) -> Requests:
    delays.sort()
    count = len(delays)
    return Requests(name, count / seconds, cpu / count * 1e6, delays[count // 2] * 1e3, delays[int(count * 0.99)] * 1e3)


def _median(turns: list[Requests]) -> Requests:
    fields = Requests.__struct_fields__[1:]
    return Requests(turns[0].name, *(statistics.median(getattr(turn, field) for turn in turns) for field in fields))
