"""``python -m tests.bench``: all benchmarks in one run, as a table and as JSON."""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from pathlib import Path

import msgspec
from msgspec import Struct
from rich.console import Console
from rich.table import Table

from deploy.machine.workers import stop_workers
from tests.bench import latency, reading, recovery, registers, screen, speed, webhook
from tests.bench.national_year import Size
from tests.servers.machine import Machine, machine

MILLION = 1_000_000


class Storage(Struct, frozen=True):
    """Rows and parts of a generation's tables for each event folded."""

    generation: int
    events: int
    rows_per_event: float
    active_parts: int
    bytes_per_event: float


class Report(Struct, frozen=True):
    """Everything that was measured in one run."""

    machine: str
    speeds: list[speed.Speed]
    storage: list[Storage]
    latency: list[latency.Latency]
    recovery: list[recovery.Recovery]
    registers: list[registers.Registers]
    webhook: list[webhook.Requests]
    screen: list[screen.Screen]
    readings: list[reading.Reading]


def main() -> int:
    """Exit code 0 when every part ran; figures are for reading, not for a verdict."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--events", type=int, default=MILLION, help="events of the log (default 1,000,000)")
    parser.add_argument("--large", type=int, default=10 * MILLION, help="events of the large log; 0 leaves it out")
    parser.add_argument(
        "--only",
        choices=("speed", "latency", "recovery", "registers", "webhook", "screen", "reading"),
        help="one part only",
    )
    parser.add_argument("--json", type=Path, default=None, help="write the figures here, too")
    parser.add_argument("--fraction", type=int, default=1, help="reading: one N-th of the country (default all of it)")
    parser.add_argument(
        "--folder",
        type=Path,
        default=None,
        help="reading: keep the tables here; a new folder is filled only, one that is there is measured",
    )
    parser.add_argument("--runs", type=int, default=5, help="reading: how often each question is asked (default 5)")
    given = parser.parse_args()
    speeds: list[speed.Speed] = []
    storage: list[Storage] = []
    delays: list[latency.Latency] = []
    recoveries: list[recovery.Recovery] = []
    if given.only in (None, "speed"):
        with tempfile.TemporaryDirectory() as folder, machine(Path(folder), {"WORKERS": "1"}) as made:
            _speeds(made, given.events, speeds, storage)
        if given.large:
            with tempfile.TemporaryDirectory() as folder, machine(Path(folder), {"WORKERS": "1"}) as made:
                _large(made, given.large, speeds, storage)
    if given.only in (None, "latency"):
        for partitions in (8, 24):
            settings = {"WORKERS": "1", "EVENTS_PARTITIONS": str(partitions)}
            with tempfile.TemporaryDirectory() as folder, machine(Path(folder), settings) as made:
                made.run("up")
                delays.append(latency.measure(made, 2_000, 40))
                _say(f"latency with {partitions} partitions of events: {delays[-1]}")
    if given.only in (None, "recovery"):
        with tempfile.TemporaryDirectory() as folder, machine(Path(folder), {"WORKERS": "2"}) as made:
            made.run("up")
            recoveries.append(recovery.measure(made, 2_000))
    full: list[registers.Registers] = []
    if given.only in (None, "registers"):
        full.append(registers.measure())
    requests: list[webhook.Requests] = []
    if given.only in (None, "webhook"):
        with tempfile.TemporaryDirectory() as folder, machine(Path(folder), webhook.SETTINGS) as made:
            requests = webhook.measure(made)
    screens: list[screen.Screen] = []
    if given.only in (None, "screen"):
        with tempfile.TemporaryDirectory() as folder, machine(Path(folder), screen.SETTINGS) as made:
            screens.append(screen.measure(made))
            _say(f"from the webhook's acknowledgement to a panel: {screens[-1]}")
    readings: list[reading.Reading] = []
    if given.only in (None, "reading"):
        readings += reading.measure(_say, Size().divided(given.fraction), given.folder, given.runs)
    kind = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    report = Report(kind, speeds, storage, delays, recoveries, full, requests, screens, readings)
    show(report)
    if given.json is not None:
        given.json.write_bytes(msgspec.json.format(msgspec.json.encode(report)) + b"\n")
    return 0


def _idle_log(made: Machine, events: int) -> None:
    """A full log that nobody folds: the stack's own worker is stopped first."""
    made.run("up")
    stop_workers([process for name, process in made.processes().items() if name.startswith("worker-")])
    _say(f"filling the log with {events:,} events ...")
    speed.fill(made, events)


def _speeds(made: Machine, events: int, speeds: list[speed.Speed], storage: list[Storage]) -> None:
    _idle_log(made, events)
    for generation, workers in ((11, 1), (12, 2)):
        speeds.append(speed.gospulse(made, generation, workers))
        _say_speed(speeds[-1])
        storage.append(_storage(made, generation, events))
    for peer in (speed.bare_aiokafka, speed.plain_faust, speed.quixstreams, speed.bytewax):
        speeds.append(peer(made, events))
        _say_speed(speeds[-1])
    # Once more, so that a machine whose speed drifts is noticed.
    speeds.append(speed.gospulse(made, 13, 1))
    _say_speed(speeds[-1])


