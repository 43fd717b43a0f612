"""``gospulse spikes backtest``: history from a CSV file through the very detector that runs live."""

from __future__ import annotations

import argparse
import importlib.util
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from deploy.cli.spikes.plots import write_plot
from deploy.cli.tables import show
from deploy.clickhouse.client import clickhouse
from deploy.errors import FAILURE, GOOD, WRONG_USE, UserError
from deploy.settings import Settings

if TYPE_CHECKING:
    from streams.spikes.replay import Appeals, Event, Played

_MOST_SHOWN: Final = 40
_HOUR: Final = 3_600_000


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument(
        "file",
        metavar="FILE",
        help="CSV with the columns time, place and optionally count, region, arrived; - reads the running system",
    )
    parser.add_argument("--truth", metavar="FILE", help="CSV of true spikes: place, from, to")
    parser.add_argument("--plot", metavar="DIR", type=Path, help="write a picture (SVG) of each alerted series")
    parser.add_argument("--days", type=int, default=120, metavar="N", help="days that - reads (120)")
    parser.add_argument("--false-alerts-a-week", type=float, default=None, metavar="N", help="as the setting (7)")


def run(args: argparse.Namespace, settings: Settings) -> int:
    """Prints alerts, calibration and, with --truth, precision, recall and delay."""
    if importlib.util.find_spec("scipy") is None:
        raise UserError("the detector needs scipy: install Gospulse with its extra `spikes`", FAILURE)
    from streams.spikes.hierarchy import hierarchy
    from streams.spikes.replay import calibration, judge, replay

    table = _running(settings, args.days) if args.file == "-" else read_counts(Path(args.file))
    appeals, places = to_appeals(table)
    regions = dict(table.select("place", "region").unique("place").iter_rows()) if "region" in table.columns else {}
    known = {region: (None, 0) for region in regions.values() if region}
    tree = hierarchy([(place, regions.get(place), 0) for place in places], known, country_offset=0)
    events = [] if args.truth is None else read_truth(Path(args.truth))
    rate = settings.spikes_false_alerts_a_week if args.false_alerts_a_week is None else args.false_alerts_a_week
    with _progress() as progress:
        task = progress.add_task("replaying days", total=None)
        try:
            played = replay(
                appeals,
                tree,
                false_alerts_a_week=rate,
                minimum=settings.spikes_minimum,
                on_day=lambda done, days: progress.update(task, completed=done, total=days),
            )
        except ValueError as error:
            raise UserError(str(error), FAILURE) from error
    _print_alerts(played)
    show(
        ("size class", "series", "episodes below E = 0.01", "expected", "ratio"),
        [
            (name, n, f"{count:.0f}", f"{usual:.1f}", f"{count / usual:.2f}" if usual >= 1 else "-")
            for name, n, count, usual in calibration(played, appeals.daily)
        ],
        title="Calibration (0.2 to 2.5 is good)",
    )
    if events:
        found = judge(played.alerts, events, tree)
        precision = found.right / max(1, found.right + found.wrong)
        delay = f"{np.median(found.delays):.0f} h" if found.delays else "-"
        print(
            f"Precision {precision:.2f} ({found.right} of {found.right + found.wrong} alerts), "
            f"recall {found.found / found.events:.2f} ({found.found} of {found.events} spikes), median delay {delay}."
        )
    if args.plot is not None:
        _plot(played, args.plot, daily=appeals.daily)
    return GOOD


def read_counts(path: Path) -> pl.DataFrame:
    """The file as time (UTC), arrived (UTC), place, count, optional region. Raises UserError with line or column."""
    try:
        table = pl.read_csv(path, infer_schema_length=0)
    except FileNotFoundError:
        raise UserError(f"there is no file {path}", WRONG_USE) from None
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UserError(f"{path} cannot be read as CSV: {str(error).splitlines()[0]}", WRONG_USE) from error
    missing = [column for column in ("time", "place") if column not in table.columns]
    if missing:
        raise UserError(
            f"{path} has no column {' and no column '.join(missing)}; it has {', '.join(table.columns)}", WRONG_USE
        )
    table = _with_times(table, "time", path)
    table = _with_times(table, "arrived", path) if "arrived" in table.columns else table.with_columns(arrived="time")
    count = pl.col("count").cast(pl.Float64, strict=False) if "count" in table.columns else pl.lit(1.0)
    table = table.with_columns(number=count)
    wrong = table.with_row_index("line", 2).filter(pl.col("number").is_null() | (pl.col("number") < 0))
    if len(wrong):
        raise UserError(f"{path}, line {wrong['line'][0]}: count is {wrong['count'][0]!r}, not a number", WRONG_USE)
    kept = ["time", "arrived", "place", "number", "daily"] + (["region"] if "region" in table.columns else [])
    return table.select(kept)


