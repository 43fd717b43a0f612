"""Writes service requests of Los Angeles (MyLA311) in the form that ``gospulse spikes backtest`` reads.

The file holds seven full days, which are no history to learn from. So eight weeks before them are drawn from them: each
request of a weekday comes a Poisson number of times (a bootstrap, Efron 1979). One council district gets 60 requests
more on the fourth real day, from noon on: the spike that must be found.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

FIRST_DAY: Final = "2017-12-28"
WEEKS: Final = 8
SPIKE_PLACE: Final = "CD 7"
SPIKE_DAY: Final = 3
SPIKE_SIZE: Final = 60


def main(arguments: Sequence[str] | None = None) -> int:
    """Write ``counts.csv`` and ``truth.csv`` into a folder."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.spikes.la311",
        description=__doc__,
        epilog="example: python -m tests.bench.spikes.la311 la311.csv.gz build/la311",
    )
    parser.add_argument("source", type=Path, metavar="FILE")
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    if not chosen.source.exists():
        parser.error(f"there is no file {chosen.source}")
    chosen.folder.mkdir(parents=True, exist_ok=True)
    counts, begin = with_history(chosen.source, np.random.default_rng(chosen.seed))
    counts.write_csv(chosen.folder / "counts.csv")
    end = begin + timedelta(hours=12)
    truth = f"place,from,to\n{SPIKE_PLACE},{begin:%Y-%m-%dT%H:%M:%SZ},{end:%Y-%m-%dT%H:%M:%SZ}\n"
    (chosen.folder / "truth.csv").write_text(truth, encoding="utf-8")
    return 0


def with_history(source: Path, random: np.random.Generator) -> tuple[pl.DataFrame, datetime]:
    """Requests as time, place, region, count: eight drawn weeks, then the real one with its spike; and its hour."""
    rows = pl.read_csv(source, infer_schema_length=0).filter(pl.col("CD").is_not_null())
    real = rows.select(
        pl.col("CreatedDate").str.replace("T", " ").str.to_datetime("%Y-%m-%d %H:%M:%S").alias("time"),
        pl.concat_str(pl.lit("CD "), pl.col("CD")).alias("place"),
    )
    first = pl.lit(FIRST_DAY).str.to_datetime("%Y-%m-%d")
    real = real.filter((pl.col("time") >= first) & (pl.col("time") < first + pl.duration(days=7)))
    weeks = [real]
    for back in range(1, WEEKS + 1):
        times = random.poisson(1.0, len(real))
        drawn = real[np.repeat(np.arange(len(real)), times)]
        weeks.append(drawn.with_columns(pl.col("time") - pl.duration(days=7 * back)))
    begin = datetime.strptime(FIRST_DAY, "%Y-%m-%d") + timedelta(days=SPIKE_DAY, hours=12)  # noqa: DTZ007 (local time)
    minutes = np.sort(random.integers(0, 180, SPIKE_SIZE))
    extra = pl.DataFrame({"time": [begin] * SPIKE_SIZE, "more": minutes, "place": [SPIKE_PLACE] * SPIKE_SIZE})
    weeks.append(extra.select(pl.col("time") + pl.duration(minutes=pl.col("more")), "place"))
    whole = pl.concat([each.with_columns(pl.col("time").dt.cast_time_unit("us")) for each in weeks])
    hourly = whole.group_by(pl.col("time").dt.truncate("1h"), "place").len("count").sort("time", "place")
    text = pl.col("time").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
    return hourly.select(text, "place", pl.lit("Los Angeles").alias("region"), "count"), begin


if __name__ == "__main__":
    sys.exit(main())
