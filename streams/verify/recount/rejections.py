"""The recount of the topic ``rejected``: each report of ingest is a row, and each record that is no report, too."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.contract.rejected import Rejected
from schemas.contract.rejections import RejectionValidator
from streams.verify.recount.events import Record
from streams.verify.recount.ledger import Ledger, RejectedRow
from streams.verify.recount.marks import Marks
from streams.verify.recount.rules import Rules


class RejectionRecount:
    """Counts one partition of the topic of rejections."""

    def __init__(self, rules: Rules, ledger: Ledger) -> None:
        self._rules = rules
        self._ledger = ledger
        self._judge = RejectionValidator()
        #: Reports of rejections say nothing of a feed, and touch no hour.
        self.marks = Marks()

    def take(self, records: Iterable[Record]) -> None:
        """Count records in ascending order of their offsets."""
        for offset, appended, value in records:
            judged = self._judge(value or b"")
            size = len(value or b"")
            if isinstance(judged, Rejected):
                self._ledger.reject(RejectedRow(offset, appended, "fold", judged.field, judged.reason, "", "", size))
            elif judged.load not in self._rules.excluded:
                said = (judged.field, judged.reason, judged.source, judged.origin or "")
                self._ledger.reject(RejectedRow(offset, appended, "ingest", *said, size))

    def finish(self) -> None:
        """Nothing waits: rejections have no grid."""
