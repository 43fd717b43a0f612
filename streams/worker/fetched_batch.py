"""Makes a batch from the raw record batches that aiokafka fetched, without an object for each record."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, Final

from aiokafka.errors import CorruptRecordException

from streams.fold.batch import Batch

_VALUE: Final = attrgetter("value")
#: Timestamp type of a record batch whose records all have the append time of the batch.
_APPENDED: Final = 1


def read_batch(records: Any) -> Batch:
    """The records of an aiokafka ``PartitionRecords`` from its next offset on, as one batch.

    aiokafka makes an object of eleven fields for each record, which costs more than decoding it.

    Offsets without a record become voids of the batch where a header of the log explains them: markers of
    transactions, records of aborted transactions, and records that compaction removed inside a record batch (its
    header keeps the first and the last offset). An aborted transaction is known from the broker's answer, as in
    aiokafka's own ``PartitionRecords`` (isolation level ``read_committed``).

    No header explains offsets between two record batches. The batch ends there; the next one then begins beyond the
    offset that is expected, which is a gap. Advances ``next_fetch_offset``. Raises CorruptRecordException for a wrong
    checksum.
    """
    values: list[bytes | None] = []
    appended = array("q")
    voids: set[int] = set()
    first = position = records.next_fetch_offset
    raw = records._records
    while raw.has_next():
        block = raw.next_batch()
        if records._check_crcs and not block.validate_crc():
            raise CorruptRecordException(f"Invalid CRC - {records._tp}")
        next_offset = block.next_offset
        read: Sequence[Any] = () if _is_absent(records, block) else list(block)
        if read and read[0].offset < position:
            # A fetch gives whole record batches: the first may begin below the offset that was asked for.
            read = [record for record in read if record.offset >= position]
        begins = _base_offset(block, read)
        if begins > position:
            if values:
                break
            first = position = begins
        if next_offset <= position:
            continue
        if len(read) < next_offset - position:
            by_offset = {record.offset: record for record in read}
            for offset in range(position, next_offset):
                record = by_offset.get(offset)
                values.append(None if record is None else record.value)
                appended.append(block.max_timestamp if record is None else record.timestamp)
                if record is None:
                    voids.add(offset)
        elif getattr(block, "timestamp_type", None) == _APPENDED:
            values += map(_VALUE, read)
            appended += array("q", (block.max_timestamp,)) * len(read)
        else:
            values += map(_VALUE, read)
            appended.extend([record.timestamp for record in read])
        position = next_offset
    records.next_fetch_offset = position
    return Batch(first, values, appended, frozenset(voids))


def _is_absent(records: Any, block: Any) -> bool:
    """Whether no record of a record batch counts: a marker, or a batch of an aborted transaction."""
    if block.producer_id is not None:
        records._consume_aborted_up_to(block.base_offset)
        if block.is_control_batch and records._contains_abort_marker(block):
            records._aborted_producers.discard(block.producer_id)
    aborted = block.is_transactional and block.producer_id in records._aborted_producers
    return bool(block.is_control_batch or aborted)


def _base_offset(block: Any, read: Sequence[Any]) -> int:
    """The first offset of a record batch; formats before version 2 have it at their first record only."""
    found: int = block.base_offset if hasattr(block, "base_offset") else read[0].offset if read else 0
    return found
