"""``gospulse rebuild``: the next generation beside the running one, compared with it, then shown in its place."""

from __future__ import annotations

import argparse
import itertools
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from clickhouse_connect.driver.client import Client
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from deploy.cli.rebuild import handover as rebuild
from deploy.cli.rebuild.display import print_comparison, print_generations
from deploy.clickhouse.client import clickhouse
from deploy.errors import FAILURE, GOOD, WRONG_USE, UserError
from deploy.machine.processes import StartError
from deploy.settings import Settings
from schemas.clickhouse.migrate import ChangedFileError
from streams.bookkeeping.offsets import KafkaUnavailableError
from streams.definition import DefinitionError
from streams.rebuild.catch_up import Distance
from streams.rebuild.compare import Compared, compare
from streams.rebuild.plan import RebuildRefusedError, Wishes, expected_changes, may_differ
from streams.rebuild.rebuilder import Pair, Rebuilder
from streams.rebuild.stamp_file import StampFileError, read_stamps

NAME = "rebuild"
HELP = "fold the log into the next generation of tables, compare, switch the views"
EXAMPLES = """
  gospulse rebuild                                 with today's code and everything decided so far
  gospulse rebuild --restamp stamps.csv            with another stamp set (columns page, from, to, place)
  gospulse rebuild --exclude-load import-2026-10   without the records of one import run
  gospulse rebuild --from-cut                      where the log was trimmed: carry over what it no longer holds
  gospulse rebuild --resume                        go on with a rebuild that was interrupted
  gospulse rebuild list                            generations and what defines them
  gospulse rebuild drop 1                          drop the tables of a retired (or given up) generation

The running generation goes on meanwhile. What it decided stays unless it is changed here: stamps, excluded loads.
"""

_PATIENCE_S = 3600.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options and subcommands."""
    parser.add_argument("--restamp", type=Path, metavar="FILE", help="the whole new stamp set, as CSV")
    parser.add_argument(
        "--exclude-load", action="append", default=[], metavar="NAME", help="treat this import run as absent"
    )
    parser.add_argument(
        "--include-load", action="append", default=[], metavar="NAME", help="take back an exclusion made before"
    )
    parser.add_argument("--from-cut", action="store_true", help="begin at a cut where the log does not begin at 0")
    parser.add_argument(
        "--keep-grid",
        action="store_true",
        help="keep the running generation's chunk and window, whatever this release's are",
    )
    parser.add_argument(
        "--workers", type=int, metavar="N", help="workers of the new generation (default: those that run)"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the rebuild that is under way")
    parser.add_argument("--yes", action="store_true", help="do not ask before the views are switched")
    parser.add_argument(
        "--accept-differences", action="store_true", help="switch although totals differ that should be the same"
    )
    parser.add_argument("--drop-retired", action="store_true", help="drop the old generation's tables at the end")
    actions = parser.add_subparsers(dest="action", metavar="ACTION")
    actions.add_parser("list", help="generations and what defines them")
    dropped = actions.add_parser("drop", help="drop the tables of a generation that is not read")
    dropped.add_argument("number", type=int, metavar="N")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Exit code 1 where the rebuild is refused or the comparison failed; the old generation is then still shown."""
    if args.workers is not None and args.workers < 1:
        raise UserError("--workers is at least 1", WRONG_USE)
    if not (args.action or args.yes or sys.stdin.isatty()):
        raise UserError("the views would be switched: confirm with --yes", WRONG_USE)
    with clickhouse(settings.clickhouse, timeout_s=_PATIENCE_S) as client:
        rebuilder = Rebuilder(client, settings.kafka, settings.rendering, _say)
        try:
            if args.action == "list":
                print_generations(client)
                return GOOD
            if args.action == "drop":
                return _drop(settings, rebuilder, args.number)
            return _rebuild(args, settings, client, rebuilder)
        except (RebuildRefusedError, DefinitionError, KafkaUnavailableError, ChangedFileError, StartError) as error:
            raise UserError(str(error)) from error
        except StampFileError as error:
            raise UserError(str(error), WRONG_USE) from error


