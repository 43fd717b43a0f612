"""The one-machine stack as a person meets it: up, status, logs, down, and what each says when something is wrong."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient

from deploy.cli.main import main
from deploy.machine import clickhouse_process, workers
from deploy.machine import stack as stack_module
from deploy.machine.kafka_broker import process as broker_process
from deploy.machine.processes import Process, find, recorded
from deploy.settings import Settings
from deploy.settings_sources import load
from tests.servers.ports import free_port


class Stack:
    """A data directory of its own, and the ``gospulse`` command run in it."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys

    @property
    def settings(self) -> Settings:
        return load(os.environ, self.folder)

    def run(self, *arguments: str) -> tuple[int, str, str]:
        self._capsys.readouterr()
        code = main(arguments)
        shown = self._capsys.readouterr()
        return code, shown.out, shown.err

    def status(self) -> tuple[int, dict[str, Any]]:
        code, out, _ = self.run("status", "--json")
        return code, json.loads(out)

    def process(self, name: str) -> Process:
        process = find(workers.run_directory(self.settings.data), name)
        assert process is not None
        return process

    def kill(self, name: str) -> Process:
        process = self.process(name)
        os.kill(process.pid, signal.SIGKILL)
        while process.is_alive():
            time.sleep(0.01)
        return process


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Stack]:
    monkeypatch.chdir(tmp_path)
    first = free_port()
    for offset, name in enumerate(("KAFKA_PORT", "CLICKHOUSE_PORT", "WEB_PORT")):
        monkeypatch.setenv(f"GOSPULSE_{name}", str(min(first, 64_000) + 100 * offset))
    monkeypatch.setenv("GOSPULSE_WORKERS", "1")
    monkeypatch.setenv("GOSPULSE_WEBHOOK_PROCESSES", "0")
    monkeypatch.setenv("GOSPULSE_SPIKES", "false")
    monkeypatch.setenv("GOSPULSE_KAFKA_HEAP_MB", "256")
    monkeypatch.setenv("GOSPULSE_CLICKHOUSE_MEMORY_MB", "2000")
    stack = Stack(tmp_path, capsys)
    yield stack
    stack.run("down")
    assert not any(process.is_alive() for process in recorded(workers.run_directory(stack.settings.data)))


def test_a_life_of_the_stack(stack: Stack) -> None:
    code, out, err = stack.run("up")
    assert (code, err) == (0, "")
    assert "topics created: events, readings, rejected" in out
    assert "worker-1 is up at 127.0.0.1:" in out

    pids = {process.name: process.pid for process in recorded(workers.run_directory(stack.settings.data))}
    assert set(pids) == {"kafka", "clickhouse", "worker-1"}
    assert stack.run("up") == (0, "everything is up already\n", "")
    assert {p.name: p.pid for p in recorded(workers.run_directory(stack.settings.data))} == pids

    # An `up` that was interrupted has not written down where the servers are: the next one does.
    for file in (stack.folder / ".gospulse" / "run").glob("*.address"):
        file.unlink()
    assert stack.run("up") == (0, "everything is up already\n", "")
    code, status = stack.status()
    assert code == 0
    assert {part["name"]: part["state"] for part in status["parts"]} == dict.fromkeys(pids, "running")
    assert len(status["partitions"]) == 13
    assert all(partition["lag"] == 0 for partition in status["partitions"])

    # Every server and its data is for its owner only, and nothing in the logs gives a password away.
    secrets = [stack.settings.clickhouse.password.reveal(), stack.settings.analyst.password.reveal()]
    for log in (stack.folder / ".gospulse" / "logs").iterdir():
        assert not any(secret in log.read_text() for secret in secrets)

    log = stack.folder / ".gospulse" / "logs" / "worker-1.log"
    while "worker-1" not in log.read_text():
        time.sleep(0.05)

    # A worker and the broker die: they are shown with their last words, and `up` starts them where they were.
    dead_worker, dead_broker = stack.kill("worker-1"), stack.kill("kafka")
    code, status = stack.status()
    assert code == 1
    died = {part["name"]: part for part in status["parts"] if part["state"] == "died"}
    assert set(died) == {"worker-1", "kafka"}
    assert any("worker-1" in line for line in died["worker-1"]["last_lines"])
    assert "kafka does not answer" in status["unknown"]
    code, out, _ = stack.run("up", "--workers", "2")
    assert code == 0
    assert f"kafka is up at {dead_broker.address} " in out
    assert f"worker-1 is up at {dead_worker.address} " in out
    assert "worker-2 is up" in out
    assert "clickhouse" not in out
    assert stack.status()[0] == 0
    code, out, _ = stack.run("logs", "worker-1", "-n", "2")
    assert (code, len(out.splitlines())) == (0, 2)

    # A topic that is not as it must be is named, and keeps workers from starting.
    _change_retention(stack.settings)
    stack.kill("worker-1")
    code, out, _ = stack.run("up")
    assert code == 1
    assert "retention.ms" in out
    assert "1000" in out
    assert not stack.process("worker-1").is_alive()

    assert stack.run("down")[:2] == (0, "stopped: clickhouse, kafka, worker-2\n")
    assert stack.run("down")[:2] == (0, "nothing was running\n")
    code, out, _ = stack.run("status")
    assert (code, out) == (1, "nothing is running: `gospulse up` starts everything\n")
    assert "run `gospulse up` or set GOSPULSE_KAFKA" in stack.run("topics", "list")[2]


