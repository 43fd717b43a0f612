"""``gospulse demo``: the whole system at work on invented data, with a killed worker, a report and a verification."""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from deploy.cli.starting import explained
from deploy.errors import FAILURE, WRONG_USE, UserError
from deploy.settings import Settings

if TYPE_CHECKING:
    from deploy.cli.demo.course import Figures, Show

NAME = "demo"
HELP = "show everything at work: a synthetic week, a killed worker, a report, a verification"
EXAMPLES = """
  gospulse demo              in a terminal it stays up until Ctrl-C, elsewhere it ends by itself
  gospulse demo --no-wait    ends by itself in a terminal, too

  The figures are invented, and every name says so. Exit code 0 only if every number is verified.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds ``--no-wait``."""
    parser.add_argument("--no-wait", action="store_true", help="end when done, also in a terminal")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Runs the demonstration; the exit code is that of the verification."""
    from deploy.cli.demo import course as demo
    from deploy.clickhouse.client import clickhouse
    from deploy.machine import stack

    if settings.workers < 2:
        settings = msgspec.structs.replace(settings, workers=2)
    was_up = _is_up(settings)
    with _terminates_cleanly():
        try:
            with explained():
                outcome = stack.up(settings, _say)
            if outcome.differences:
                raise UserError("the topics are not as they must be: `gospulse topics list` shows the differences")
            with clickhouse(settings.clickhouse) as client:
                foreign = demo.foreign_sources(client)
                if foreign:
                    raise UserError(
                        f"this system holds real data ({', '.join(foreign[:3])}), and the demonstration would mix "
                        "invented figures into it: give it a data directory of its own, GOSPULSE_DATA=./.gospulse-demo",
                        WRONG_USE,
                    )
                seed = demo.next_seed(client)
            code = _course(settings, seed)
            _say_addresses(settings)
            if sys.stdout.isatty() and not args.no_wait:
                print("\nThe stack stays up until Ctrl-C.")
                with contextlib.suppress(KeyboardInterrupt):
                    while True:
                        time.sleep(3600)
            return code
        finally:
            if not was_up:
                print("taking the stack down ...", flush=True)
                stack.down(settings, _say)


def _course(settings: Settings, seed: int) -> int:
    from deploy.cli.demo import course as demo

    truth = settings.data / "demo-truth" / str(seed)
    _say(f"feeding {demo.EVENTS_SENT:,} synthetic events (seed {seed}), a week of a small federation that ends now")
    feeder = demo.feed(settings, seed, truth)
    try:
        with _display() as show:
            demo.run_course(settings, feeder, _say, show)
        _say("everything that was sent is counted")
        demo.await_rollups(settings)
        # Figures of places without a page cannot be told apart by run: the truth of one holds only where it is alone.
        untrue = demo.untrue(settings, truth) if seed == 1 else None
    except demo.DemoError as error:
        raise UserError(str(error), FAILURE) from error
    finally:
        if feeder.poll() is None:
            feeder.terminate()
        feeder.wait()
    _command(settings, "report")
    code = _command(settings, "verify")
    if untrue is None:
        return code
    if untrue:
        _say("\nNot as the simulator sent it:")
        for line in untrue[:20]:
            _say(f"  {line}")
        return FAILURE
    _say("What the views show is what the simulator sent: every appeal, every cell of engagement, every reading.")
    return code


def _command(settings: Settings, name: str) -> int:
    """Runs another command of ours as a person would type it; its exit code."""
    from deploy.cli.main import commands

    print(f"\n$ gospulse {name}", flush=True)
    parser = argparse.ArgumentParser()
    command = commands(name)[name]
    command.configure(parser)
    return command.run(parser.parse_args([]), settings)


def _say(line: str) -> None:
    print(line, flush=True)


@contextlib.contextmanager
def _display() -> Iterator[Show]:
    """A live table on a terminal; elsewhere one line every few seconds."""
    if not sys.stdout.isatty():
        last = [-10.0]

        def line(figures: Figures) -> None:
            if figures.elapsed_s - last[0] >= 4:
                last[0] = figures.elapsed_s
                share = "–" if figures.share is None else f"{figures.share:.1%}"
                print(
                    f"{figures.elapsed_s:5.0f} s  sent {figures.sent:>7,}  counted {figures.folded:>7,}  "
                    f"lag {figures.lag:>6,}  {figures.folded_per_s:>7,.0f}/s  workers {figures.workers}  "
                    f"appeals {figures.appeals:>6,}  through public pages {share}",
                    flush=True,
                )

        yield line
        return
    from rich.live import Live
    from rich.table import Table

    with Live(refresh_per_second=4, transient=True) as live:

        def table(figures: Figures) -> None:
            grid = Table(title="Gospulse, live (synthetic data)", min_width=60)
            grid.add_column("figure")
            grid.add_column("value", justify="right")
            share = "–" if figures.share is None else f"{figures.share:.1%}"
            rows = [
                ("seconds", f"{figures.elapsed_s:.0f}"),
                ("events sent", f"{figures.sent:,}"),
                ("events counted", f"{figures.folded:,}"),
                ("counted per second", f"{figures.folded_per_s:,.0f}"),
                ("lag", f"{figures.lag:,}"),
                ("workers alive", f"{figures.workers}"),
                ("appeals", f"{figures.appeals:,}"),
                ("  in social networks", f"{figures.in_social_networks:,}"),
                ("  of them through public pages", f"{figures.through_pages:,}"),
                ("  share", share),
                ("reactions", f"{figures.reactions:,}"),
            ]
            for name, value in rows:
                grid.add_row(name, value)
            live.update(grid)

        yield table


def _say_addresses(settings: Settings) -> None:
    from deploy import passwords

    place = f"http://{settings.analyst.host}:{settings.analyst.port}"
    password = passwords.passwords_directory(settings.data) / passwords.ANALYST
    shown = password.relative_to(Path.cwd()) if password.is_relative_to(Path.cwd()) else password
    queries = (
        "SELECT entrance, count() AS appeals FROM gospulse.appeals GROUP BY entrance ORDER BY appeals DESC",
        "SELECT place, sum(appeals) AS appeals FROM gospulse.place_hour GROUP BY place ORDER BY appeals DESC LIMIT 5",
        "SELECT * FROM gospulse.freshness",
    )
    print(f"\nClickHouse answers at {place} (login analyst, password in {shown}). For example:")
    for query in queries:
        print(f'  curl -u "analyst:$(cat {shown})" {place} --data-binary "{query} FORMAT PrettyCompact"')


def _is_up(settings: Settings) -> bool:
    from deploy.machine.processes import recorded
    from deploy.machine.workers import run_directory

    return any(process.is_alive() for process in recorded(run_directory(settings.data)))


@contextlib.contextmanager
def _terminates_cleanly() -> Iterator[None]:
    """SIGTERM ends the demonstration as Ctrl-C does, so that nothing is left running."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