def _large(made: Machine, events: int, speeds: list[speed.Speed], storage: list[Storage]) -> None:
    _idle_log(made, events)
    for generation, workers in ((11, 1), (12, 2)):
        speeds.append(speed.gospulse(made, generation, workers))
        _say_speed(speeds[-1])
        storage.append(_storage(made, generation, events))


def _storage(made: Machine, generation: int, events: int) -> Storage:
    ((rows, parts, size),) = made.query(
        "SELECT sum(rows), count(), sum(bytes_on_disk) FROM system.parts "
        f"WHERE active AND database = 'gospulse_data' AND endsWith(table, '_g{generation}')"
    )
    return Storage(generation, events, int(rows) / events, int(parts), int(size) / events)


def show(report: Report) -> None:
    """Tables on the terminal; speeds as ratios to the bare loop of the same run."""
    console = Console(width=140)
    console.print(f"\n{report.machine}")
    bare = next((row.per_second for row in report.speeds if row.name.startswith("bare")), None)
    plain = next((row.per_second for row in report.speeds if row.name.startswith("plain")), None)
    table = Table(
        "contestant", "events", "seconds", "events/s", "of bare loop", "times plain Faust", "CPU µs/event", "MB"
    )
    for row in report.speeds:
        table.add_row(
            row.name,
            f"{row.events:,}",
            f"{row.seconds:.1f}",
            f"{row.per_second:,.0f}",
            "" if bare is None else f"{row.per_second / bare:.2f}",
            "" if plain is None else f"{row.per_second / plain:.1f}",
            "" if row.cpu_s is None else f"{row.cpu_s / row.events * 1e6:.2f}",
            "" if row.memory_mb is None else f"{row.memory_mb:.0f}",
        )
    console.print(table)
    _show_readings(console, report.readings)
    for kept in report.storage:
        console.print(
            f"{kept.events:,} events, generation {kept.generation}: {kept.rows_per_event:.2f} rows and "
            f"{kept.bytes_per_event:.0f} bytes an event, {kept.active_parts} parts"
        )
    for delay in report.latency:
        console.print(
            f"visible after acknowledged, {delay.rate:,} events/s, {delay.partitions} partitions in all: median "
            f"{delay.median_s:.2f} s, p99 {delay.p99_s:.2f} s of {delay.appeals}; worker {delay.worker_mb:.0f} MB"
        )
    _show_requests(console, report.webhook)
    for back in report.recovery:
        console.print(
            f"kill -9 of one of two workers at {back.rate:,} events/s: lag as before after {back.seconds:.1f} s "
            f"(session timeout {back.session_timeout_s:g} s, largest lag {back.largest_lag:,})"
        )
    for held in report.registers:
        console.print(
            f"register of {held.pages:,} pages: import {held.import_s:.1f} s, again {held.again_s:.1f} s; load "
            f"{held.load_s:.2f} s, {held.kept_mb:.0f} MB ({held.peak_mb:.0f} MB at most); snapshot "
            f"{held.snapshot_s:.2f} s, {held.snapshot_mb:.0f} MB on disk; {held.lookups_per_s:,.0f} look-ups/s; "
            f"view pages {held.views_s[0]:.2f} s, organisations {held.views_s[1]:.2f} s"
        )


def _show_requests(console: Console, rows: list[webhook.Requests]) -> None:
    if not rows:
        return
    table = Table("with 64 waiting callers", "requests/s", "CPU µs/request", "median ms", "p99 ms")
    for row in rows:
        table.add_row(
            row.name, f"{row.per_second:,.0f}", f"{row.cpu_us:.0f}", f"{row.median_ms:.1f}", f"{row.p99_ms:.1f}"
        )
    console.print(table)
    service, minimal = rows[:2]
    console.print(
        f"the service answers {service.per_second / minimal.per_second:.2f} of what the minimal handler does, and by"
        f" processor time {minimal.cpu_us / service.cpu_us:.2f}"
    )


def _show_readings(console: Console, rows: list[reading.Reading]) -> None:
    """The questions beside each other in both states, the slowest first."""
    if not rows:
        return
    unmerged = ("unmerged ms", "CPU ms") if any(row.state == "unmerged" for row in rows) else ()
    table = Table("view or board", "question", *unmerged, "merged ms", "CPU ms")
    by_question: dict[tuple[str, str], dict[str, reading.Reading]] = {}
    for row in rows:
        by_question.setdefault((row.view, row.question), {})[row.state] = row
    for (view, question), states in sorted(by_question.items(), key=lambda item: -item[1]["merged"].cpu_s):
        figures = [
            f"{value * 1000:,.0f}"
            for state in ("unmerged", "merged")
            if state in states
            for value in (states[state].median_s, states[state].cpu_s)
        ]
        table.add_row(view, question, *figures)
    console.print(table)
    slow = sum(row.median_s > reading.TARGET_S for row in rows if row.state == "merged")
    console.print(f"{slow} of {len(by_question)} questions take more than {reading.TARGET_S * 1000:.0f} ms when merged")


def _say(line: str) -> None:
    print(line, flush=True)


def _say_speed(row: speed.Speed) -> None:
    _say(f"{row.name}: {row.per_second:,.0f} events/s ({row.events:,} in {row.seconds:.1f} s)")


if __name__ == "__main__":
    sys.exit(main())
