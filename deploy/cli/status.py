"""``gospulse status``: processes, lag and heartbeats of the stack."""

from __future__ import annotations

import argparse

import msgspec

from deploy.cli.tables import show
from deploy.errors import FAILURE, GOOD
from deploy.settings import Settings

NAME = "status"
HELP = "show processes, lag of each partition and age of the heartbeats"
EXAMPLES = """
  gospulse status            exit code 0 only if everything is up and every partition is folded
  gospulse status --json     the same as one JSON object
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds ``--json``."""
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Exit code 1 when nothing runs, a part died, a partition is stopped, or its worker is silent."""
    from deploy.machine.status import Status, read_status

    status: Status = read_status(settings)
    if args.json:
        document = {**msgspec.to_builtins(status), "good": status.good}
        print(msgspec.json.format(msgspec.json.encode(document)).decode())
        return GOOD if status.good else FAILURE
    if not status.parts:
        print("nothing is running: `gospulse up` starts everything")
        return FAILURE
    show(
        ("process", "pid", "address", "state", "since (UTC)"),
        [
            (part.name, part.pid, part.address, part.state, part.since and f"{part.since:%Y-%m-%d %H:%M:%S}")
            for part in status.parts
        ],
        right=("pid",),
    )
    for part in status.parts:
        if part.last_lines:
            print(f"{part.name} died; the last lines of {part.log}:")
            print("".join(f"  | {line}\n" for line in part.last_lines))
    if status.unknown is not None:
        print(f"partitions: {status.unknown}")
    else:
        _show_partitions(status)
    if any(part.state == "died" for part in status.parts):
        print("`gospulse up` starts again what died")
    return GOOD if status.good else FAILURE


def _show_partitions(status: object) -> None:
    from deploy.machine.status import Status

    assert isinstance(status, Status)
    figures = ("partition", "end", "folded", "lag", "heartbeat s ago")
    show(
        ("topic", *figures, "worker"),
        [
            (
                row.topic,
                row.part,
                row.end,
                row.folded,
                row.lag,
                None if row.heartbeat_age_s is None else f"{row.heartbeat_age_s:.1f}",
                row.worker,
            )
            for row in status.partitions
        ],
        right=figures,
        title=f"generation {status.generation}",
    )
    for sentence in (*status.problems, *status.notes):
        print(sentence)
