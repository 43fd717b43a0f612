"""Rejected rows of an import: a file of line numbers and reasons, and records of the topic ``rejected``."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Final, Self, TextIO

import msgspec
from msgspec import Struct

from ingest.kafka.outgoing import Outgoing
from schemas.contract import VERSION
from schemas.contract.rejected import Rejected
from schemas.contract.rejections import Rejection, encode_rejection
from schemas.contract.topics import REJECTED

#: Most rejections of one import that are sent one by one. The others are one record with their number.
MAX_RECORDS: Final = 1_000


class Reject(Struct, frozen=True):
    """One line of the reject file."""

    line: int
    field: str
    reason: str


class RejectFile:
    """A file of JSON lines: line number, field and reason. It is created with the first rejected row.

    A new import replaces the file of an earlier run. A resumed import keeps the lines before the one where it resumes.
    """

    def __init__(self, path: Path, *, keep_to_line: int = 0) -> None:
        self.path = path
        self._file: TextIO | None = None
        if keep_to_line:
            self._keep(keep_to_line)
        else:
            path.unlink(missing_ok=True)

    def write(self, line: int, why: Rejected) -> None:
        """Add one rejected row; ``line`` is its line in the imported file, counted from 1."""
        if self._file is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a", encoding="utf-8")
        self._file.write(msgspec.json.encode(Reject(line, why.field, why.reason)).decode() + "\n")

    def flush(self) -> None:
        if self._file is not None:
            self._file.flush()

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def _keep(self, last: int) -> None:
        if not self.path.exists():
            return
        draft = self.path.with_name(self.path.name + ".new")
        with self.path.open("rb") as old, draft.open("wb") as new:
            for raw in old:
                try:
                    if msgspec.json.decode(raw, type=Reject).line <= last:
                        new.write(raw)
                except msgspec.DecodeError:
                    continue  # A line that a crash cut off: its row is read again.
        os.replace(draft, self.path)


class Rejections:
    """Counts rejections by reason, and makes their records. ``at_ms`` is the time of the import (UTC)."""

    def __init__(self, *, source: str, load: str, at_ms: int) -> None:
        self.count = 0
        #: Rows by (field, reason). Reasons are the importer's own sentences, so there are few.
        self.reasons: Counter[tuple[str, str]] = Counter()
        self._source = source
        self._load = load
        self._at_ms = at_ms

    def record(self, line: int, why: Rejected) -> Outgoing | None:
        """Count a rejection; its record, or None beyond the first ``MAX_RECORDS``."""
        self.count += 1
        self.reasons[why.field, why.reason] += 1
        if self.count > MAX_RECORDS:
            return None
        return self._outgoing(why.field, why.reason, f"line {line}")

    def summary(self) -> Outgoing | None:
        """The record that stands for the rejections beyond the first ``MAX_RECORDS``, if there were more."""
        more = self.count - MAX_RECORDS
        if more <= 0:
            return None
        return self._outgoing("", f"{more} more rows of this import were rejected; its reject file lists them.", None)

    def _outgoing(self, field: str, reason: str, origin: str | None) -> Outgoing:
        rejection = Rejection(
            v=VERSION,
            at=self._at_ms,
            source=self._source,
            field=field,
            reason=reason[:300],
            origin=origin,
            load=self._load,
        )
        return Outgoing(REJECTED, self._load, encode_rejection(rejection))
