"""Marks: which hours a flush changed, and when each feed was last heard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from schemas.contract.numbered_texts import Numbers
from streams.fold.columns import Times
from streams.fold.rows import TABLES
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
        names = list(dict.fromkeys(sources))
        codes = {source: code for code, source in enumerate(names)}
        self.add_numbered(
            names, np.array([codes[source] for source in sources], np.uint64), offsets, appended, happened
        )

    def add_numbered(
        self, names: Sequence[str], sources: Numbers, offsets: Times, appended: Times, happened: Times
    ) -> None:
        """The same with the sources as numbers, which are indexes into ``names``."""
        # Where an index is assigned more than once the last value stays: the last record of each source.
        last = np.full(len(names), -1, np.int64)
        last[sources] = np.arange(len(sources))
        latest = np.zeros(len(names), np.int64)
        np.maximum.at(latest, sources, happened)
        for code in np.flatnonzero(last >= 0).tolist():
            source, row = names[code], int(last[code])
            before = self._marks.get(source, (0, 0, 0))
            self._marks[source] = (int(offsets[row]), int(appended[row]), max(before[2], int(latest[code])))

    def drain(self) -> pl.DataFrame:
        """Rows of ``sources`` since the last call."""
        marks, self._marks = self._marks, {}
        rows = [(source, *self._position, *mark) for source, mark in marks.items()]
        return pl.DataFrame(rows, schema=TABLES["sources"], orient="row")
