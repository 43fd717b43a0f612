"""Where a partition's fold starts when a worker gets it, or why it must not start: rule 3, as a pure function.

Everything that is known of the partition goes in as a value; the answer is a place to start or one clear sentence.
"""

from __future__ import annotations

from msgspec import Struct

from streams.grid import chunk_start, window_start


class Known(Struct, frozen=True, kw_only=True):
    """What is known of a partition of one log at the moment of assignment. Offsets are "next": exclusive ends."""

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
    #: The operator's recorded decision to go on behind a gap; a boundary of chunks.
    resume_from: int | None = None


class Start(Struct, frozen=True, kw_only=True):
    """Fold from ``fold_from`` (a chunk's start), having read the identities from ``read_from`` on."""

    read_from: int
    fold_from: int
    #: What is acknowledged already: folding from ``fold_from`` up to here is a repetition.
    acknowledged: int
    #: Below it nothing is asked of the log.
    floor: int


class Stop(Struct, frozen=True):
    """The partition must stand still; ``reason`` is one sentence with the way out."""

    reason: str


def decide_start(known: Known, *, chunk: int, window_chunks: int) -> Start | Stop:
    """Where to start, by rule 3 of the design.

    ``window_chunks`` is 0 for topics whose folds drop no repeats. The commit and ``progress`` are both lower bounds of
    what is acknowledged (progress is written first), so the lower of the two is taken; a commit without progress
    belongs to a log that had this name before, or to tables that were emptied, and is not believed.
    """
    # A cut is no floor: the identities before it are in the window, and it lies far enough behind the log's start.
    floor = known.resume_from or 0
    begin = max(known.cut, floor)
    if known.folded is None:
        acknowledged = begin
    else:
        acknowledged = max(begin, known.folded if known.committed is None else min(known.committed, known.folded))
        if known.log_end < known.folded and (known.resume_from or 0) < known.folded:
            return Stop(
                f"The log ends at offset {known.log_end}, but {known.folded} was acknowledged: records were lost. "
                "Restore them, start the next generation with `gospulse rebuild`, or go on with "
                f"{_command(known, _boundary(known.folded, chunk))}."
            )
    if known.log_end < begin:
        return Stop(f"The log ends at offset {known.log_end}; folding goes on at {begin}, as was decided.")
    fold_from = chunk_start(acknowledged, chunk)
    read_from = window_start(fold_from, chunk, window_chunks, floor)
    if known.log_start > read_from:
        return Stop(
            f"The log begins at offset {known.log_start}, but {read_from} is needed to go on exactly from "
            f"{acknowledged}. Restore the records, or go on with "
            f"{_command(known, _boundary(known.log_start, chunk))}."
        )
    return Start(read_from=read_from, fold_from=fold_from, acknowledged=acknowledged, floor=floor)


def refuse_resume(known: Known, offset: int, *, chunk: int) -> str | None:
    """Why going on from ``offset`` would write wrong numbers, as one sentence; None where it may be decided.

    An offset inside a chunk would put the count of a chunk's end beside that of its beginning in one row.
    """
    if offset % chunk:
        return f"{offset} is not a boundary of chunks of {chunk} records: the next one is {_boundary(offset, chunk)}."
    if offset < known.cut:
        return f"{offset} lies below {known.cut}, where the generation begins."
    if offset < known.log_start:
        return (
            f"{offset} lies before the log's start; the first possible offset is {_boundary(known.log_start, chunk)}."
        )
    if known.folded is not None and known.log_end < known.folded and offset < known.folded:
        return (
            f"Offsets up to {known.folded} are used up by records that the broker lost: new records at them would be "
            f"taken for the old ones. The first possible offset is {_boundary(known.folded, chunk)}."
        )
    return None


def _boundary(offset: int, chunk: int) -> int:
    """The first boundary of chunks at or after ``offset``."""
    return -(-offset // chunk) * chunk


def _command(known: Known, offset: int) -> str:
    return f"`gospulse partitions resume --log {known.log} --partition {known.part} --from {offset}`"
