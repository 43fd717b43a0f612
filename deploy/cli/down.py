"""``gospulse down``: stops the stack in order: workers, ClickHouse, Kafka."""

from __future__ import annotations

import argparse

from deploy.errors import GOOD
from deploy.settings import Settings

NAME = "down"
HELP = "stop all processes of `gospulse up`"
EXAMPLES = """
  gospulse down      data stay; `gospulse up` continues
"""


def configure(_parser: argparse.ArgumentParser) -> None:
    """There are no options."""


def run(_args: argparse.Namespace, settings: Settings) -> int:
    """Exit code 0, also when nothing was running."""
    from deploy.machine import stack

    ended = stack.down(settings, lambda line: print(line, flush=True))
    print(f"stopped: {', '.join(ended)}" if ended else "nothing was running")
    return GOOD
