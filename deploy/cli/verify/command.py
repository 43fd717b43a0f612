"""``gospulse verify``: recounts everything from Kafka with independent code and compares every row in ClickHouse."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from deploy.cli.verify.display import print_report
from deploy.clickhouse.client import clickhouse
from deploy.errors import FAILURE, GOOD, WRONG_USE, UserError
from deploy.settings import Settings
from schemas.clickhouse.generations import NoGenerationError, active_generation, definition_of
from streams.bookkeeping.offsets import KafkaUnavailableError
from streams.verify.recount.log import LogUnreadableError
from streams.verify.recount.rules import Rules, parse_rules
from streams.verify.report import Report
from streams.verify.run import NotRegisteredError, OnProgress, VerifyConfig, verify
from streams.verify.stored.tables import StoreUnreadableError

NAME = "verify"
HELP = "recount from Kafka with independent code and compare every row (exit 1 on a difference)"
EXAMPLES = """
  gospulse verify                   compare the active generation; safe while records arrive and workers write
  gospulse verify --generation 2    compare another one, such as a rebuild under way
  gospulse verify --json            the whole report as JSON
  gospulse verify --limit 100       show up to 100 differences of each table
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--generation", type=int, metavar="N", help="generation to compare (default: the active one)")
    parser.add_argument("--limit", type=int, default=10, metavar="N", help="differences shown of each table (10)")
    parser.add_argument(
        "--processes", type=int, default=2, metavar="N", help="processes that read partitions side by side (2)"
    )


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Exit code 1 when a row differs."""
    if args.limit < 1 or args.processes < 1:
        raise UserError("--limit and --processes are at least 1", WRONG_USE)
    rules = _rules(settings, args.generation)
    started = time.monotonic()
    try:
        with _scratch(settings) as scratch, _progress() as on_progress:
            report = verify(
                VerifyConfig(
                    kafka=settings.kafka,
                    clickhouse=settings.clickhouse,
                    rules=rules,
                    scratch=scratch,
                    limit=args.limit,
                    processes=args.processes,
                ),
                on_progress,
            )
    except (KafkaUnavailableError, LogUnreadableError, StoreUnreadableError, NotRegisteredError) as error:
        raise UserError(str(error)) from error
    if args.json:
        print(_as_json(report, time.monotonic() - started))
    else:
        print_report(report, time.monotonic() - started)
    return GOOD if report.green else FAILURE


def _rules(settings: Settings, generation: int | None) -> Rules:
    with clickhouse(settings.clickhouse) as client:
        try:
            number = active_generation(client) if generation is None else generation
            return parse_rules(definition_of(client, number))
        except NoGenerationError as error:
            raise UserError(str(error), FAILURE if generation is None else WRONG_USE) from error
        except msgspec.DecodeError as error:
            raise UserError(f"the recorded definition of the generation cannot be read: {error}") from error


def _as_json(report: Report, seconds: float) -> str:
    content = msgspec.to_builtins(report) | {"green": report.green, "seconds": round(seconds, 3)}
    return msgspec.json.format(msgspec.json.encode(content)).decode()


@contextmanager
def _scratch(settings: Settings) -> Iterator[Path]:
    """A folder for spill files beside the data: a temporary file system may be small."""
    beside = settings.data if settings.data.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="verify-", dir=beside) as folder:
        yield Path(folder)


@contextmanager
def _progress() -> Iterator[OnProgress]:
    """A bar on a terminal; nothing elsewhere."""
    console = Console(stderr=True)
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    columns = (TextColumn("recounting"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("recounting", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
