"""``gospulse down``: ends the stack in order: workers first, then ClickHouse, then Kafka."""

from __future__ import annotations

import argparse

from deploy.errors import GOOD
from deploy.settings import Settings

NAME = "down"
HELP = "stop everything that `gospulse up` started"
EXAMPLES = """
  gospulse down      data stays; `gospulse up` goes on where it was
"""


def configure(_parser: argparse.ArgumentParser) -> None:
    """There are no options."""


def run(_args: argparse.Namespace, settings: Settings) -> int:
    """Exit code 0, also when nothing was running."""
    from deploy.machine import stack

    ended = stack.down(settings, lambda line: print(line, flush=True))
    print(f"stopped: {', '.join(ended)}" if ended else "nothing was running")
    return GOOD