def _change_retention(settings: Settings) -> None:
    from kafka.admin import ConfigResource

    admin = KafkaAdminClient(bootstrap_servers=list(settings.kafka.bootstrap))
    try:
        admin.alter_configs([ConfigResource("TOPIC", "readings", {"retention.ms": "1000"})])
    finally:
        admin.close()


def test_an_existing_kafka_and_clickhouse_are_used_and_left_running(
    stack: Stack,
    kafka_broker: Process,
    kafka_bootstrap: str,
    topic_prefix: str,
    clickhouse_server: Any,
    clickhouse: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GOSPULSE_KAFKA", kafka_bootstrap)
    monkeypatch.setenv("GOSPULSE_TOPIC_PREFIX", topic_prefix)
    monkeypatch.setenv("GOSPULSE_CLICKHOUSE", f"http://127.0.0.1:{clickhouse.port}")
    monkeypatch.setenv("GOSPULSE_CLICKHOUSE_PASSWORD", "wrong")
    code, _, err = stack.run("up")
    assert code == 1
    assert "rejects the login gospulse" in err
    assert "wrong" not in err
    monkeypatch.setenv("GOSPULSE_CLICKHOUSE_PASSWORD", clickhouse.password.reveal())
    assert stack.run("up")[0] == 0
    _, status = stack.status()
    assert {part["name"]: part["state"] for part in status["parts"]} == {
        "kafka": "existing",
        "clickhouse": "existing",
        "worker-1": "running",
    }
    assert stack.run("down")[1] == "stopped: worker-1\n"
    assert kafka_broker.is_alive()
    assert clickhouse_server.process.is_alive()


def test_a_server_that_is_away_is_one_sentence(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = free_port()
    monkeypatch.setenv("GOSPULSE_KAFKA", f"127.0.0.1:{nobody}")
    monkeypatch.setenv("GOSPULSE_CLICKHOUSE", f"http://127.0.0.1:{nobody}")
    monkeypatch.setenv("GOSPULSE_CLICKHOUSE_PASSWORD", "x")
    code, _, err = stack.run("migrate")
    assert (code, err.count("\n")) == (1, 1)
    assert f"ClickHouse at 127.0.0.1:{nobody} does not answer" in err
    code, status = stack.status()
    assert code == 1
    assert {part["state"] for part in status["parts"]} == {"away"}


def test_a_port_in_use_is_passed_over_aloud(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", stack.settings.kafka_port)):
        monkeypatch.setenv("GOSPULSE_CLICKHOUSE", "http://127.0.0.1:1")
        monkeypatch.setenv("GOSPULSE_CLICKHOUSE_PASSWORD", "x")
        _, out, _ = stack.run("up")
    assert f"port {stack.settings.kafka_port} is in use, kafka takes" in out
    assert stack.settings.kafka.bootstrap != (f"127.0.0.1:{stack.settings.kafka_port}",)


@pytest.mark.long
def test_another_stack_on_the_chosen_ports_is_not_taken_for_this_one(
    stack: Stack, kafka_bootstrap: str, clickhouse_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each port is free when it is chosen and another stack's when the server binds to it."""
    foreign = [int(kafka_bootstrap.rpartition(":")[2]), clickhouse_server.port]
    lost = {stack.settings.kafka_port: foreign[0], stack.settings.clickhouse_port: foreign[1]}
    monkeypatch.setattr(stack_module, "free_port", lambda host, first: lost.pop(first, 0) or free_port())
    monkeypatch.setattr(broker_process, "demand_free", lambda *_: None)
    monkeypatch.setattr(clickhouse_process, "demand_free", lambda *_: None)
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        web = [stranger.getsockname()[1]]
        monkeypatch.setattr(workers, "free_port", lambda *_: web.pop() if web else free_port())
        code, out, err = stack.run("up")
    assert (code, err) == (0, "")
    assert out.count("another port is tried") == 3
    assert {part["state"] for part in stack.status()[1]["parts"]} == {"running"}
    taken = {process.address for process in recorded(workers.run_directory(stack.settings.data))}
    assert not taken & {f"127.0.0.1:{port}" for port in foreign}
    assert stack.run("topics", "list")[0] == 0

    # The broker dies and another one has its port: no command takes it for ours.
    dead = stack.kill("kafka")
    assert dead.address is not None
    with socket.create_server(("127.0.0.1", int(dead.address.rpartition(":")[2]))):
        code, _, err = stack.run("topics", "apply")
        assert (code, f"another server answers at {dead.address}: run `gospulse up`" in err) == (1, True)
        code, out, err = stack.run("up")
    assert (code, err) == (0, "")
    assert f"kafka is up at {dead.address} " not in out


def test_without_java_it_says_what_to_install(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(stack.folder))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("GOSPULSE_CLICKHOUSE", "http://127.0.0.1:1")
    code, _, err = stack.run("up")
    assert code == 2
    assert "Kafka needs Java: install a JRE 17 or newer" in err
