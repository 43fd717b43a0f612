"""``gospulse logs``: the last lines of the logs of the stack's processes."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from deploy.errors import GOOD, WRONG_USE, UserError
from deploy.machine.processes import last_lines
from deploy.settings import Settings

NAME = "logs"
HELP = "show the last lines of the logs of the stack's processes"
EXAMPLES = """
  gospulse logs                       all processes
  gospulse logs worker-1 -n 200       the last 200 lines of one process
  gospulse logs worker-1 --follow     new lines as well, until Ctrl-C
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the names and options."""
    parser.add_argument("name", nargs="*", help="kafka, clickhouse, worker-1 ... (default: all)")
    parser.add_argument("-n", "--lines", type=int, default=20, metavar="N", help="lines of each log (default 20)")
    parser.add_argument("-f", "--follow", action="store_true", help="print new lines until Ctrl-C")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Exit code 2 when there is no such log."""
    folder = settings.data / "logs"
    known = {path.stem: path for path in sorted(folder.glob("*.log"))}
    for name in args.name:
        if name not in known:
            have = ", ".join(known) if known else "none, because nothing was started yet"
            raise UserError(f"there is no log of {name} in {folder}; known logs: {have}", WRONG_USE)
    chosen = {name: path for name, path in known.items() if not args.name or name in args.name}
    if not chosen:
        raise UserError(f"there are no logs in {folder}: nothing was started yet", WRONG_USE)
    sizes = {name: path.stat().st_size for name, path in chosen.items()}
    for name, path in chosen.items():
        _print(name, last_lines(path, args.lines), len(chosen) > 1)
    while args.follow:
        time.sleep(0.3)
        for name, path in chosen.items():
            sizes[name] = _print_new(name, path, sizes[name], len(chosen) > 1)
    return GOOD


def _print_new(name: str, path: Path, seen: int, named: bool) -> int:
    """Prints whole lines after ``seen`` bytes; returns the new position. A shorter file is a new one."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(seen if size >= seen else 0)
        block = file.read()
    whole = block.rfind(b"\n") + 1
    _print(name, block[:whole].decode("utf-8", "replace").splitlines(), named)
    return (seen if size >= seen else 0) + whole


def _print(name: str, lines: list[str], named: bool) -> None:
    for line in lines:
        print(f"{name:<11}| {line}" if named else line, flush=True)
