"""``gospulse simulate``: a seeded synthetic federation to Kafka or to a file, with its exact figures."""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from deploy.cli.simulate.real_data import real_sources
from deploy.cli.simulate.run import Outcome, RunOptions, run_simulation, show
from deploy.errors import FAILURE, GOOD, INTERRUPTED, WRONG_USE, UserError
from deploy.settings import Settings
from ingest.kafka.publisher import PublishError
from ingest.simulator.federation import Federation
from ingest.simulator.registers import write_registers
from ingest.simulator.spec import DAY_MS, FederationSpec, SpecError, bench
from ingest.simulator.truth import TruthError
from schemas.connections import KafkaConnection
from schemas.contract.events import MAX_AHEAD_MS
from schemas.contract.topics import EVENTS

NAME = "simulate"
HELP = "send a synthetic federation to Kafka and write its exact figures to files"
EXAMPLES = """
  gospulse simulate --seed 42 --truth truth/
  gospulse simulate --seed 42 --events 100000 --days 14 --spikes 3 --rate 500
  gospulse simulate --seed 7 --duplicates 0.05 --beyond-window 0.1 --restamp 0.2 --late 0.05 --out-of-order 30 \\
                    --events 2000000 --truth truth/
  gospulse simulate --seed 1 --profile bench --to-file events.jsonl
  gospulse simulate --seed 42 --events 5000 --dry-run
  gospulse simulate --seed 42 --rate 50 --through webhook
  gospulse simulate --seed 42 --registers registers/     then: gospulse pages import registers/pages.csv

The same seed, size and --end give the same records at any speed. Every page, account and figure is invented, and the
names say so: source synthetic:<seed>, pages ok:synthetic-<seed>-<number>. Pages of VK have numbers of 14 digits that
begin with 9. Where the topic holds real data, nothing is sent without --force.
Exit code 0: sent; 1: Kafka did not take everything, or a file cannot be written; 2: wrong use; 130: stopped.
"""

