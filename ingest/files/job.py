"""What an import is asked to do, and what it tells of itself."""

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
    """The import was asked for in a way that cannot work; the message is one sentence with the way out."""


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
    """A glance at a running import; ``position`` and ``size`` are bytes of the file as stored."""

    phase: str
    rows: int
    records: int
    rejected: int
    position: int
    size: int


class Summary(Struct, kw_only=True):
    """What an import did. ``failure`` is a sentence when it did not come to the end."""

    load: str
    source: str
    shape: str
    rows: int = 0
    events: int = 0
    readings: int = 0
    rejected: int = 0
    reasons: Counter[tuple[str, str]] = Counter()
    rejects: Path
    #: The import went on after this line; 0 when it began at the start.
    resumed_after: int = 0
    #: Every record of the lines up to this one is confirmed.
    confirmed_line: int = 0
    #: Totals that were not sent because one of their rows was refused.
    withheld: int = 0
    #: Refused rows whose total cannot be told: totals may be too low by them.
    unassigned: int = 0
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
    """When a file's counts were true, ms UTC: from ``--as-of``, else from the mapping's constant; never from the clock.

    None where a column of each row says it, and for appeals one by one.

    Raises:
        ImportUseError: nobody says it, or it is said in a way that cannot be.
    """
    total = job.mapping.total
    if total is None:
        if job.as_of is not None:
            raise ImportUseError("--as-of says when counts were true; this mapping imports appeals one by one.")
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
            "When were these counts true? Say so with --as-of, such as --as-of 2026-10-01T09:00, or with"
            " `total.observed_at` in the mapping; the clock would let an old file replace newer counts."
        )
    zone: ZoneInfo = find_zone(job.mapping.time.zone)
    try:
        at = time_reader("iso", zone)(text)
    except ValueError:
        raise ImportUseError(f"{text} is not a time such as 2026-10-01T09:00 or 2026-10-01T06:00:00Z.") from None
    if not 0 <= at <= now_ms:
        raise ImportUseError(f"{text} is not a time at which something can have been counted.")
    return at
