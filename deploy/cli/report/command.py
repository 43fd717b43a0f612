"""``gospulse report``: the last days at a glance, with how complete they are."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from deploy.cli.report.queries import Report, Row, gather
from deploy.cli.tables import show
from deploy.clickhouse.answers import QueryError
from deploy.clickhouse.client import clickhouse
from deploy.errors import GOOD, WRONG_USE, UserError
from deploy.settings import Settings
from schemas.contract.events import ENTRANCES

NAME = "report"
HELP = "the last days at a glance: appeals, share through public pages, engagement, completeness"
EXAMPLES = """
  gospulse report
  gospulse report --days 30
  gospulse report --json | jq '.sections.share_by_day'
"""

_PATIENCE_S: Final = 300.0


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument(
        "--days", type=int, default=14, help="how many days up to the latest one (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="everything as one JSON object")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Exit code 0 also where nothing was received yet."""
    if not 1 <= args.days <= 3_660:
        raise UserError("--days is between 1 and 3660", WRONG_USE)
    with clickhouse(settings.analyst, timeout_s=_PATIENCE_S) as client:
        try:
            report = gather(client, args.days)
        except QueryError as error:
            raise UserError(f"{error} Has `gospulse migrate` been run?") from error
    if args.json:
        print(msgspec.json.encode(report).decode())
    elif report.until is None:
        print("nothing was received yet")
    else:
        _print(report)
    return GOOD


def _print(report: Report) -> None:
    print(f"{report.since} to {report.until}\n")
    sections = report.sections
    doors = [entrance for entrance in ENTRANCES if any(row[entrance] for row in sections["appeals_by_day"])]
    _table(
        "Appeals by Moscow day of receipt (facts)",
        sections["appeals_by_day"],
        ["day", "appeals", *doors, "answered", "withdrawn", "share"],
        text=["day"],
        forms={"share": _percent},
    )
    _table(
        "Official replies by feed and by what they name; unmatched ones belong to no appeal and close nothing",
        sections["answers"],
        text=["source", "names"],
    )
    _table(
        "Totals counted by other systems", sections["outside_totals_by_day"], text=["day", "entrance", "observed_at"]
    )
    _table(
        "Share through public pages among appeals in social networks, other systems' totals included, by local day",
        [{**row, "covered": _part(row["covered"], row["denominator"])} for row in sections["share_by_day"]],
        text=["day"],
        forms={"share": _percent, "covered": _percent},
        names={"covered": "where others report"},
    )
    _table("Places", sections["top_places"], text=["place", "name", "region"], names={"per_10k": "per 10,000 people"})
    _table("Topics", sections["top_topics"], text=["topic", "name"])
    _table("Engagement by network (reactions and subscribers net)", sections["engagement"], text=["network"])
    _print_accounts(sections["active_accounts"])
    _table("Complete until (UTC)", sections["freshness"], text=["topic", "complete_until"])
    _table(
        "Roll-ups (UTC)",
        sections["rollups"],
        text=["rollup", "recomputed_at"],
        names={"waiting": "hours waiting", "recomputed_at": "recomputed at"},
    )
    _table(
        "Double entry for appeals: counters against facts",
        sections["reconciliation"],
        names={"repeats_beyond_the_window": "repeats beyond the window"},
    )
    _table("Rejected records", sections["rejected"], text=["stage", "field"])


def _print_accounts(rows: Sequence[Row]) -> None:
    networks = sorted({row["network"] for row in rows})
    by_day: dict[str, Row] = {}
    for row in rows:
        by_day.setdefault(row["day"], {"day": row["day"]} | dict.fromkeys(networks))[row["network"]] = row["accounts"]
    _table("Active accounts by local day and network (never add them up)", list(by_day.values()), text=["day"])


def _table(
    title: str,
    rows: Sequence[Row],
    columns: Sequence[str] | None = None,
    *,
    text: Sequence[str] = (),
    forms: dict[str, Callable[[Any], str]] | None = None,
    names: dict[str, str] | None = None,
) -> None:
    """A section; nothing where it has no rows. Columns not named in ``text`` are figures."""
    if not rows:
        return
    keys = list(columns or rows[0])
    heads = [(names or {}).get(key, key) for key in keys]
    cells = [[_cell(row[key], (forms or {}).get(key)) for key in keys] for row in rows]
    figures = [head for key, head in zip(keys, heads, strict=True) if key not in text]
    print(title)
    show(heads, cells, right=figures)


def _cell(value: Any, form: Callable[[Any], str] | None) -> str | None:
    if value is None or value == "":
        return None
    if form is not None:
        return form(value)
    if isinstance(value, float):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _percent(value: float) -> str:
    return f"{value:.1%}"


def _part(part: int, whole: int) -> float | None:
    return part / whole if whole else None
