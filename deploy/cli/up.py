"""``gospulse up``: starts the stack on this machine; a running process is left alone."""

from __future__ import annotations

import argparse

import msgspec

from deploy.cli.starting import explained
from deploy.cli.topics import show_differences
from deploy.errors import FAILURE, GOOD, UserError
from deploy.settings import Settings

NAME = "up"
HELP = "start Kafka, ClickHouse and the workers, with topics and tables"
EXAMPLES = """
  gospulse up                    start everything; a second `up` changes nothing
  gospulse up --workers 4        with four workers
  GOSPULSE_KAFKA=kafka-1:9092,kafka-2:9092 gospulse up     use an existing Kafka
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("--workers", type=int, metavar="N", help="number of workers (default: the setting)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Exit code 1 when a process does not start or a topic differs from the settings."""
    from deploy.machine import stack

    if args.workers is not None:
        if not 1 <= args.workers <= 64:
            raise UserError("--workers must be from 1 to 64", 2)
        settings = msgspec.structs.replace(settings, workers=args.workers)
    with explained():
        outcome = stack.up(settings, lambda line: print(line, flush=True))
    if outcome.differences:
        show_differences(settings.kafka, outcome.differences)
        return FAILURE
    if not outcome.started and not outcome.changes:
        print("everything is up already")
    return GOOD
