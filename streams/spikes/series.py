"""Hourly counts of many places side by side, with their local hours and what each hour counts for."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from msgspec import Struct

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

HOURS_OF_WEEK: Final = 168
#: Lengths of the trailing windows that are tested, hours.
WINDOWS: Final = (1, 3, 6, 24)
#: Hours that an evaluation looks at, counted back from its moment.
RECENT_HOURS: Final = max(WINDOWS)


class HourlyCounts(Struct, frozen=True):
    """Counts of ``n`` series over ``hours`` consecutive hours.

    Shapes: ``counts`` and ``exposure`` (n, hours); ``first_hour_of_week`` and ``group`` (n,).
    """

    #: Messages of each hour.
    counts: Floats
    #: Share of what today's pages usually bring that came from pages which were there in that hour. 0 where a count
    #: means nothing: the source was down, data came late, there was no page yet.
    exposure: Floats
    #: Hour of the week of the first column in the series' own time zone: 0 is Monday 00:00.
    first_hour_of_week: Ints
    #: Series of one group share a profile: a federal district, a size class or a level of the hierarchy.
    group: Ints

    @property
    def hours(self) -> int:
        """How many hours there are."""
        return int(self.counts.shape[1])

    def hour_of_week(self) -> Ints:
        """Local hour of the week of each column, (n, hours). Russia has no summer time since 2014."""
        return (self.first_hour_of_week[:, None] + np.arange(self.hours)) % HOURS_OF_WEEK

    def slice(self, begin: int, end: int) -> HourlyCounts:
        """The hours from ``begin`` (inclusive) to ``end`` (exclusive); hours before the first are unknown."""
        missing = max(0, -begin)
        counts = self.counts[:, max(0, begin) : end]
        exposure = self.exposure[:, max(0, begin) : end]
        if missing:
            counts = np.pad(counts, ((0, 0), (missing, 0)))
            exposure = np.pad(exposure, ((0, 0), (missing, 0)))
        return HourlyCounts(counts, exposure, (self.first_hour_of_week + begin) % HOURS_OF_WEEK, self.group)


def trailing_sums(values: Floats, window: int) -> Floats:
    """Sums over the last ``window`` columns up to and with each one, (n, columns); shorter at the beginning."""
    total = np.cumsum(values, axis=1)
    if window < values.shape[1]:
        total[:, window:] -= total[:, :-window].copy()
    return total


def windows_of(hours: Floats) -> Floats:
    """Sums of the trailing windows, (n, windows), of the last ``RECENT_HOURS`` hours (n, hours), oldest first."""
    return np.stack([hours[:, -window:].sum(axis=1) for window in WINDOWS], axis=1)
