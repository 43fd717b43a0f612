"""The recount of one partition of readings: each observation is judged and remembered."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.contract.events import MAX_AHEAD_MS, rejected_ahead
from schemas.contract.readings import Reading, ReadingValidator
from schemas.contract.rejected import MENDED, Rejected
from streams.verify.recount.events import HOUR_MS, Record
from streams.verify.recount.ledger import Ledger, RejectedRow
from streams.verify.recount.marks import Marks
from streams.verify.recount.rules import Rules


class ReadingRecount:
    """Counts one partition of readings; see ``EventRecount`` for the parameters."""

    def __init__(self, rules: Rules, log: int, part: int, acknowledged: int, ledger: Ledger) -> None:
        self._rules = rules
        self._ledger = ledger
        self._judge = ReadingValidator()
        self._mended = rules.mended_in(log, part)
        self._acknowledged = acknowledged
        self.marks = Marks()

    def take(self, records: Iterable[Record]) -> None:
        """Count records in ascending order of their offsets."""
        for offset, appended, value in records:
            judged = self._verdict(offset, appended, value)
            if isinstance(judged, Reading):
                r = judged
                texts = (r.id, r.page, r.place, r.channel, r.entrance, r.topic, r.load)
                said = (r.observed_at, r.complete_at, r.value, appended, *texts)
                key = (r.metric, r.object, r.period_from, r.period_to, r.source)
                below = offset < self._acknowledged
                self._ledger.reading(key, r.complete_at or r.observed_at, offset, below, said)
                if r.metric == "appeals":
                    self.marks.touch(r.period_from // HOUR_MS * 3600, offset + 1, below)
                self.marks.hear(r.source, offset, appended, r.observed_at, below)
            elif judged is not None:
                size = len(value or b"")
                self._ledger.reject(RejectedRow(offset, appended, "fold", judged.field, judged.reason, "", "", size))

    def finish(self) -> None:
        """Nothing waits: readings have no grid."""

    def _verdict(self, offset: int, appended: int, value: bytes | None) -> Reading | Rejected | None:
        """The reading, why it is rejected, or None where its load is excluded."""
        judged = self._judge(value or b"")
        if isinstance(judged, Rejected):
            return judged
        if judged.observed_at > appended + MAX_AHEAD_MS:
            return rejected_ahead("observed_at")
        if judged.complete_at is not None and judged.complete_at > appended + MAX_AHEAD_MS:
            return rejected_ahead("complete_at")
        if offset in self._mended:
            return MENDED
        return None if judged.load in self._rules.excluded else judged
