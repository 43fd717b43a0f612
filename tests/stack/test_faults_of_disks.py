"""A full disk below Kafka or ClickHouse: said in the log, nothing acknowledged is lost, and it goes on by itself."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.machine import Machine, machine
from tests.stack.builders.folding import until

#: Fits an empty server with room for some thousand records.
SIZES_MB = {"kafka": 64, "clickhouse": 96}


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Machine]:
    mounted = []
    for server, size in SIZES_MB.items():
        disk = tmp_path / "data" / server
        disk.mkdir(parents=True)
        command = ["mount", "-t", "tmpfs", "-o", f"size={size}m", "tmpfs", str(disk)]
        if subprocess.run(command, check=False, capture_output=True).returncode != 0:
            pytest.skip("a small tmpfs cannot be mounted here: a full disk was not tried")
        mounted.append(disk)
    try:
        with machine(tmp_path, {"WORKERS": "1", "KAFKA_HEAP_MB": "256"}) as made:
            made.run("up")
            yield made
    finally:
        for disk in mounted:
            subprocess.run(["umount", str(disk)], check=True)


def fill(disk: Path) -> Path:
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            try:
                while True:
                    file.write(os.urandom(size))
            except OSError:
                continue
    return ballast


@pytest.mark.chaos
@pytest.mark.timeout(900)
def test_disks_fill_up_and_are_freed(stack: Machine) -> None:
    def said() -> str:
        return (stack.data / "logs" / "worker-1.log").read_text()

    def send(seed: int, *options: str, expect: int = 0) -> str:
        return stack.run("simulate", "--seed", str(seed), "--events", "3000", "--no-readings", *options, expect=expect)

    send(1)
    until(lambda: stack.folded() == 3000, "folded")

    # ClickHouse's disk: the worker holds its rows, sends them again, and commits nothing until they are written.
    ballast = fill(stack.data / "clickhouse")
    send(2)
    until(lambda: "not enough space" in said().lower() or "does not take rows" in said(), "the worker says so")
    assert stack.folded() == 3000
    ballast.unlink()
    until(lambda: stack.folded() == 6000, "folded after space was freed")

    # Kafka's disk: what was not confirmed is an error of the sender; what was confirmed stays.
    ballast = fill(stack.data / "kafka")
    said_by_sender = send(3, "--timeout", "3", expect=1)
    assert "Traceback" not in said_by_sender and said_by_sender.count("gospulse: ") == 1, said_by_sender
    # A broker that cannot write ends by itself, as Kafka's way is with its only log directory.
    until(lambda: "kafka" not in stack.processes(), "the broker gives up")
    code, status = stack.outcome("status")
    assert (code, "kafka died; the last lines of" in status) == (1, True)
    ballast.unlink()
    assert "kafka is up" in stack.run("up")
    send(4)
    until(lambda: (stack.folded() or 0) >= 9000, "folded after the broker's return")
    stack.verified()
    assert "Traceback" not in said()
