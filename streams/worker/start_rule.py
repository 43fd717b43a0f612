"""Where the fold of a partition starts, or why it must not start: a pure function of its offsets and decisions."""

from __future__ import annotations

from msgspec import Struct

from streams.grid import chunk_start, window_start


class Known(Struct, frozen=True, kw_only=True):
    """The offsets of a partition of one log at its assignment. Offsets are "next": exclusive ends."""

    log: int
    part: int
    #: The group's committed offset; None where there is none (new, expired, lost).
    committed: int | None
    #: ``folded`` of the table progress: every row up to it is acknowledged; None where there is no row.
    folded: int | None
    #: First offset that the log still holds.
    log_start: int
    #: The offset that the next record will get.
    log_end: int
    #: Where the generation begins in this partition; 0 where it folds the log from its start.
    cut: int = 0
    #: The operator's recorded decision to go on at this offset.
    resume_from: int | None = None


class Start(Struct, frozen=True, kw_only=True):
    """Fold from ``fold_from`` after reading the identities from ``read_from`` on.

    ``fold_from`` is the first offset of a chunk, or the offset at which the operator decided to go on.
    """

    read_from: int
    fold_from: int
    #: The acknowledged offset: folding from ``fold_from`` up to here repeats work.
    acknowledged: int
    #: No record below it is read.
    floor: int


class Stop(Struct, frozen=True):
    """The partition must stop; ``reason`` is one sentence with the way out."""

    reason: str


def decide_start(known: Known, *, chunk: int, window_chunks: int) -> Start | Stop:
    """Where to start.

    ``window_chunks`` is 0 for topics whose folds drop no repeats. The commit and ``progress`` are both lower bounds of
    what is acknowledged (progress is written first), so the lower of the two is taken. A commit without progress
    belongs to a log that had this name before, or to tables that were emptied: it is not believed.
    """
    # A cut is no floor: the identities before it are in the window, and it lies far enough behind the log's start.
    floor = known.resume_from or 0
    begin = max(known.cut, floor)
    if known.folded is None:
        acknowledged = begin
    else:
        acknowledged = max(begin, known.folded if known.committed is None else min(known.committed, known.folded))
        if known.log_end < known.folded and floor < known.folded:
            return Stop(
                f"The log ends at offset {known.log_end}, but {known.folded} was acknowledged: records were lost. "
                "Restore them, start the next generation with `gospulse rebuild`, or go on with "
                f"{_command(known, known.folded)}."
            )
    if known.log_end < begin:
        return Stop(
            f"The log ends at offset {known.log_end}, and it was decided to go on at {begin}: the records before it "
            f"are not counted. Undo it with `gospulse partitions undo --log {known.log} --partition {known.part}`."
        )
    fold_from = max(chunk_start(acknowledged, chunk), floor)
    read_from = window_start(fold_from, chunk, window_chunks, floor)
    if known.log_start > read_from:
        return Stop(
            f"The log begins at offset {known.log_start}, but {read_from} is needed to go on exactly from "
            f"{acknowledged}. Restore the records, or go on with "
            f"{_command(known, first_resume(known, chunk=chunk))}."
        )
    return Start(read_from=read_from, fold_from=fold_from, acknowledged=acknowledged, floor=floor)


def first_resume(known: Known, *, chunk: int) -> int:
    """The first offset at which the operator may decide to go on.

    Records below ``folded`` are counted, and those before the log's start are gone. A second decision inside one chunk
    would count the rest of the chunk twice under one number.
    """
    first = max(known.cut, known.log_start, known.folded or 0)
    former = known.resume_from
    if former is not None and former % chunk and chunk_start(former, chunk) == chunk_start(first, chunk) != first:
        first = chunk_start(first, chunk) + chunk
    return first


def reject_resume(known: Known, offset: int, *, chunk: int) -> str | None:
    """Why going on at ``offset`` would write wrong numbers, as one sentence; None where it may be decided."""
    if offset == known.resume_from:
        return f"It was decided before to go on at {offset}."
    first = first_resume(known, chunk=chunk)
    if offset < first:
        return f"{_why_not_before(known, offset)} The first possible offset is {first}."
    former = known.resume_from
    if former is not None and former % chunk and offset % chunk and former - former % chunk == offset - offset % chunk:
        return (
            f"It was decided before to go on at {former}, inside the same chunk: a second decision would count twice. "
            f"The first possible offset is {offset - offset % chunk + chunk}."
        )
    return None


def _why_not_before(known: Known, offset: int) -> str:
    if offset < known.cut:
        return f"{offset} is below {known.cut}, where the generation begins."
    if offset < known.log_start:
        return f"The log begins at offset {known.log_start}."
    if known.folded is not None and known.log_end < known.folded:
        return (
            f"Offsets below {known.folded} were counted before the broker lost their records: new records at them "
            "would be taken for the old ones."
        )
    return f"Offsets below {known.folded} are counted already."


def _command(known: Known, offset: int) -> str:
    return f"`gospulse partitions resume --log {known.log} --partition {known.part} --from {offset}`"
