"""A signal stops a command whatever the main thread does at that moment."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

#: The main thread waits for an event most of its time, and holds the event's lock around each wait.
WAITS = """
import signal, sys
from deploy.cli.signals import stop_on_signal
with stop_on_signal() as stopped:
    with stopped._cond:
        signal.raise_signal(signal.Signals[sys.argv[1]])
    print("stopped" if stopped.wait(60) else "never")
"""

TWICE = """
import signal, time
from deploy.cli.signals import stop_on_signal
with stop_on_signal() as stopped:
    try:
        for _ in range(2):
            signal.raise_signal(signal.SIGINT)
        time.sleep(60)
    except KeyboardInterrupt:
        print("at once")
"""


def said(script: str, *arguments: str) -> str:
    command = [sys.executable, "-c", script, *arguments]
    run = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    return run.stdout + run.stderr


@pytest.mark.parametrize("name", [signal.SIGINT.name, signal.SIGTERM.name])
def test_a_signal_that_comes_while_the_event_is_locked_is_heeded(name: str) -> None:
    assert said(WAITS, name) == "stopped\n"


def test_the_second_signal_ends_it_at_once() -> None:
    assert said(TWICE) == "at once\n"
