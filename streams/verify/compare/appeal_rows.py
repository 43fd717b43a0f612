"""Compares the flat rows of appeals with the facts and lives that they are made from; only where nothing changes."""

from __future__ import annotations

from typing import Final

from schemas.clickhouse.flat_appeals import FLAT, flat
from streams.verify.findings import Findings
from streams.verify.stored.tables import ON_DISK, StoredRows

TABLE: Final = "appeal_rows"
#: Identities are compared by their first digit: a sixteenth of the appeals is held at once.
_DIGITS: Final = "0123456789abcdef"


def compare_appeal_rows(findings: Findings, stored: StoredRows, some_expired: bool) -> None:
    """Compare every appeal: it has one row, which says what its standing copy and its life say.

    ``some_expired``: retention may have removed facts or rows: an appeal on one side only then says nothing.
    """
    columns = ", ".join(FLAT)
    for digit in _DIGITS:
        mine = f"(SELECT appeal FROM {stored.table('appeals')} WHERE startsWith(appeal, '{digit}'))"
        expected = f"SELECT {columns} FROM ({flat(stored.table('appeals'), stored.table('lives'), mine)})"
        found = f"SELECT {columns} FROM {stored.table(TABLE)} FINAL WHERE startsWith(appeal, '{digit}')"
        sides = (
            "SELECT appeal, groupArray((side, said)) AS sides FROM "
            f"(SELECT appeal, 'e' AS side, toString(tuple({columns})) AS said FROM ({expected}) UNION ALL SELECT "
            f"appeal, 'f', toString(tuple({columns})) FROM ({found})) "
            "GROUP BY appeal"
        )
        ((appeals,),) = stored.values(f"SELECT uniqExact(appeal) FROM ({found})")
        findings.count(findings.compared, TABLE, appeals)
        wrong = (
            "SELECT appeal, arrayMap(s -> s.2, arrayFilter(s -> s.1 = 'e', sides)) AS expected, "
            f"arrayMap(s -> s.2, arrayFilter(s -> s.1 = 'f', sides)) AS found FROM ({sides}) "
            "WHERE expected != found OR length(found) != 1 ORDER BY appeal"
        )
        for appeal, expected_rows, found_rows in stored.values(wrong, ON_DISK):
            if some_expired and (not expected_rows or not found_rows):
                findings.count(findings.expired, TABLE)
            else:
                findings.differ(TABLE, appeal, " ".join(expected_rows) or None, " ".join(found_rows) or None)
