"""Rows of the table ``rejected``: what the fold refuses, and what ingest reported as refused."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl
from msgspec import Struct

from schemas.contract.refusal import Refusal
from schemas.contract.rejections import Rejection
from streams.fold.batch import Batch
from streams.fold.rows import TABLES


class RefusedRecord(Struct, frozen=True):
    """A record that the contract, the clock or the generation refuses: its position and why, never its content."""

    offset: int
    #: Append time, milliseconds UTC.
    appended: int
    refusal: Refusal
    #: Bytes of the record.
    size: int


class RefusedRows:
    """Collects the refused records of one partition between two flushes; keyed by position, so a replay is harmless."""

    def __init__(self, log: int, partition: int) -> None:
        self._position = (log, partition)
        self._rows: list[tuple[object, ...]] = []

    def add(self, records: Iterable[RefusedRecord]) -> None:
        """Records that the worker refuses."""
        self._rows += [
            (*self._position, one.offset, one.appended, "fold", one.refusal.field, one.refusal.reason, "", "", one.size)
            for one in records
        ]

    def report(self, rejection: Rejection, offset: int, appended: int, size: int) -> None:
        """What ingest refused and reported through the topic ``rejected``, at its position in that topic's log."""
        said = (rejection.field, rejection.reason, rejection.source, rejection.origin or "")
        self._rows.append((*self._position, offset, appended, "ingest", *said, size))

    def drain(self) -> pl.DataFrame:
        """The rows since the last call."""
        rows, self._rows = self._rows, []
        return pl.DataFrame(rows, schema=TABLES["rejected"], orient="row")


def refused_records(batch: Batch, refusals: Mapping[int, Refusal]) -> list[RefusedRecord]:
    """The refused records of a batch, by their place in it, in the order of the log."""
    return [
        RefusedRecord(batch.first_offset + at, batch.appended[at], refusals[at], len(batch.values[at] or b""))
        for at in sorted(refusals)
    ]
