"""Entry of the ``gospulse`` command: finds each command's file, reads the settings, turns errors into sentences."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Final, Protocol, cast

from deploy.errors import FAILURE, GOOD, INTERRUPTED, WRONG_USE, UserError
from deploy.settings import Settings
from deploy.settings_sources import load

#: Commands in the order of ``gospulse --help``, with the module that holds each.
COMMANDS: Final[Mapping[str, str]] = {
    "demo": "deploy.cli.demo.command",
    "up": "deploy.cli.up",
    "down": "deploy.cli.down",
    "status": "deploy.cli.status",
    "logs": "deploy.cli.logs",
    "config": "deploy.cli.config",
    "topics": "deploy.cli.topics",
    "migrate": "deploy.cli.migrate",
    "places": "deploy.cli.registers.places",
    "organisations": "deploy.cli.registers.organisations",
    "pages": "deploy.cli.registers.pages",
    "import": "deploy.cli.import_.command",
    "simulate": "deploy.cli.simulate.command",
    "worker": "deploy.cli.worker",
    "partitions": "deploy.cli.partitions",
    "query": "deploy.cli.query",
    "report": "deploy.cli.report.command",
    "verify": "deploy.cli.verify.command",
    "rejected": "deploy.cli.rejected",
    "rebuild": "deploy.cli.rebuild.command",
    "trim": "deploy.cli.trim",
}

DEBUG: Final = "GOSPULSE_DEBUG"


class Command(Protocol):
    """What the module of a command offers."""

    NAME: str
    HELP: str
    EXAMPLES: str

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Adds the command's options."""

    def run(self, args: argparse.Namespace, settings: Settings) -> int:
        """Does the work; the result is the exit code."""


def commands(only: str | None = None) -> dict[str, Command]:
    """The commands that exist, by name; ``only`` spares the others' imports, so that one command starts quickly."""
    names: Iterable[str] = COMMANDS if only is None or only not in COMMANDS else [only]
    found = {}
    for name in names:
        if importlib.util.find_spec(COMMANDS[name]) is not None:
            found[name] = cast(Command, importlib.import_module(COMMANDS[name]))
    return found


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """The parser of the whole command line, or of one command only (see ``commands``)."""
    parser = argparse.ArgumentParser(
        prog="gospulse",
        description="Streaming analytics of citizens' appeals: Kafka, Faust, ClickHouse.",
        epilog="Settings come from GOSPULSE_* and gospulse.toml; `gospulse config` shows them. "
        "GOSPULSE_DEBUG=1 shows the trace of an error.",
    )
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in commands(only).items():
        subparser = subparsers.add_parser(
            name,
            help=command.HELP,
            description=command.HELP,
            epilog=f"examples:\n{command.EXAMPLES.strip(chr(10))}" if command.EXAMPLES else None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.configure(subparser)
        subparser.set_defaults(run=command.run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command. The result is the exit code: 0 good, 1 difference or failure, 2 wrong use, 130 after Ctrl-C."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        with _sigterm_as_ctrl_c():
            code = _run(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader (head, less) went away: not our failure. Without this, flushing at exit would complain.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return GOOD
    except KeyboardInterrupt:
        return INTERRUPTED
    except UserError as error:
        return _complain(str(error), error.exit_code)
    except Exception as error:
        sentence = f"unexpected {type(error).__name__}: {_first_line(error)}"
        if not _debug():
            sentence += f" (set {DEBUG}=1 to see where)"
        return _complain(sentence, FAILURE)


def _run(arguments: list[str]) -> int:
    parser = build_parser(arguments[0] if arguments else None)
    if not arguments:
        parser.print_help(sys.stderr)
        return WRONG_USE
    args = parser.parse_args(arguments)
    settings = load(os.environ, Path.cwd())
    code = args.run(args, settings)
    return GOOD if code is None else int(code)


@contextmanager
def _sigterm_as_ctrl_c() -> Iterator[None]:
    """SIGTERM ends a command as Ctrl-C does: child processes and temporary files go with it."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else "no further detail"


def _debug() -> bool:
    return os.environ.get(DEBUG, "") not in ("", "0")


def _complain(sentence: str, exit_code: int) -> int:
    if _debug():
        traceback.print_exc()
    print(f"gospulse: {sentence}", file=sys.stderr)
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
