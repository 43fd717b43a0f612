"""SIGTERM ends a worker with exit code 0 at any moment: it may be importing, waiting for a server, or folding."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path

import pytest
from msgspec.structs import replace

from schemas.clickhouse.durability import unsynced
from schemas.clickhouse.generations import FIRST
from tests.servers.ports import free_port
from tests.stack.builders.folding import HOST, Folding, ended, until


def heeds_sigterm(worker: subprocess.Popen[bytes]) -> bool:
    """Whether the process has a handler for SIGTERM: from then on it may be asked to end (proc(5), SigCgt)."""
    status = Path(f"/proc/{worker.pid}/status").read_text()
    caught = int(next(line for line in status.splitlines() if line.startswith("SigCgt")).split()[1], 16)
    return bool(caught >> (signal.SIGTERM - 1) & 1)


def end(worker: subprocess.Popen[bytes]) -> int:
    worker.send_signal(signal.SIGTERM)
    return worker.wait(15)


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc to see handlers of signals")
def test_it_ends_while_it_begins(folding: Folding) -> None:
    workers = []
    try:
        # From the first moment on, through the second of imports, to the time when it joins its group.
        for step in range(12):
            worker = folding.spawn(f"w{step}")
            workers.append(worker)
            until(lambda worker=worker: heeds_sigterm(worker), "it heeds SIGTERM")  # type: ignore[misc]
            time.sleep(step * 0.2)
            assert end(worker) == 0, folding.said(f"w{step}")
            assert "Traceback" not in folding.said(f"w{step}")
    finally:
        ended(workers)


def test_it_ends_while_it_waits_for_a_server(folding: Folding) -> None:
    nowhere = free_port()
    clickhouse, kafka = folding.clickhouse, folding.kafka
    folding.clickhouse = replace(clickhouse, port=nowhere)
    waiting = folding.spawn("without-clickhouse")
    folding.clickhouse, folding.kafka = clickhouse, replace(kafka, bootstrap=(f"{HOST}:{nowhere}",))
    alone = folding.spawn("without-kafka")
    folding.kafka = kafka
    try:
        until(lambda: "waiting for it" in folding.said("without-clickhouse"), "it waits for ClickHouse")
        assert end(waiting) == 0, folding.said("without-clickhouse")
        until(lambda: "Is it running?" in folding.said("without-kafka"), "it waits for Kafka")
        assert end(alone) == 0, folding.said("without-kafka")
    finally:
        ended([waiting, alone])


def test_it_does_not_start_on_tables_that_may_lose_acknowledged_rows(folding: Folding) -> None:
    worker = folding.spawn("careful", fsync=True)
    try:
        assert worker.wait(30) == 1
        said = folding.said("careful")
        assert "do not sync an insert to the disk" in said
        assert "MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1" in said
        assert "Traceback" not in said
    finally:
        ended([worker])
    client = folding.client
    tables = client.query(
        "SELECT name FROM system.tables WHERE database = 'gospulse_data' AND endsWith(name, '_g1') "
        "AND engine LIKE '%MergeTree'"
    )
    for (name,) in tables.result_rows:
        assert unsynced(client, FIRST) is not None
        client.command(
            f"ALTER TABLE gospulse_data.{name} MODIFY SETTING fsync_after_insert = 1, fsync_part_directory = 1"
        )
    assert unsynced(client, FIRST) is None
