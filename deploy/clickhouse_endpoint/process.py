"""Starting the endpoint as a process of its own and waiting until it answers."""

from __future__ import annotations

import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

_LINES = 10


class EndpointDiedError(Exception):
    """The endpoint ended or did not answer in time; the message holds the last lines of its log."""


def command(data: Path, port: int, passwords: Path, *, host: str = "127.0.0.1", more: Sequence[str] = ()) -> list[str]:
    """The command line that starts the endpoint. ``more``: further options (see ``--help``)."""
    return [
        *(sys.executable, "-m", "deploy.clickhouse_endpoint"),
        *("--data", str(data), "--host", host, "--port", str(port), "--passwords", str(passwords)),
        *more,
    ]


def start_endpoint(
    data: Path, port: int, passwords: Path, *, log: Path, host: str = "127.0.0.1", more: Sequence[str] = ()
) -> subprocess.Popen[bytes]:
    """Start the endpoint; its log is appended to the file ``log``. Then call ``wait_until_ready``."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        return subprocess.Popen(
            command(data, port, passwords, host=host, more=more),
            cwd=Path(__file__).resolve().parents[2],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def wait_until_ready(
    process: subprocess.Popen[bytes],
    port: int,
    *,
    log: Path,
    host: str = "127.0.0.1",
    seconds: float = 30.0,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Wait until `/ping` answers.

    Raises:
        EndpointDiedError: the process ended, or ``seconds`` went by.
    """
    deadline = clock() + seconds
    while True:
        if process.poll() is not None:
            raise EndpointDiedError(f"the ClickHouse endpoint ended with code {process.returncode}: {last_lines(log)}")
        try:
            with urllib.request.urlopen(f"http://{host}:{port}/ping", timeout=1.0) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        if clock() > deadline:
            raise EndpointDiedError(f"the ClickHouse endpoint did not answer within {seconds:g} s: {last_lines(log)}")
        time.sleep(0.05)


def last_lines(log: Path, count: int = _LINES) -> str:
    """The last lines of a log as one text; empty when there is none."""
    try:
        file: IO[bytes]
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - 16_384))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-count:])
