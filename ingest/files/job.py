"""Options, progress and summary of an import."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from zoneinfo import ZoneInfo

from msgspec import Struct

from ingest.mapping.check import find_zone
from ingest.mapping.mapping import AppealMapping
from ingest.mapping.times import time_reader
from schemas.contract.identifiers import SOURCE


class ImportUseError(Exception):
    """The options of the import cannot work. The message is one sentence that says what to do."""


class ImportJob(Struct, frozen=True, kw_only=True):
    """What to import and how; ``state`` is the folder for progress and reject files."""

    file: Path
    mapping: AppealMapping
    state: Path
    source: str | None = None
    load: str | None = None
    as_of: str | None = None
    rejects: Path | None = None
    resume: bool = False


class Progress(Struct, frozen=True):
    """Progress of a running import; ``position`` and ``size`` are bytes of the file as stored."""

    phase: str
    rows: int
    records: int
    rejected: int
    position: int
    size: int


class Summary(Struct, kw_only=True):
    """The result of an import. ``failure`` is a sentence when it did not reach the end of the file."""

    load: str
    source: str
    shape: str
    rows: int = 0
    events: int = 0
    readings: int = 0
    rejected: int = 0
    reasons: Counter[tuple[str, str]] = Counter()
    rejects: Path
    #: The import resumed after this line; 0 when it began at the start.
    resumed_after: int = 0
    #: Kafka has acknowledged every record of the lines up to this one.
    confirmed_line: int = 0
    #: Totals that were not sent because one of their rows was rejected.
    withheld: int = 0
    #: Rejected rows whose total is not known: totals may be too low by them.
    unassigned: int = 0
    #: Rows that have the key of an earlier row, and the number of such keys.
    shared_rows: int = 0
    shared_keys: int = 0
    #: The key that most rows share: line of its first row, number of its rows.
    most_shared: tuple[int, int] = (0, 0)
    #: A shared key looks like a long number that a spreadsheet has shortened.
    keys_shortened: bool = False
    already_done: bool = False
    stopped: bool = False
    failure: str | None = None


def require_form(option: str, text: str) -> None:
    """Raise ImportUseError unless ``text`` may stand in the contract's fields ``source`` and ``load``."""
    if not SOURCE.fullmatch(text):
        raise ImportUseError(
            f"{option} must be letters, digits and _ . : / - (at most 96), and begin with a letter or digit."
        )


def observed_at_of(job: ImportJob, now_ms: int) -> int | None:
    """When a file's counts were observed, ms UTC: from ``--as-of``, else from the mapping; never from the clock.

    None where a column of each row holds it, and for appeals.

    Raises:
        ImportUseError: it is missing, superfluous or not a time.
    """
    total = job.mapping.total
    if total is None:
        if job.as_of is not None:
            raise ImportUseError("--as-of is for counts, and this mapping imports appeals one by one: leave it out.")
        return None
    named = total.observed_at
    if named is not None and named.column is not None:
        if job.as_of is not None:
            raise ImportUseError(
                f"The mapping takes the time of observation from the column {named.column}: leave --as-of out."
            )
        return None
    text = job.as_of or (named.constant if named is not None else None)
    if text is None:
        raise ImportUseError(
            "The time of these counts is not known. Give it with --as-of, such as --as-of 2026-10-01T09:00, or with"
            " `total.observed_at` in the mapping. The clock is not used: an old file would replace newer counts."
        )
    zone: ZoneInfo = find_zone(job.mapping.time.zone)
    try:
        at = time_reader("iso", zone)(text)
    except ValueError:
        raise ImportUseError(f"{text} is not a time such as 2026-10-01T09:00 or 2026-10-01T06:00:00Z.") from None
    if not 0 <= at <= now_ms:
        raise ImportUseError(f"{text} is not a possible time of counting: it must lie between 1970 and now.")
    return at
