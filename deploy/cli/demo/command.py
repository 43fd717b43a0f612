"""``gospulse demo``: the whole system at work on invented data, from history to live messages and a spike."""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from deploy.cli.starting import explained
from deploy.errors import FAILURE, GOOD, WRONG_USE, UserError
from deploy.settings import Settings

if TYPE_CHECKING:
    from deploy.cli.demo.course import Figures, Show
    from deploy.cli.demo.phases import Phases

NAME = "demo"
HELP = "show everything at work on invented data: boards, a killed worker, live messages, a spike, a verification"
EXAMPLES = """
  gospulse demo              in a terminal it stays up until Ctrl-C, elsewhere it stops by itself
  gospulse demo --no-wait    stops by itself in a terminal, too

  It imports the registers, feeds twelve weeks of history while a worker is killed, and compares every figure with what
  was sent. Then an export of another system is imported, VK's webhook gets live messages, and a small municipality gets
  a spike that the detector has to find. At the end `verify` recounts everything.

  The figures are invented, and every name says so. The demo has a data directory of its own, .gospulse-demo, which it
  empties at its start. Exit code 0 only if every number is verified.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds ``--no-wait``."""
    parser.add_argument("--no-wait", action="store_true", help="stop when done, also in a terminal")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Runs the demonstration; the exit code is that of the verification."""
    from deploy.cli.demo.live import go_on
    from deploy.cli.demo.phases import Phases
    from deploy.cli.demo.screen import announce, screen
    from deploy.machine import stack

    settings = demo_settings(settings)
    with _alone(settings.data), _terminates_cleanly():
        _empty(settings)
        phases = Phases()
        port = announce(settings, _say)
        try:
            with explained(), phases.phase("start of the servers"):
                outcome = stack.up(without_detector(settings), _say)
            if outcome.differences:
                raise UserError("the topics differ from the settings: `gospulse topics list` shows them")
            with screen(settings, port):
                _say(f"\nThe boards are up: http://{settings.bind}:{port}\n" if port is not None else "")
                code = _course(settings, phases)
                _say_addresses(settings)
                _say(f"\n{phases.line()}")
                if sys.stdout.isatty() and not args.no_wait:
                    _say("\nThe stack, its screen and live messages stay up until Ctrl-C.")
                    with contextlib.suppress(KeyboardInterrupt):
                        go_on(settings)
            return code
        finally:
            print("taking the stack down ...", flush=True)
            stack.down(settings, _say)
            shown = _short(settings.data)
            print(
                f"The data stay in {shown} until the next demo: `GOSPULSE_DATA={shown} gospulse up` starts the stack"
                f" again, `GOSPULSE_DATA={shown} gospulse reset` deletes them."
            )


def demo_settings(settings: Settings) -> Settings:
    """The settings of the demo: a data directory of its own beside the real one, and at least two workers.

    Raises UserError for an existing Kafka or ClickHouse: invented figures would mix with what others keep there.
    """
    for name, existing in (("kafka", settings.kafka_servers), ("clickhouse", settings.clickhouse_server)):
        if existing:
            raise UserError(
                f"the demo uses servers of its own, and {settings.origins[name]} names an existing one: unset it for"
                " the demo",
                WRONG_USE,
            )
    data = settings.data.with_name(f"{settings.data.name}-demo")
    return msgspec.structs.replace(
        settings, data=data, workers=max(2, settings.workers), webhook_processes=max(1, settings.webhook_processes)
    )


def without_detector(settings: Settings) -> Settings:
    """The settings until there is history: a detector that learns from empty tables is surprised by everything."""
    return msgspec.structs.replace(settings, spikes=False)


@contextlib.contextmanager
def _alone(data: Path) -> Iterator[None]:
    """Holds a lock on the directory itself, so that a second demo does not empty it. Raises UserError."""
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise UserError(f"the data directory {data} cannot be created: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise UserError(f"another demo runs in {data}: stop it first") from error
    finally:
        os.close(descriptor)


def _empty(settings: Settings) -> None:
    """Stops what an interrupted demo left running, and removes its data."""
    from deploy.machine import data_directory, stack

    stack.down(settings, _say)
    data_directory.remove_entries(settings.data)


def _short(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _course(settings: Settings, phases: Phases) -> int:
    from deploy.cli.demo import course as demo

    truth, registers = settings.data / "demo-truth", settings.data / "demo-registers"
    with phases.phase("registers"):
        _command(settings, "simulate", *demo.FEDERATION, "--registers", str(registers))
        for name in ("places", "organisations", "pages"):
            if _command(settings, name, "import", str(registers / f"{name}.csv")) != GOOD:
                raise UserError(f"the {name} of the synthetic federation were not imported", FAILURE)
    _say(f"feeding {demo.EVENTS_SENT:,} synthetic events, {demo.DAYS} days of a small federation that end now")
    feeder = demo.feed(settings, truth)
    try:
        with _display() as show, phases.phase("history"):
            demo.run_course(without_detector(settings), feeder, _say, show)
        _say("everything sent is counted")
        with phases.phase("roll-ups"):
            demo.await_rollups(settings)
        with phases.phase("comparison"):
            untrue = demo.untrue(settings, truth)
    except demo.DemoError as error:
        raise UserError(str(error), FAILURE) from error
    finally:
        if feeder.poll() is None:
            feeder.terminate()
        feeder.wait()
    if untrue:
        _say("\nDifferences from the data of the simulator:")
        for line in untrue[:20]:
            _say(f"  {line}")
        return FAILURE
    _say("The views show exactly the data of the simulator: every appeal, every cell of engagement, every reading.")
    _live(settings, phases)
    with phases.phase("report"):
        _command(settings, "report")
    with phases.phase("verify"):
        return _command(settings, "verify")


def _live(settings: Settings, phases: Phases) -> None:
    """The importer, VK's webhook, and a spike with its explanation."""
    from deploy.cli.demo import live

    with phases.phase("import"):
        export = live.write_export(settings)
        if _command(settings, "import", "appeals", str(export), "--mapping", str(live.MAPPING)) != GOOD:
            raise UserError("the export of the synthetic federation was not imported", FAILURE)
    _say("\nlive messages go to VK's webhook, many of them about one topic in a small municipality")
    with phases.phase("webhook"):
        live.send(settings)
        live.await_counted(settings)
    with phases.phase("spikes"):
        at = live.now()
        _command(settings, "spikes", "run", "--once", "--at", at)
        _command(settings, "spikes", "list")
        episode = live.episode_of_a_municipality(settings)
        if episode is None:
            raise UserError("the detector did not find the spike that was planted: `gospulse logs` says more", FAILURE)
        _command(settings, "spikes", "show", episode)
        live.start_detector(settings, _say)


def _command(settings: Settings, name: str, *arguments: str) -> int:
    """Runs another command of Gospulse; returns its exit code."""
    from deploy.cli.main import commands

    print(f"\n$ gospulse {' '.join((name, *arguments))}", flush=True)
    parser = argparse.ArgumentParser()
    command = commands(name)[name]
    command.configure(parser)
    return command.run(parser.parse_args(list(arguments)), settings)


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
    shown = _short(password)
    queries = (
        "SELECT entrance, count() AS appeals FROM gospulse.appeals GROUP BY entrance ORDER BY appeals DESC",
        "SELECT place, sum(appeals) AS appeals FROM gospulse.place_hour GROUP BY place ORDER BY appeals DESC LIMIT 5",
        "SELECT * FROM gospulse.freshness",
    )
    print(f"\nClickHouse answers at {place} (login analyst, password in {shown}). For example:")
    for query in queries:
        print(f'  curl -u "analyst:$(cat {shown})" {place} --data-binary "{query} FORMAT PrettyCompact"')


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
