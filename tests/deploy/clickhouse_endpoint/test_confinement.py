"""A confined process keeps what it has open and reaches nothing else, whatever code runs in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ClickHouseServer
from tests.deploy.clickhouse_endpoint.builders.canary import Canary
from tests.deploy.clickhouse_endpoint.builders.plain_http import ask

_PROGRAM = """
import os, pathlib, socket, subprocess, sys, threading
from deploy.clickhouse_endpoint.confinement import confine
writable, secret, port = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), int(sys.argv[3])
listening = socket.create_server(("127.0.0.1", 0))
print(confine([writable]), flush=True)
def says(what, work):
    try:
        work()
    except OSError as error:
        print(what, type(error).__name__)
    else:
        print(what, "done")
def all_of_it():
    says("read", secret.read_text)
    says("list", lambda: list(secret.parent.iterdir()))
    says("environment", pathlib.Path("/proc/self/environ").read_bytes)
    own_thread = pathlib.Path(f"/proc/self/task/{threading.get_native_id()}")
    says("statistics", (own_thread / "schedstat").read_text)
    says("memory", (own_thread / "mem").read_bytes)
    says("other folders", lambda: list((own_thread / "root").iterdir()))
    print("kept", os.environ["SECRET"], "seen", b"secret" in (own_thread / "environ").read_bytes())
    says("write", lambda: (secret.parent / "new").write_text("x"))
    says("run", lambda: subprocess.run(["/bin/true"]))
    says("connect", lambda: socket.create_connection(("127.0.0.1", port)))
    says("own", lambda: (writable / "new").write_text("x"))
    says("accept", listening.getsockname)
thread = threading.Thread(target=all_of_it)
thread.start()
thread.join()
"""


def test_a_confined_process_reaches_only_its_data(tmp_path: Path) -> None:
    own, other = tmp_path / "own", tmp_path / "other"
    own.mkdir()
    other.mkdir()
    canary = Canary(other / "secret")
    port = canary.url.rsplit(":", 1)[1].rstrip("/")
    command = [sys.executable, "-c", _PROGRAM, str(own), str(canary.path), port]
    env = os.environ | {"SECRET": "a secret"}
    ran = subprocess.run(command, capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3], env=env)
    confined, *lines = ran.stdout.splitlines()
    if confined != "None":
        pytest.skip(f"{confined}: nothing to see here")
    assert lines == [
        "read PermissionError",
        "list PermissionError",
        "environment PermissionError",
        "statistics done",
        "memory OSError",
        "other folders PermissionError",
        "kept a secret seen False",
        "write PermissionError",
        "run PermissionError",
        "connect PermissionError",
        "own done",
        "accept done",
    ]
    assert not canary.uses()
    canary.close()


def test_the_process_alone_keeps_files_from_sql(clickhouse_server: ClickHouseServer, tmp_path: Path) -> None:
    # The check of the login that writes does not look at data. So this reaches the engine.
    writer = clickhouse_server.connection
    for sql in ("DROP DATABASE IF EXISTS confined", "CREATE DATABASE confined", "CREATE TABLE confined.t (a String)"):
        assert ask(writer, sql + (" ENGINE = Memory" if "TABLE" in sql else "")).status == 200
    inside = Canary(clickhouse_server.folder / "data" / "canary")
    outside = Canary(tmp_path / "canary")
    assert ask(writer, f"INSERT INTO confined.t FORMAT Values (file('{inside.path}'))").status == 200
    assert inside.uses()
    assert ask(writer, f"INSERT INTO confined.t FORMAT Values (file('{outside.path}'))").status != 200
    if "no Landlock" not in (clickhouse_server.folder / "clickhouse.log").read_text():
        assert not outside.uses()
    inside.close()
    outside.close()
    assert ask(writer, "DROP DATABASE confined").status == 200


def test_queries_raise_no_error_for_the_statistics_of_their_threads(clickhouse_server: ClickHouseServer) -> None:
    errors = "SELECT sum(value) FROM system.errors WHERE name = 'CANNOT_OPEN_FILE'"
    before = ask(clickhouse_server.connection, errors).body
    for _ in range(3):
        assert ask(clickhouse_server.connection, "SELECT sum(number) FROM numbers_mt(1000000)").status == 200
    assert ask(clickhouse_server.connection, errors).body == before


def test_no_login_makes_the_endpoint_open_a_file_of_the_machine(
    clickhouse_server: ClickHouseServer, tmp_path: Path
) -> None:
    canary = Canary(tmp_path / "canary")
    for connection in (clickhouse_server.connection, clickhouse_server.analyst):
        for sql in (
            f"SELECT file('{canary.path}')",
            f"SELECT arrayMap(file, ['{canary.path}'])",
            f"SELECT * APPLY(file) FROM (SELECT '{canary.path}' AS x)",
            f"SELECT * FROM format(TSV, 'x String, y String DEFAULT file(''{canary.path}'')', 'x')",
            f"SELECT * FROM file('{canary.path}', 'LineAsString')",
            f"SELECT * FROM url('{canary.url}', 'LineAsString')",
            "SELECT file('/proc/self/environ')",
            f"SELECT file('{clickhouse_server.folder}/passwords/gospulse')",
        ):
            answer = ask(connection, sql)
            assert answer.status != 200, sql
            assert not canary.uses(), sql
    canary.close()
