"""Entry of the ``gospulse`` command: finds the command, reads the settings, turns errors into sentences."""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import io
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

from deploy.cli.parser import Parser, version
from deploy.errors import FAILURE, GOOD, INTERRUPTED, WRONG_USE, UserError
from deploy.settings import Settings
from deploy.settings_sources import load

#: Commands in the order of ``gospulse --help``, with the module that holds each.
COMMANDS: Final[Mapping[str, str]] = {
    "demo": "deploy.cli.demo.command",
    "up": "deploy.cli.up",
    "down": "deploy.cli.down",
    "reset": "deploy.cli.reset",
    "status": "deploy.cli.status",
    "logs": "deploy.cli.logs",
    "config": "deploy.cli.config",
    "topics": "deploy.cli.topics",
    "migrate": "deploy.cli.migrate",
    "places": "deploy.cli.registers.places",
    "organisations": "deploy.cli.registers.organisations",
    "pages": "deploy.cli.registers.pages",
    "import": "deploy.cli.import_.command",
    "ingest": "deploy.cli.ingest_.command",
    "sources": "deploy.cli.sources.command",
    "keys": "deploy.cli.keys",
    "simulate": "deploy.cli.simulate.command",
    "worker": "deploy.cli.worker.command",
    "partitions": "deploy.cli.partitions",
    "query": "deploy.cli.query",
    "report": "deploy.cli.report.command",
    "grafana": "deploy.cli.grafana.command",
    "preview": "deploy.cli.preview.command",
    "spikes": "deploy.cli.spikes.command",
    "verify": "deploy.cli.verify.command",
    "rejected": "deploy.cli.rejected",
    "rebuild": "deploy.cli.rebuild.command",
    "trim": "deploy.cli.trim",
}

#: Commands that run until they are stopped: a signal is their normal end, at any moment.
SERVICES: Final = ("worker",)

DEBUG: Final = "GOSPULSE_DEBUG"


class Command(Protocol):
    """The interface of a command's module."""

    NAME: str
    HELP: str
    EXAMPLES: str

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Adds the command's options."""

    def run(self, args: argparse.Namespace, settings: Settings) -> int:
        """Does the work. Returns the exit code."""


def commands(only: str | None = None) -> dict[str, Command]:
    """The commands that exist, by name. ``only`` imports no other command, for a quick start."""
    names: Iterable[str] = COMMANDS if only is None or only not in COMMANDS else [only]
    found = {}
    for name in names:
        if importlib.util.find_spec(COMMANDS[name]) is not None:
            found[name] = cast(Command, importlib.import_module(COMMANDS[name]))
    return found


def build_parser(only: str | None = None) -> argparse.ArgumentParser:
    """The parser of the whole command line, or of one command only (see ``commands``)."""
    parser = Parser(
        prog="gospulse",
        description="Streaming analytics of citizens' appeals: Kafka, Faust, ClickHouse.",
        epilog="Settings come from GOSPULSE_* and gospulse.toml: `gospulse config` shows them. "
        "GOSPULSE_DEBUG=1 shows the stack trace of an error.",
    )
    parser.add_argument("--version", action="version", version=f"gospulse {version()}")
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
    """Runs one command. Returns the exit code: 0 good, 1 difference or failure, 2 wrong use, 130 after Ctrl-C."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    _print_anything()
    try:
        with _sigterm_as_ctrl_c():
            code = _run(arguments)
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # The reader (head, less) closed the pipe: no failure. Without this, Python complains at exit.
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return GOOD
    except KeyboardInterrupt:
        return GOOD if arguments[0] in SERVICES else INTERRUPTED
    except UserError as error:
        return _complain(str(error), error.exit_code)
    except OSError as error:
        return _complain(_of_a_file(error), FAILURE)
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
    """SIGTERM ends a command as Ctrl-C does, with its child processes and temporary files."""

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


def _of_a_file(error: OSError) -> str:
    """What the operating system says of a file or a connection, with the file's name where there is one."""
    what = f"unexpected {type(error).__name__}: {error.strerror or _first_line(error)}"
    if error.filename is None:
        return f"{what} (set {DEBUG}=1 to see where)"
    names = [str(name) for name in (error.filename, error.filename2) if name is not None]
    return f"{' and '.join(names)}: {error.strerror or type(error).__name__}"


def _print_anything() -> None:
    """Names of files may hold bytes that are no text, and a terminal may know fewer letters than Python."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _debug() -> bool:
    return os.environ.get(DEBUG, "") not in ("", "0")


def _complain(sentence: str, exit_code: int) -> int:
    if _debug():
        traceback.print_exc()
    print(f"gospulse: {sentence}", file=sys.stderr)
    return exit_code


if __name__ == "__main__":
    sys.exit(main())
