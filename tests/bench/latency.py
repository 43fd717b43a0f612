"""From the publisher's acknowledgement to a row in a view, under a steady load; and the worker's memory meanwhile."""

from __future__ import annotations

import statistics
import threading
import time
import uuid

from msgspec import Struct

from deploy.clickhouse.client import clickhouse
from deploy.settings_sources import load
from ingest.kafka.publisher import Publisher
from schemas.contract.events import Event, encode_event
from schemas.contract.topics import EVENTS
from tests.bench.speed import resident_mb
from tests.servers.machine import Machine

SOURCE = "bench:latency"
PAUSE_S = 0.04


class Latency(Struct, frozen=True):
    """Seconds from acknowledged to visible: median and 99th percentile of ``appeals``; memory of the worker in MB."""

    rate: int
    partitions: int
    appeals: int
    median_s: float
    p99_s: float
    worker_mb: float


def measure(machine: Machine, rate: int, seconds: float) -> Latency:
    """Marked appeals among ``rate`` synthetic events a second; each is awaited in ``gospulse.appeals``."""
    feeder = machine.start("simulate", "--seed", "77", "--rate", str(rate), "--events", str(int(rate * (seconds + 15))))
    time.sleep(8)
    acknowledged: dict[str, float] = {}
    visible: dict[str, float] = {}
    over = threading.Event()
    watcher = threading.Thread(target=_watch, args=(machine, acknowledged, visible, over))
    watcher.start()
    try:
        _publish(machine, acknowledged, seconds)
        deadline = time.monotonic() + 20
        while len(visible) < len(acknowledged) and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        over.set()
        watcher.join()
        feeder.terminate()
        feeder.wait()
    if len(visible) < len(acknowledged):
        raise AssertionError(f"{len(acknowledged) - len(visible)} appeals did not become visible within 20 s")
    delays = sorted(visible[key] - acknowledged[key] for key in acknowledged)
    partitions = int(machine.query("SELECT uniqExact(log, part) FROM gospulse_data.progress_g1")[0][0])
    worker = machine.processes()["worker-1"]
    return Latency(
        rate=rate,
        partitions=partitions,
        appeals=len(delays),
        median_s=statistics.median(delays),
        p99_s=delays[int(len(delays) * 0.99)],
        worker_mb=resident_mb(worker.pid),
    )


def _publish(machine: Machine, acknowledged: dict[str, float], seconds: float) -> None:
    end = time.monotonic() + seconds
    with Publisher(load(machine.environ, machine.folder).kafka) as publisher:
        while time.monotonic() < end:
            appeal = uuid.uuid4().hex
            event = Event(
                v=1,
                id=uuid.uuid4().hex,
                kind="appeal_received",
                at=time.time_ns() // 1_000_000,
                source=SOURCE,
                place="00000000",
                channel="bench",
                entrance="public_page",
                appeal=appeal,
            )
            publisher.publish(EVENTS, appeal, encode_event(event))
            publisher.flush()
            acknowledged[appeal] = time.monotonic()
            time.sleep(PAUSE_S)


def _watch(machine: Machine, acknowledged: dict[str, float], visible: dict[str, float], over: threading.Event) -> None:
    """Notes when each appeal is first seen. One connection, as a dashboard has."""
    with clickhouse(load(machine.environ, machine.folder).analyst) as client:
        while not over.is_set():
            waiting = set(acknowledged) - set(visible)
            if waiting:
                rows = client.query(
                    f"SELECT appeal FROM gospulse.appeals WHERE source = '{SOURCE}' "
                    "AND received_at >= now() - INTERVAL 1 MINUTE"
                ).result_rows
                now = time.monotonic()
                for (appeal,) in rows:
                    if appeal in waiting:
                        visible[appeal] = now
            time.sleep(0.05)
