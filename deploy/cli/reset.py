"""``gospulse reset``: deletes the data directory, after a question."""

from __future__ import annotations

import argparse
import sys

from deploy.errors import FAILURE, GOOD, WRONG_USE, UserError
from deploy.settings import Settings

NAME = "reset"
HELP = "stop everything and delete the data directory, after a question"
EXAMPLES = """
  gospulse reset                                         show what is there, ask, delete
  GOSPULSE_DATA=.gospulse-demo gospulse reset --yes      delete the demo's data without a question

It deletes data, passwords and the identity key. Files that Gospulse did not make stay. An existing Kafka or
ClickHouse (GOSPULSE_KAFKA, GOSPULSE_CLICKHOUSE) keeps its data. Exit code 1: not confirmed.
"""

_MB = 1_000_000


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds ``--yes``."""
    parser.add_argument("--yes", action="store_true", help="do not ask")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Exit code 1 when the question is not answered with yes, 2 when nobody can answer it."""
    from deploy.machine import data_directory, stack

    data = settings.data
    found = data_directory.entries(data)
    if not found:
        print(f"there is nothing of Gospulse in {data}")
        return GOOD
    if not (args.yes or sys.stdin.isatty()):
        raise UserError(f"all data in {data} would be deleted: confirm with --yes", WRONG_USE)
    if not args.yes:
        print(f"{data} holds:")
        for path in found:
            print(f"  {path.name:<12} {data_directory.size(path) / _MB:>12,.1f} MB")
        if (data / "keys").is_dir():
            print("Without the identity key in keys/, appeals that are imported again count as new ones.")
        if input("Delete all of it for ever? [y/N] ").strip().lower() not in ("y", "yes"):
            print("Nothing was deleted.")
            return FAILURE
    stopped = stack.down(settings, lambda line: print(line, flush=True))
    if stopped:
        print(f"stopped: {', '.join(stopped)}")
    data_directory.remove(data)
    print(f"deleted {data}")
    left = data_directory.others(data)
    if left:
        print(f"kept, because Gospulse did not make it: {', '.join(path.name for path in left)}")
    return GOOD
