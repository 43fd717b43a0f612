"""Rows of the table ``rejected``: what the fold rejects, and what ingest reported as rejected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl
from msgspec import Struct

from schemas.contract.rejected import Rejected
from schemas.contract.rejections import Rejection
from streams.fold.batch import Batch
from streams.fold.rows import TABLES


class RejectedRecord(Struct, frozen=True):
    """A record that the contract, the clock or the generation rejects: its position and why, never its content."""

    offset: int
    #: Append time, milliseconds UTC.
    appended: int
    why: Rejected
    #: Bytes of the record.
    size: int


class RejectedRows:
    """Collects the rejected records of one partition between two flushes.

    The rows are keyed by position, so a replay is harmless.
    """

    def __init__(self, log: int, partition: int) -> None:
        self._position = (log, partition)
        self._rows: list[tuple[object, ...]] = []

    def add(self, records: Iterable[RejectedRecord]) -> None:
        """Records that the worker rejects."""
        self._rows += [
            (*self._position, one.offset, one.appended, "fold", one.why.field, one.why.reason, "", "", one.size)
            for one in records
        ]

    def report(self, rejection: Rejection, offset: int, appended: int, size: int) -> None:
        """What ingest rejected and reported through the topic ``rejected``, at its position in that topic's log."""
        said = (rejection.field, rejection.reason, rejection.source, rejection.origin or "")
        self._rows.append((*self._position, offset, appended, "ingest", *said, size))

    def drain(self) -> pl.DataFrame:
        """The rows since the last call."""
        rows, self._rows = self._rows, []
        return pl.DataFrame(rows, schema=TABLES["rejected"], orient="row")


def rejected_records(batch: Batch, rejected: Mapping[int, Rejected]) -> list[RejectedRecord]:
    """The rejected records of a batch, by their index in it, in the order of the log."""
    return [
        RejectedRecord(batch.first_offset + i, batch.appended[i], rejected[i], len(batch.values[i] or b""))
        for i in sorted(rejected)
    ]