def _rebuild(args: argparse.Namespace, settings: Settings, client: Client, rebuilder: Rebuilder) -> int:
    pair = _begun(args, rebuilder)
    if pair is None:
        if rebuild.is_local(settings) and rebuild.has_leftovers(settings):
            rebuild.LocalWorkers(settings, 0, 0, _say).hand_over()
        print("No rebuild is under way.")
        return GOOD
    number = pair.new.generation
    local = rebuild.LocalWorkers(settings, number, args.workers or rebuild.usual_workers(settings), _say)
    keep_up: Callable[[], None] = local.keep_up
    if not rebuild.is_local(settings):
        print(f"Start workers of the new generation now, wherever workers run: gospulse worker --generation {number}")
        keep_up = _nothing
    with _bar() as on_distance:
        rebuild.catch_up(client, settings, pair, keep_up, on_distance, _say)
    expected = expected_changes(pair.new, pair.old)
    compared = Compared(pair.old, pair.new, pair.gone_logs)
    comparison = rebuild.patiently(lambda: compare(client, compared))
    print_comparison(comparison, pair.old.generation, number, expected)
    wrong = sorted({d.what for d in comparison.differences if not may_differ(d.what, pair.new, pair.old)})
    if wrong and not args.accept_differences:
        raise UserError(
            f"totals differ that should be the same ({', '.join(wrong)}); the views still read generation "
            f"{pair.old.generation}. Look with `gospulse verify` and `gospulse verify --generation {number}`, then go "
            "on with `gospulse rebuild --resume --accept-differences`, or give up with "
            f"`gospulse rebuild drop {number}`"
        )
    _say("bringing the roll-ups of the new generation up to date")
    if not rebuild.drain(client, number):
        raise UserError("the roll-ups are not up to date yet; go on later with `gospulse rebuild --resume`")
    if not args.yes and input(f"Switch the views to generation {number}? [y/N] ").strip().lower() not in ("y", "yes"):
        print("Nothing was switched: go on with `gospulse rebuild --resume`, or give up with `gospulse rebuild drop`.")
        return FAILURE
    rebuild.patiently(lambda: rebuilder.switch(pair))
    if rebuild.is_local(settings):
        local.hand_over()
    else:
        print(f"The workers of generation {pair.old.generation} end by themselves: nobody reads what they write.")
    if args.drop_retired:
        return _drop(settings, rebuilder, pair.old.generation)
    return GOOD


def _begun(args: argparse.Namespace, rebuilder: Rebuilder) -> Pair | None:
    if args.resume:
        if args.restamp or args.exclude_load or args.include_load or args.from_cut or args.keep_grid:
            raise UserError("--resume goes on with what was begun: it takes no other definition", WRONG_USE)
        return rebuild.patiently(rebuilder.resume)
    wishes = Wishes(
        stamps=read_stamps(args.restamp) if args.restamp else None,
        exclude_loads=tuple(args.exclude_load),
        include_loads=tuple(args.include_load),
        from_cut=args.from_cut,
        keep_grid=args.keep_grid,
    )
    attempts = itertools.count()

    def begin() -> Pair:
        # A server that went away in the middle leaves a generation behind: it is gone on with.
        begun = rebuilder.resume() if next(attempts) else None
        return begun or rebuilder.begin(wishes)

    return rebuild.patiently(begin)


def _drop(settings: Settings, rebuilder: Rebuilder, number: int) -> int:
    rebuild.end_workers_of(settings, number, _say)
    tables = rebuilder.drop(number)
    print(f"generation {number}: {tables} tables dropped")
    return GOOD


def _say(line: str) -> None:
    print(line, flush=True)


def _nothing() -> None:
    """The operator's workers are not ours to keep up."""


@contextmanager
def _bar() -> Iterator[rebuild.OnDistance]:
    """A bar on a terminal; elsewhere a line every ten seconds."""
    if sys.stdout.isatty():
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[left]}"),
            TimeRemainingColumn(),
        )
        with Progress(*columns, transient=True) as bar:
            task = bar.add_task("folding", total=None, left="")

            def draw(at: Distance) -> None:
                bar.update(
                    task, completed=at.folded, total=at.folded + at.remaining, left=f"{at.remaining:,} records left"
                )

            yield draw
        return
    told = 0.0

    def tell(at: Distance) -> None:
        nonlocal told
        if time.monotonic() - told >= 10:
            told = time.monotonic()
            print(f"folded {at.folded:,} records, {at.remaining:,} left", flush=True)

    yield tell
