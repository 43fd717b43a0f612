"""The demonstration's screen: the preview of the boards beside it, as long as it runs."""

from __future__ import annotations

import contextlib
import importlib.util
import subprocess
import sys
from collections.abc import Callable, Iterator

from deploy.cli.preview.command import PORT
from deploy.machine import workers
from deploy.machine.processes import free_port
from deploy.settings import Settings

STOP_PATIENCE_S = 10


def announce(settings: Settings, say: Callable[[str], None]) -> int | None:
    """Chooses the preview's port, its own or the next free one, and says its address; None without a preview."""
    if importlib.util.find_spec("plotly") is None:
        say("no screen: the preview needs plotly (pip install 'gospulse[preview]')")
        return None
    port = free_port(settings.bind, PORT)
    say(f"Look at it in a browser, as soon as the servers are up: http://{settings.bind}:{port}\n")
    return port


@contextlib.contextmanager
def screen(settings: Settings, port: int | None) -> Iterator[None]:
    """Runs the preview on the announced port; stops it at the end."""
    if port is None:
        yield
        return
    log = workers.log_file(settings.data, "preview")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as sink:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "deploy.cli.main", "preview", "--port", str(port)],
            env=workers.environment(settings),
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
