"""The brake: finds a partition with so many rejections that the deployment must be wrong, not the data."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Final

from schemas.contract.rejected import MENDED
from streams.fold.rejected_rows import RejectedRecord

#: How many of the latest records count, and how many rejections among them pull the brake.
LATEST: Final = 1_000
LIMIT: Final = 500


class Brake:
    """Counts the rejected among the latest 1,000 offsets of a partition.

    The brake is pulled after at least 1,000 records, of which at least 500 of the latest 1,000 were rejected. Records
    that are read ahead count, too, so a new worker comes to the same result as the one before. A record that was
    mended and sent again does not count as rejected.
    """

    def __init__(self) -> None:
        self._rejected: deque[int] = deque(maxlen=LATEST)
        self._seen = 0
        self._next_offset = 0

    def note(self, rejected: Iterable[RejectedRecord], seen: int, next_offset: int) -> None:
        """Take ``seen`` further records up to ``next_offset``, with those of them that were rejected."""
        self._rejected.extend(record.offset for record in rejected if record.why is not MENDED)
        self._seen += seen
        self._next_offset = next_offset
        while self._rejected and self._rejected[0] < next_offset - LATEST:
            self._rejected.popleft()

    @property
    def pulled(self) -> bool:
        """Whether the partition should stop."""
        return self._seen >= LATEST and len(self._rejected) >= LIMIT
