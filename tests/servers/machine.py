"""A machine of its own: the whole stack in one folder, driven through the ``gospulse`` command as an operator would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TypeVar

from clickhouse_connect.driver.client import Client

from deploy.clickhouse.client import clickhouse
from deploy.errors import UserError
from deploy.machine.processes import Process, recorded
from deploy.settings_sources import load
from schemas.connections import ClickHouseConnection
from streams.refresh.refresher import Refresher
from tests.servers.ports import free_port

Answer = TypeVar("Answer")

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"


class CommandFailedError(AssertionError):
    """A command ended with another exit code than it should have; the message holds what it said."""


class Machine:
    """The stack below ``folder``, on free ports. ``settings`` are further settings, such as ``{"WORKERS": "3"}``."""

    def __init__(self, folder: Path, settings: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.data = folder / "data"
        given = {
            "DATA": str(self.data),
            "KAFKA_PORT": str(free_port()),
            "CLICKHOUSE_PORT": str(free_port()),
            "WEB_PORT": str(free_port()),
            # Learning a night costs a core for seconds: a test that wants the detector says so.
            "SPIKES": "false",
            # A test that needs the webhook asks for it.
            "WEBHOOK_PROCESSES": "0",
            "WEBHOOK_PORT": str(free_port()),
            **(settings or {}),
        }
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("GOSPULSE_")}
        self.environ = inherited | {f"GOSPULSE_{name}": value for name, value in given.items()}
        # Commands run in the machine's folder, where no gospulse.toml of the developer's is found.
        self.environ["PYTHONPATH"] = str(ROOT)
        #: The client of the last question, with what closes it: a test that waits asks many times.
        self._kept: tuple[ClickHouseConnection, Client, ExitStack] | None = None

    def start(self, *arguments: str, output: Path | None = None) -> subprocess.Popen[bytes]:
        """Starts ``gospulse ARGUMENTS`` in the background; its output goes to ``output``, else nowhere."""
        with (output or Path(os.devnull)).open("ab") as sink:
            return subprocess.Popen(
                self.command(*arguments), cwd=self.folder, env=self.environ, stdout=sink, stderr=subprocess.STDOUT
            )

    def run(self, *arguments: str, expect: int = 0, patience_s: float = 600) -> str:
        """Runs ``gospulse ARGUMENTS`` to its end and gives what it printed. Raises CommandFailedError."""
        code, said = self.outcome(*arguments, patience_s=patience_s)
        if code != expect:
            raise CommandFailedError(f"gospulse {' '.join(arguments)}: exit code {code}, not {expect}\n{said}")
        return said

    def outcome(self, *arguments: str, patience_s: float = 600) -> tuple[int, str]:
        """Runs ``gospulse ARGUMENTS`` to its end; exit code and what it printed."""
        done = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=patience_s,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    @staticmethod
    def command(*arguments: str) -> list[str]:
        """The command line of ``gospulse ARGUMENTS`` with this interpreter."""
        return [sys.executable, "-m", "deploy.cli.main", *arguments]

    def processes(self) -> dict[str, Process]:
        """What runs, by name: kafka, clickhouse, worker-1 ..."""
        return {process.name: process for process in recorded(self.data / "run") if process.is_alive()}

    def signal(self, name: str, number: signal.Signals) -> bool:
        """Sends a signal to a process of the stack by name; False where it does not run. A kill waits for its end."""
        process = self.processes().get(name)
        if process is None:
            return False
        os.kill(process.pid, number)
        while number == signal.SIGKILL and process.is_alive():
            time.sleep(0.01)
        return True

    def query(self, sql: str) -> Sequence[Sequence[Any]]:
        """Rows of a query, as the login that writes. Raises UserError while the engine is away or refuses."""
        return self._ask(lambda client: client.query(sql).result_rows)

    def command_sql(self, sql: str) -> None:
        """A statement without rows, as the login that writes. Raises UserError as ``query`` does."""
        self._ask(lambda client: client.command(sql))

    def close(self) -> None:
        """Lets go of the connection that questions share."""
        if self._kept is not None:
            self._kept[2].close()
            self._kept = None

    def _ask(self, ask: Callable[[Client], Answer]) -> Answer:
        connection = load(self.environ, self.folder).clickhouse
        if self._kept is None or self._kept[0] != connection:
            self.close()
            opened = ExitStack()
            self._kept = connection, opened.enter_context(clickhouse(connection)), opened
        _, client, opened = self._kept
        try:
            return ask(client)
        except Exception:
            # It raises a UserError with one sentence.
            self._kept = None
            opened.__exit__(*sys.exc_info())
            raise

    def folded(self, generation: int = 1, log: int = 1) -> int | None:
        """Records of a log that are folded and acknowledged; None while the engine is away."""
        try:
            rows = self.query(
                f"SELECT sum(f) FROM (SELECT max(folded) AS f FROM gospulse_data.progress_g{generation} "
                f"WHERE log = {log} GROUP BY part)"
            )
        except UserError:
            return None
        return int(rows[0][0])

    def partitions(self) -> list[dict[str, Any]]:
        """The partitions of ``gospulse status``; none while they are not known."""
        return list(json.loads(self.outcome("status", "--json")[1])["partitions"])

    def is_folded(self) -> bool:
        """Whether everything in the log is folded and acknowledged."""
        rows = self.partitions()
        return bool(rows) and all(row["lag"] == 0 for row in rows)

    def verified(self, patience_s: float = 600) -> str:
        """The report of one ``gospulse verify``, green, after everything in the log is folded.

        It asks once: a report that is red for a moment only is red.
        """
        deadline = time.monotonic() + patience_s
        while not self.is_folded():
            assert time.monotonic() < deadline, self.partitions()
            time.sleep(0.1)
        self.refresh()
        said = self.run("verify")
        assert "GREEN" in said, said
        return said

    def refresh(self, generation: int = 1) -> None:
        """Brings every roll-up up to date now, as the workers' refresher does in its own time."""
        with clickhouse(load(self.environ, self.folder).clickhouse, timeout_s=120) as client:
            Refresher(client, generation).drain()


@contextmanager
def machine(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Machine]:
    """A machine that is certainly down at the end."""
    made = Machine(folder, settings)
    try:
        yield made
    finally:
        made.close()
        for process in made.processes().values():
            # A stopped process does not hear SIGTERM.
            os.kill(process.pid, signal.SIGCONT)
        made.outcome("down")
