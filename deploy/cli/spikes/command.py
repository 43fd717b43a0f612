"""``gospulse spikes``: run the detector, list and explain episodes, decide about them, replay history."""

from __future__ import annotations

import argparse
from datetime import datetime

from deploy.cli.spikes import backtest, decide, display, links, running
from deploy.errors import WRONG_USE, UserError
from deploy.settings import Settings

NAME = "spikes"
HELP = "unusual jumps of appeals: run the detector, list, explain, decide, backtest"
EXAMPLES = """
  gospulse spikes list                              open episodes, the most unusual first
  gospulse spikes list --all --days 30              closed ones of the last 30 days, too
  gospulse spikes show 9f2c41d07ab35e88             one episode: what carries it, what became of it
  gospulse spikes explain 57701000 --at 2026-11-27T12:00Z   observed against usual, hour by hour
  gospulse spikes confirm 9f2c41d07ab35e88 --why "no heating in three houses"
  gospulse spikes links 9f2c41d07ab35e88 --url https://spikes.example.org   links to decide without a shell
  gospulse spikes answer                            answer these links (`gospulse up` starts it)
  gospulse spikes quality                           alerts, confirmed, dismissed in the last 90 days; calibration
  gospulse spikes run                               the detector itself (`gospulse up` starts it)
  gospulse spikes backtest counts.csv --plot plots/ replay history: alerts, precision, recall, delay, calibration
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the actions."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="episodes, the most unusual first")
    listing.add_argument("--all", action="store_true", help="closed episodes, too")
    listing.add_argument("--days", type=_positive, default=7, metavar="N", help="days to look back for closed ones (7)")
    listing.add_argument("--json", action="store_true", help="print JSON")
    showing = actions.add_parser("show", help="one episode")
    showing.add_argument("id", metavar="ID")
    explaining = actions.add_parser(
        "explain", help="a place at a moment: observed and usual, carriers, neighbours, feeds"
    )
    explaining.add_argument(
        "series", metavar="PLACE", help="code of a municipality or region, a federal district, or RU"
    )
    explaining.add_argument(
        "--at", type=_moment, metavar="TIME", help="moment, such as 2026-11-27T12:00Z (default: now)"
    )
    for name, what in (
        ("accept", "somebody works on it"),
        ("confirm", "it was a real event"),
        ("dismiss", "it was not"),
        ("hand-over", "somebody else works on it"),
    ):
        deciding = actions.add_parser(name, help=f"decide about an episode: {what}")
        deciding.add_argument("id", metavar="ID")
        deciding.add_argument("--why", required=True, metavar="TEXT", help="reason; no personal data")
    linking = actions.add_parser("links", help="signed links that accept, dismiss or hand over; each works once")
    linking.add_argument("id", metavar="ID")
    linking.add_argument("--url", metavar="URL", help="public address of the links (setting spikes_links_url)")
    linking.add_argument("--valid-h", type=_hours, default=24.0, metavar="H", help="hours that they work, at most 24")
    answering = actions.add_parser(
        "answer", help="answer signed links until SIGTERM, behind a proxy with TLS (`gospulse up` starts it)"
    )
    answering.add_argument("--host", default="127.0.0.1", metavar="HOST", help="address to listen on (127.0.0.1)")
    answering.add_argument("--port", type=int, metavar="PORT", help="port to listen on (setting spikes_links_port)")
    actions.add_parser("quality", help="figures of quality and the health of the detector")
    runner = actions.add_parser("run", help="run the detector until SIGTERM")
    runner.add_argument("--once", action="store_true", help="one evaluation, then end")
    runner.add_argument("--at", type=_moment, metavar="TIME", help="with --once: evaluate this moment, complete or not")
    replay = actions.add_parser("backtest", help="replay history from a CSV file through the detector")
    backtest.configure(replay)


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Exit code 1 where an episode is not known or the detector cannot run; 2 for wrong use."""
    if args.action == "backtest":
        return backtest.run(args, settings)
    if args.action == "run":
        if args.at is not None and not args.once:
            raise UserError("--at goes with --once", WRONG_USE)
        return running.run(settings, once=args.once, at=args.at)
    if args.action == "list":
        return display.print_list(settings, include_closed=args.all, days=args.days, as_json=args.json)
    if args.action == "show":
        return display.print_episode(settings, args.id)
    if args.action == "explain":
        return display.print_explanation(settings, args.series, args.at)
    if args.action == "links":
        return links.print_links(settings, args.id, args.url or settings.spikes_links_url, args.valid_h)
    if args.action == "answer":
        return links.answer(settings, args.host, settings.spikes_links_port if args.port is None else args.port)
    if args.action == "quality":
        return display.print_quality(settings)
    return decide.decide(settings, args.id, args.action.replace("-", "_"), args.why)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number


def _hours(text: str) -> float:
    number = float(text)
    if not 0 < number <= 24:
        raise argparse.ArgumentTypeError("more than 0, at most 24")
    return number


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time such as 2026-11-27T12:00Z") from None
    if at.tzinfo is None:
        raise argparse.ArgumentTypeError(f"{text!r} has no time zone: add Z or an offset such as +03:00")
    return at
