"""Audience: rows of ``people_day``, the distinct authors of a flush by page and local day of the place."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

from schemas.contract.numbered_texts import Numbers
from streams.fold.columns import Times
from streams.fold.counters import cells_of, hour_of, page_of, place_of
from streams.fold.rows import TABLES
from streams.fold.texts import TextColumn
from streams.zones import DAY_MS, day_at, offset_in_hour, zone_of_place


def people_rows(cells: Numbers, at: Times, authors: Numbers, places: TextColumn, pages: TextColumn) -> pl.DataFrame:
    """Rows for active records: their cells, times (milliseconds UTC) and authors (upper 64 bits of the keyed hash).

    The union of sketches is idempotent, so each flush gives its own authors only.
    """
    # A day has the place of an hour in the number, so that the same packing serves.
    days = local_days(hour_of(cells), place_of(cells), at, list(places.texts))
    groups = (
        pl.DataFrame({"group": cells_of(days, place_of(cells), page_of(cells)), "people": authors})
        .group_by("group")
        .agg(pl.col("people").unique())
    )
    group = groups["group"].to_numpy()
    columns = {
        "day": pl.Series(hour_of(group).astype(np.int32)).cast(pl.Date),
        "place": places.of(place_of(group)),
        "page": pages.of(page_of(group)),
        "people": groups["people"],
    }
    return pl.DataFrame(columns, schema=TABLES["people_day"])


def local_days(hours: Numbers, places: Numbers, at: Times, names: list[str]) -> Numbers:
    """The local calendar days (since 1970-01-01) of records, from their hours and times (UTC) and places' codes."""
    return days_in_zones(hours, places, at, lambda place: zone_of_place(names[place]))


def days_in_zones(hours: Numbers, groups: Numbers, at: Times, zone_of: Callable[[int], str]) -> Numbers:
    """The same for records in groups that have a zone each, found once for each hour of a group."""
    count = np.uint64(1) + (groups.max() if len(groups) else np.uint64(0))
    pairs, pair_of = np.unique(hours * count + groups, return_inverse=True)
    zones = [zone_of(group) for group in (pairs % count).tolist()]
    offsets = [offset_in_hour(zone, hour) for zone, hour in zip(zones, (pairs // count).tolist(), strict=True)]
    ahead = np.array([0 if offset is None else offset for offset in offsets], np.int64)
    days: Times = np.maximum((at + ahead[pair_of]) // DAY_MS, 0)
    # Within an hour in which a zone changes its offset each record is looked up by itself.
    changing = np.array([offset is None for offset in offsets], np.bool_)
    for i in np.flatnonzero(changing[pair_of]).tolist():
        days[i] = day_at(zones[pair_of[i]], int(at[i]))
    return days.astype(np.uint64)
