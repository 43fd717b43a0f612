"""Turns the daily counts of the NHS triage lines into files for ``gospulse spikes backtest``: counts and truth.

The data are those of the R package ``outbreaks`` (``covid19_england_nhscalls_2020``), as CSV with the columns
site_type, date, ccg_code, nhs_region and count.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import polars as pl

#: The first month is the first wave itself, and places merged on 2020-04-01.
FIRST_DAY: Final = "2020-04-01"
#: What is known about these months: place, first and last day.
TRUTH: Final = (
    ("RU", "2020-05-18", "2020-05-19"),
    ("nhs_leicester_city_ccg", "2020-06-28", "2020-07-02"),
    ("RU", "2020-09-06", "2020-09-16"),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Write ``counts.csv`` and ``truth.csv`` into a folder."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.spikes.nhs",
        description=__doc__,
        epilog="example: python -m tests.bench.spikes.nhs nhs_calls.csv.gz build/nhs",
    )
    parser.add_argument("source", type=Path, metavar="FILE")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--channel", default=None, help="one channel, such as 111_online (default: all)")
    chosen = parser.parse_args(arguments)
    if not chosen.source.exists():
        parser.error(f"there is no file {chosen.source}")
    chosen.folder.mkdir(parents=True, exist_ok=True)
    daily(chosen.source, chosen.channel).write_csv(chosen.folder / "counts.csv")
    truth = "".join(f"{place},{begin},{end}\n" for place, begin, end in TRUTH)
    (chosen.folder / "truth.csv").write_text("place,from,to\n" + truth, encoding="utf-8")
    return 0


def daily(source: Path, channel: str | None) -> pl.DataFrame:
    """Reports by day and place: time, place, region, count. Codes without a name stand together as ``unknown``."""
    rows = pl.read_csv(source, infer_schema_length=0).filter(pl.col("date") >= FIRST_DAY)
    if channel is not None:
        rows = rows.filter(pl.col("site_type") == channel)
    named = pl.when(pl.col("ccg_name") == "null").then(pl.lit("unknown")).otherwise(pl.col("ccg_name"))
    region = pl.when(pl.col("nhs_region").str.len_chars() > 0).then(pl.col("nhs_region"))
    return (
        rows.with_columns(named.alias("place"), region.alias("region"), pl.col("count").cast(pl.Int64))
        .group_by(pl.col("date").alias("time"), "place")
        .agg(pl.col("region").drop_nulls().first(), pl.col("count").sum())
        .sort("time", "place")
    )


if __name__ == "__main__":
    sys.exit(main())
