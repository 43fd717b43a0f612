"""From what aiokafka fetched to a batch: raw record batches are read without an object of eleven fields a record."""

from __future__ import annotations

from array import array
from operator import attrgetter
from typing import Any, Final

from aiokafka.errors import CorruptRecordException

from streams.fold.batch import Batch

_VALUE: Final = attrgetter("value")
#: Type of the times of a record batch that the broker stamped as a whole: all its records have the latest one.
_APPENDED: Final = 1


def read_batch(records: Any) -> Batch:
    """The consecutive records of an aiokafka ``PartitionRecords``, from its next offset on, as one batch.

    aiokafka makes an object of eleven fields for each record, which costs more than decoding it. Control records
    are passed over. Where offsets are missing the batch ends; the next one then begins beyond what is expected,
    which is noticed. Advances ``next_fetch_offset``. Raises CorruptRecordException for a wrong checksum.
    """
    values: list[bytes | None] = []
    appended = array("q")
    first = position = records.next_fetch_offset
    raw = records._records
    while raw.has_next():
        chunk = raw.next_batch()
        if records._check_crcs and not chunk.validate_crc():
            raise CorruptRecordException(f"Invalid CRC - {records._tp}")
        if chunk.is_control_batch:
            if values:
                break
            first = position = chunk.next_offset
            continue
        block = list(chunk)
        if block and block[0].offset < position:
            # A fetch gives whole record batches: the first may begin below what was asked for.
            block = [record for record in block if record.offset >= position]
        if block:
            if not values:
                first = position = block[0].offset
            fitting = block if _consecutive(block, position) else _prefix(block, position)
            values += map(_VALUE, fitting)
            if getattr(chunk, "timestamp_type", None) == _APPENDED:
                appended += array("q", (chunk.max_timestamp,)) * len(fitting)
            else:
                appended.extend([record.timestamp for record in fitting])
            position += len(fitting)
            if len(fitting) < len(block):
                break
    records.next_fetch_offset = position
    return Batch(first, values, appended)


def _consecutive(block: list[Any], position: int) -> bool:
    # Offsets within a block rise strictly, so its ends say it all.
    return bool(block[0].offset == position and block[-1].offset - position + 1 == len(block))


def _prefix(block: list[Any], position: int) -> list[Any]:
    return [record for index, record in enumerate(block) if record.offset == position + index]
