"""Compares the counters of chunks and the rejected records of a stretch of one partition."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from schemas.contract.events import KINDS
from streams.verify.findings import Findings
from streams.verify.recount.events import CellKey, Cells, ChunkCount
from streams.verify.recount.ledger import RejectedRow

COUNTERS = "page_hour"
REJECTED_ROWS = "rejected"


def compare_cells(
    findings: Findings,
    log: int,
    part: int,
    counts: Iterable[ChunkCount],
    stored: dict[int, Cells],
    kept_from: int = 0,
) -> None:
    """Compare chunks. Cells of hours before ``kept_from`` (seconds UTC) may be absent or not whole.

     ``stored`` must have been read before the end of the log that ``counts`` reach, and holds no
    chunk but those of the stretch: one that the recount did not meet is a difference.
    """
    remaining = dict(stored)
    for count in counts:
        kept = remaining.pop(count.chunk, {})
        if count.window_known and (count.whole or count.acknowledged == count.read):
            _compare_exactly(findings, log, part, count, kept, kept_from)
        else:
            _compare_bounds(findings, log, part, count, kept, kept_from)
    for chunk, cells in remaining.items():
        for key, number in cells.items():
            findings.differ(COUNTERS, _where(log, part, chunk, key), None, number)


def _compare_exactly(findings: Findings, log: int, part: int, count: ChunkCount, stored: Cells, kept_from: int) -> None:
    findings.count(findings.compared, COUNTERS, len(count.read))
    if stored == count.read:
        return
    for key in sorted(count.read.keys() | stored.keys()):
        expected, found = count.read.get(key), stored.get(key)
        if expected == found:
            continue
        if key[0] < kept_from and (found or 0) < (expected or 0):
            findings.count(findings.expired, COUNTERS)
        else:
            findings.differ(COUNTERS, _where(log, part, count.chunk, key), expected, found)


def _compare_bounds(findings: Findings, log: int, part: int, count: ChunkCount, stored: Cells, kept_from: int) -> None:
    findings.count(findings.bracketed, COUNTERS, len(count.read))
    for key in sorted(count.read.keys() | stored.keys()):
        # Where the log no longer holds the whole window, the worker may have dropped what the recount cannot know.
        low = count.acknowledged.get(key, 0) if count.window_known and key[0] >= kept_from else 0
        high, found = count.read.get(key), stored.get(key)
        if not low <= (found or 0) <= (high or 0) or (found == 0 and high is None):
            expected = high if low == high else f"{low} to {high or 0}"
            findings.differ(COUNTERS, _where(log, part, count.chunk, key), expected, found)


def compare_rejected(
    findings: Findings,
    log: int,
    part: int,
    recounted: Iterable[RejectedRow],
    stored: Iterable[RejectedRow],
    acknowledged: int,
    end: int,
    kept_from: int = 0,
) -> None:
    """Compare rejected records by offset. Beyond ``acknowledged`` a row may be absent, beyond ``end`` (the next offset
    after what was recounted) it is not judged. A recounted row without a reason (its origin was mended and sent again)
    stands for any reason. What was appended before ``kept_from`` (seconds UTC) may be absent."""
    kept = {row.off: row for row in stored}
    for row in recounted:
        found = kept.pop(row.off, None)
        where = f"log {log} partition {part} offset {row.off}"
        if found is None:
            if row.appended < kept_from * 1000:
                findings.count(findings.expired, REJECTED_ROWS)
            elif row.off < acknowledged:
                findings.differ(REJECTED_ROWS, where, row.reason or "rejected", None)
            else:
                findings.count(findings.bracketed, REJECTED_ROWS)
            continue
        findings.count(findings.compared, REJECTED_ROWS)
        if row.reason and found != row:
            findings.differ(REJECTED_ROWS, where, *_unlike(row, found))
    for off, found in kept.items():
        if off >= end:
            findings.count(findings.later, REJECTED_ROWS)
        else:
            findings.differ(REJECTED_ROWS, f"log {log} partition {part} offset {off}", None, found.reason)


def _unlike(row: RejectedRow, found: RejectedRow) -> tuple[str, str]:
    names = [name for name in RejectedRow.__struct_fields__ if getattr(row, name) != getattr(found, name)]
    return (
        ", ".join(f"{name}={getattr(row, name)}" for name in names),
        ", ".join(f"{name}={getattr(found, name)}" for name in names),
    )


def _where(log: int, part: int, chunk: int, key: CellKey) -> str:
    hour, page, place, kind = key
    when = datetime.fromtimestamp(hour, UTC).strftime("%Y-%m-%d %H:00")
    name = KINDS[kind] if kind >= 0 else "no count"
    return f"log {log} partition {part} chunk {chunk}: {when} {page or 'no page'} {place} {name}"
