"""A full disk: inserts are refused with their error, nothing acknowledged is lost, and later it goes on."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import passwords
from deploy.machine.clickhouse_process import STOP_PATIENCE_S
from deploy.machine.processes import stop
from tests.conftest import ClickHouseServer
from tests.deploy.clickhouse_endpoint.builders.plain_http import ask
from tests.servers.ports import free_port


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    command = ["mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", str(tmp_path)]
    if subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("a small tmpfs cannot be mounted here: a full disk was not tried")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


def _fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12):
            try:
                while True:
                    file.write(os.urandom(size))
            except OSError:
                continue


def test_a_full_disk_refuses_and_recovers(small_disk: Path) -> None:
    passwords.generate(small_disk)
    server = ClickHouseServer(small_disk, free_port())
    server.start()
    try:
        connection = server.connection
        for sql in ("CREATE DATABASE d", "CREATE TABLE d.t (a UInt64, b String) ENGINE = MergeTree ORDER BY a"):
            assert ask(connection, sql).status == 200
        assert ask(connection, "INSERT INTO d.t FORMAT TSV\n1\tx\n").status == 200
        ballast = small_disk / "ballast"
        _fill(ballast)
        for body in (
            b"INSERT INTO d.t FORMAT TSV\n2\tx\n",
            b"INSERT INTO d.t VALUES (3, 'x')",
            b"INSERT INTO d.t SELECT a, b FROM input('a UInt64, b String') FORMAT TSV\n4\tx\n",
            b"INSERT INTO d.t FORMAT TSV\n" + b"5\tx\n" * 6_000_000,
        ):
            answer = ask(connection, body)
            assert (answer.status, answer.code) == (500, 243), answer.text
        assert ask(connection, "SELECT a FROM d.t").text == "1\n"
        ballast.unlink()
        assert ask(connection, "INSERT INTO d.t FORMAT TSV\n6\tx\n").status == 200
        assert ask(connection, "SELECT a FROM d.t ORDER BY a").text == "1\n6\n"
    finally:
        stop([server.process], STOP_PATIENCE_S)
