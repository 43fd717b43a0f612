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


@contextlib.contextmanager
def screen(settings: Settings, say: Callable[[str], None]) -> Iterator[None]:
    """Starts the preview on its port, or on the next free one, and says where; stops it at the end."""
    if importlib.util.find_spec("plotly") is None:
        say("no screen: the preview needs plotly (pip install 'gospulse[preview]')")
        yield
        return
    port = free_port(settings.bind, PORT)
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
    say(f"\nLook at it in a browser: http://{settings.bind}:{port}\n")
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
