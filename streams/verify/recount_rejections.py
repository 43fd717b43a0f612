"""The recount of the topic of rejections: what ingest refused becomes a row, and so does what is no rejection."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.refusal import MENDED, Refusal
from schemas.rejections import Rejection, RejectionValidator
from streams.verify.ledger import Ledger, Refused
from streams.verify.recount import Record
from streams.verify.rules import Rules


class RejectionRecount:
    """Counts one partition of the topic of rejections; see ``EventRecount`` for the parameters."""

    def __init__(self, rules: Rules, log: int, part: int, ledger: Ledger) -> None:
        self._rules = rules
        self._ledger = ledger
        self._judge = RejectionValidator()
        self._mended = rules.mended_in(log, part)

    def take(self, records: Iterable[Record]) -> None:
        """Count records in ascending order of their offsets."""
        for offset, appended, value in records:
            judged = self._verdict(offset, value)
            size = len(value or b"")
            if isinstance(judged, Rejection):
                said = (judged.field, judged.reason, judged.source, judged.origin or "")
                self._ledger.refuse(Refused(offset, appended, "ingest", *said, size))
            elif judged is not None:
                self._ledger.refuse(Refused(offset, appended, "fold", judged.field, judged.reason, "", "", size))

    def finish(self) -> None:
        """Nothing waits: rejections have no grid."""

    def _verdict(self, offset: int, value: bytes | None) -> Rejection | Refusal | None:
        judged = self._judge(value or b"")
        if isinstance(judged, Refusal):
            return judged
        if offset in self._mended:
            return MENDED
        if judged.load is not None and judged.load in self._rules.excluded:
            return None
        return judged