def _with_times(table: pl.DataFrame, column: str, path: Path) -> pl.DataFrame:
    text = pl.col(column).str.strip_chars()
    parsed = pl.coalesce(
        text.str.to_datetime("%Y-%m-%dT%H:%M:%S%#z", strict=False, time_zone="UTC"),
        text.str.to_datetime("%Y-%m-%dT%H:%M%#z", strict=False, time_zone="UTC"),
        text.str.replace(" ", "T").str.to_datetime("%Y-%m-%dT%H:%M:%S", strict=False).dt.replace_time_zone("UTC"),
        text.str.replace(" ", "T").str.to_datetime("%Y-%m-%dT%H:%M", strict=False).dt.replace_time_zone("UTC"),
        text.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
    )
    daily = bool(table.select((text.str.len_chars() == 10).all()).item()) if len(table) else False
    result = table.with_columns(parsed.alias("parsed"))
    wrong = result.with_row_index("line", 2).filter(pl.col("parsed").is_null())
    if len(wrong):
        raise UserError(
            f"{path}, line {wrong['line'][0]}: {column} is {wrong[column][0]!r}, "
            "not a time such as 2026-11-27T12:00:00Z",
            WRONG_USE,
        )
    result = result.with_columns(pl.col("parsed").alias(column)).drop("parsed")
    return result.with_columns(daily=pl.lit(daily)) if column == "time" else result


def _running(settings: Settings, days: int) -> pl.DataFrame:
    """Counts of the running system by hour."""
    with clickhouse(settings.clickhouse, timeout_s=300) as client:
        rows = client.query(
            "SELECT toUnixTimestamp(toStartOfHour(time)), place, ifNull(any(region), ''), sum(appeals) "
            "FROM gospulse.appeals_5min WHERE time >= now() - toIntervalDay({days:UInt32}) GROUP BY 1, place",
            parameters={"days": days},
        ).result_rows
    if not rows:
        raise UserError(f"there are no appeals in the last {days} days", FAILURE)
    at = [datetime.fromtimestamp(row[0], UTC) for row in rows]
    columns = {"time": at, "arrived": at, "place": [r[1] for r in rows], "region": [r[2] or None for r in rows]}
    return pl.DataFrame(columns | {"number": [float(r[3]) for r in rows], "daily": [False] * len(rows)})


def to_appeals(table: pl.DataFrame) -> tuple[Appeals, list[str]]:
    """Rows for the replay, and the places by number. Raises UserError for an empty table."""
    from streams.spikes.replay import Appeals

    if not len(table):
        raise UserError("the file holds no rows", FAILURE)
    daily = bool(table["daily"][0])
    places = sorted(table["place"].unique().to_list())
    number = {place: i for i, place in enumerate(places)}
    hour = table["time"].dt.epoch("ms").to_numpy() // _HOUR + (23 if daily else 0)
    arrived = table["arrived"].dt.epoch("ms").to_numpy() // _HOUR
    return (
        Appeals(
            np.array([number[place] for place in table["place"]], np.int64),
            hour.astype(np.int64),
            np.maximum(arrived, hour).astype(np.int64),
            table["number"].to_numpy(),
            daily,
        ),
        places,
    )


def read_truth(path: Path) -> list[Event]:
    """True spikes: place, from, to (times as in the counts; a day ends at its midnight)."""
    from streams.spikes.replay import Event

    try:
        table = pl.read_csv(path, infer_schema_length=0)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UserError(f"{path} cannot be read as CSV: {str(error).splitlines()[0]}", WRONG_USE) from error
    missing = [column for column in ("place", "from", "to") if column not in table.columns]
    if missing:
        raise UserError(f"{path} has no column {' and no column '.join(missing)}", WRONG_USE)
    by_day = table["to"].str.strip_chars().str.len_chars().eq(10).to_list()
    times = _with_times(_with_times(table, "from", path), "to", path)
    hours = [times[column].dt.epoch("ms").to_numpy() // _HOUR for column in ("from", "to")]
    return [
        Event(place, int(begin), int(end) + (24 if day else 0))
        for place, begin, end, day in zip(table["place"], *hours, by_day, strict=True)
    ]


def _print_alerts(played: Played) -> None:
    rows = [
        (
            datetime.fromtimestamp(alert.hour * 3600, UTC).strftime("%Y-%m-%d %H:%M"),
            alert.series,
            f"{alert.observed:.0f} in {alert.window_h} h",
            f"{alert.expected:.1f}",
            f"{alert.alarms:.1e}",
        )
        for alert in played.alerts
    ]
    title = f"{len(rows)} alerts" + (f", the first {_MOST_SHOWN}" if len(rows) > _MOST_SHOWN else "")
    show(("time (UTC)", "series", "observed", "usual", "false alarms a day"), rows[:_MOST_SHOWN], title=title)


def _plot(played: Played, folder: Path, *, daily: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    alerted = sorted({alert.series for alert in played.alerts})[:100]
    for series in alerted:
        row = played.tree.codes.index(series)
        hours = [alert.hour for alert in played.alerts if alert.series == series]
        path = folder / f"{''.join(c if c.isalnum() else '_' for c in series)}.svg"
        write_plot(path, series, played, row, hours, daily=daily)
    print(f"{len(alerted)} pictures are in {folder}.")


def _progress() -> Progress:
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
        transient=True,
    )