_PROFILES: Final = ("demo", "bench")
_DEFAULT_TIMEOUT_S: Final = 60.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options. Those without a default here have the profile's."""
    parser.add_argument("--seed", type=int, required=True, metavar="N", help="seed of all random choices")
    parser.add_argument("--profile", choices=_PROFILES, default="demo", help="default sizes (default demo)")
    size = parser.add_argument_group("size")
    size.add_argument(
        "--events", type=int, metavar="N", help="records of the topic events (demo 20,000; bench 1,000,000)"
    )
    size.add_argument("--regions", type=int, metavar="N", help="regions (demo 8; bench 85)")
    size.add_argument("--municipalities", type=int, metavar="N", help="municipalities (demo 40; bench 2,300)")
    size.add_argument("--pages", type=int, metavar="N", help="pages (demo 400; bench 175,000)")
    size.add_argument("--appeals", type=float, metavar="SHARE", help="appeals among facts (demo 0.05; bench 0.02)")
    size.add_argument("--spikes", type=int, metavar="N", help="bursts of appeals in one municipality (default 0)")
    size.add_argument("--spike-size", type=int, metavar="N", help="appeals of a burst, at least (default 40)")
    size.add_argument("--small-spikes", action="store_true", help="bursts in small municipalities only")
    readings = size.add_mutually_exclusive_group()
    readings.add_argument("--no-readings", action="store_true", help="only events")
    readings.add_argument(
        "--readings-days", type=float, metavar="N", help="readings of the last N days only (default the whole span)"
    )
    times = parser.add_argument_group("time")
    times.add_argument(
        "--end", metavar="TIME", help="ISO 8601, UTC without an offset; the events lie before it (default now)"
    )
    span = times.add_mutually_exclusive_group()
    span.add_argument("--days", type=float, metavar="N", help="length of the span (demo 7 days; bench 3 hours)")
    span.add_argument("--start", metavar="TIME", help="begin of the span instead of its length")
    times.add_argument("--rate", type=float, metavar="R", help="records a second (default as fast as possible)")
    faults = parser.add_argument_group("faults")
    faults.add_argument("--duplicates", type=float, metavar="SHARE", help="share of facts that are sent again")
    faults.add_argument(
        "--beyond-window", type=float, metavar="SHARE", help="share of these copies that lie beyond the window"
    )
    faults.add_argument("--restamp", type=float, metavar="SHARE", help="share of copies with another place")
    faults.add_argument(
        "--redate", type=float, metavar="SHARE", help="share of copies about appeals with a corrected time"
    )
    faults.add_argument(
        "--late", type=float, metavar="SHARE", help="share of events that arrive a minute to three days late"
    )
    faults.add_argument(
        "--out-of-order", type=float, metavar="SECONDS", help="events change places within so many seconds"
    )
    faults.add_argument("--chunk", type=int, metavar="N", help="records of a chunk on the grid (default 32,768)")
    faults.add_argument("--partitions", type=int, metavar="N", help="partitions of the topic events (default 8)")
    output = parser.add_argument_group("output")
    output.add_argument("--truth", type=Path, metavar="DIR", help="write the exact figures to this directory")
    output.add_argument("--to-file", type=Path, metavar="FILE", help="records as JSON lines instead of sending them")
    output.add_argument(
        "--registers",
        type=Path,
        metavar="DIR",
        help="only write the registers (places, organisations, pages) into this directory, for their `import`",
    )
    output.add_argument(
        "--timeout",
        type=float,
        default=_DEFAULT_TIMEOUT_S,
        metavar="SECONDS",
        help=f"how long Kafka may take to acknowledge a record (default {_DEFAULT_TIMEOUT_S:g})",
    )
    output.add_argument(
        "--through",
        choices=("kafka", "webhook"),
        default="kafka",
        help="webhook: events of VK pages as VK's own calls, with retries and repeats; the rest into Kafka",
    )
    output.add_argument("--force", action="store_true", help="send although the topic holds real data")
    output.add_argument("--dry-run", action="store_true", help="send nothing, only show the figures")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Simulates. Exit codes are those of the examples above."""
    now_ms = time.time_ns() // 1_000_000
    try:
        spec = spec_of(args, now_ms)
        sends = args.to_file is None and args.registers is None and not args.dry_run
        if sends and spec.end_ms > now_ms + MAX_AHEAD_MS:
            raise UserError(
                "The events would lie more than 10 minutes ahead of now, and the fold rejects such events: give an"
                " earlier --end, or write them with --to-file.",
                WRONG_USE,
            )
        federation = Federation(spec)
    except SpecError as error:
        raise UserError(str(error), WRONG_USE) from error
    if args.registers is not None:
        return _write_registers(federation, args.registers)
    if sends and not args.force:
        _demand_synthetic(settings.kafka, min(args.timeout, 10.0))
    if args.through == "webhook" and sends:
        return _through_webhook(args, federation, settings)
    options = RunOptions(
        kafka=settings.kafka if sends else None,
        to_file=args.to_file,
        rate=args.rate,
        truth=args.truth,
        timeout=args.timeout,
    )
    try:
        outcome = run_simulation(federation, options)
    except (PublishError, TruthError) as error:
        raise UserError(str(error), FAILURE) from error
    except OSError as error:
        raise UserError(f"{error.filename or args.to_file} cannot be written: {error.strerror}.", FAILURE) from error
    show(outcome)
    return _end(outcome)


def _demand_synthetic(kafka: KafkaConnection, patience_s: float) -> None:
    """Raises UserError where the topic holds real data: invented figures can never be taken out of them again."""
    real = real_sources(kafka, patience_s)
    if real:
        raise UserError(
            f"{kafka.topic(EVENTS)} holds real data (source {', '.join(real[:3])}), and synthetic data would mix with"
            " them for ever: use another data directory (GOSPULSE_DATA), or --force",
            WRONG_USE,
        )


def _through_webhook(args: argparse.Namespace, federation: Federation, settings: Settings) -> int:
    from deploy.cli.simulate.through_webhook import simulate_through_webhook

    if args.truth is not None:
        raise UserError("--truth is that of records sent to Kafka: leave it out with --through webhook.", WRONG_USE)
    try:
        return simulate_through_webhook(federation, settings, args.rate, args.timeout)
    except PublishError as error:
        raise UserError(str(error), FAILURE) from error


def _write_registers(federation: Federation, folder: Path) -> int:
    try:
        paths = write_registers(federation, folder)
    except OSError as error:
        raise UserError(f"{error.filename or folder} cannot be written: {error.strerror}.", FAILURE) from error
    print("Import the registers in this order; nothing was sent:")
    for name, path in paths.items():
        print(f"  gospulse {name} import {path}")
    return GOOD


def spec_of(args: argparse.Namespace, now_ms: int) -> FederationSpec:
    """The specification of the options; ``now_ms`` (UTC), cut to whole seconds, is the end where none is given.

    Raises SpecError for a bad time or a contradiction, UserError for a bad rate or timeout.
    """
    if args.rate is not None and not args.rate > 0:
        raise UserError("--rate must be greater than 0.", WRONG_USE)
    if not 1 <= args.timeout <= 3_600:
        raise UserError("--timeout must be between 1 and 3,600 seconds.", WRONG_USE)
    end_ms = _moment(args.end, "--end") if args.end else now_ms // 1000 * 1000
    spec = bench(args.seed, end_ms) if args.profile == "bench" else FederationSpec(seed=args.seed, end_ms=end_ms)
    if args.start:
        spec = replace(spec, span_ms=end_ms - _moment(args.start, "--start"))
    elif args.days is not None:
        spec = replace(spec, span_ms=round(args.days * DAY_MS))
    given = {
        "events": args.events,
        "regions": args.regions,
        "municipalities": args.municipalities,
        "pages": args.pages,
        "appeal_share": args.appeals,
        "spikes": args.spikes,
        "spike_size": args.spike_size,
        "duplicates": args.duplicates,
        "beyond_window": args.beyond_window,
        "restamp": args.restamp,
        "redate": args.redate,
        "late": args.late,
        "out_of_order_ms": None if args.out_of_order is None else round(args.out_of_order * 1000),
        "chunk": args.chunk,
        "partitions": args.partitions,
        "small_spikes": True if args.small_spikes else None,
        "readings": False if args.no_readings else None,
        "readings_span_ms": None if args.readings_days is None else round(args.readings_days * DAY_MS),
    }
    return replace(spec, **{name: value for name, value in given.items() if value is not None})


def _moment(text: str, option: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise SpecError(f"{option} {text!r} is not a time such as 2026-11-21 or 2026-11-21T12:00:00+03:00.") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)


def _end(outcome: Outcome) -> int:
    if outcome.complete:
        return GOOD
    print("Stopped. The figures are those of the records sent until then.")
    return INTERRUPTED
