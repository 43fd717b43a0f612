"""Marks: which hours a flush changed, and when each feed was last heard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from streams.codes import TextCodes
from streams.judge import Times
from streams.rows import TABLES
from streams.zones import HOUR_MS


def touched_rows(log: int, partition: int, hours: Mapping[int, int]) -> pl.DataFrame:
    """Rows of ``touched`` from the hours (since 1970, UTC) and the offset after the last record that changed each."""
    rows = [(hour * HOUR_MS, log, partition, high) for hour, high in sorted(hours.items())]
    return pl.DataFrame(rows, schema=TABLES["touched"], orient="row")


class SourceMarks:
    """The last record of each feed in one partition, and the latest time that the feed told of."""

    def __init__(self, log: int, partition: int) -> None:
        self._position = (log, partition)
        self._marks: dict[str, tuple[int, int, int]] = {}

    def add(self, sources: Sequence[str], offsets: Times, appended: Times, happened: Times) -> None:
        """Accepted records in the order of the log; times in milliseconds UTC."""
        codes = TextCodes()
        of = codes.encode(sources, len(sources)).astype(np.int64)
        # Where a place is assigned more than once the last value stays: the last record of each source.
        last = np.zeros(len(codes), np.int64)
        last[of] = np.arange(len(sources))
        latest = np.zeros(len(codes), np.int64)
        np.maximum.at(latest, of, happened)
        for source, code in codes.items():
            at = int(last[code])
            before = self._marks.get(source, (0, 0, 0))
            self._marks[source] = (int(offsets[at]), int(appended[at]), max(before[2], int(latest[code])))

    def drain(self) -> pl.DataFrame:
        """Rows of ``sources`` since the last call."""
        marks, self._marks = self._marks, {}
        rows = [(source, *self._position, *mark) for source, mark in marks.items()]
        return pl.DataFrame(rows, schema=TABLES["sources"], orient="row")
