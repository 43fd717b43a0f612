"""Compares what the refresher derives, roll-ups and the lives of appeals; only where nothing changes meanwhile."""

from __future__ import annotations

import time
from typing import Final

from streams.verify.compare import lives as compare_lives
from streams.verify.compare.appeal_rows import compare_appeal_rows
from streams.verify.compare.behind import late_months
from streams.verify.compare.made_of import OF_FLAT_ROWS, compare_made_of
from streams.verify.compare.rollups import compare_rollups
from streams.verify.findings import Findings
from streams.verify.stored.facts import FACT_KEY
from streams.verify.stored.lives import conversations, strangers
from streams.verify.stored.retention import Limits
from streams.verify.stored.tables import StoredRows

#: Rows are written before they are acknowledged: by then a flush that was under way has told of itself.
_SETTLE_S: Final = 2.0


def compare_derived(findings: Findings, stored: StoredRows, kept: Limits, patience_s: float) -> list[str] | None:
    """Add the differences of everything derived; returns what the refresher has not brought up to date in time, or
    None where records came meanwhile and the differences say nothing."""
    before = stored.progress()
    derived = Findings(limit=findings.limit)
    behind = compare_rollups(derived, stored, kept, patience_s)
    if "place_hour" in behind:
        # The lives of an hour's appeals are brought up to date together with the hour.
        behind.append(compare_lives.TABLE)
    else:
        expired = bool(kept.seconds(*FACT_KEY))
        compare_lives.compare_lives(derived, conversations(stored), strangers(stored), expired)
        compare_appeal_rows(derived, stored, expired)
        if _still_late(stored, patience_s):
            behind.append("answer_month")
        else:
            compare_made_of(derived, stored, OF_FLAT_ROWS, kept.day("appeals", "appeal_rows", "answer_month"))
    if not derived.green:
        time.sleep(_SETTLE_S)
        if stored.progress() != before:
            return None
    findings.add([derived])
    return behind


def _still_late(stored: StoredRows, patience_s: float) -> bool:
    """Whether months of answers are behind, also after the refresher had some time, where one runs."""
    deadline = time.monotonic() + patience_s
    while late_months(stored):
        if time.monotonic() >= deadline or not stored.is_folded_now():
            return True
        time.sleep(0.5)
    return False
