"""Compares the flat rows of appeals with the facts and lives that they are made from; only where nothing changes."""

from __future__ import annotations

from typing import Final

from schemas.clickhouse.flat_appeals import FLAT, flat
from streams.verify.findings import Findings
from streams.verify.stored.tables import ON_DISK, StoredRows

TABLE: Final = "appeal_rows"
#: More appeals are compared by the first digit of their identity: a sixteenth is held at once.
_AT_ONCE: Final = 500_000
_DIGITS: Final = "0123456789abcdef"


def compare_appeal_rows(findings: Findings, stored: StoredRows, some_expired: bool) -> None:
    """Compare every appeal: it has one row, which says what its standing copy and its life say.

    ``some_expired``: retention may have removed facts or rows: an appeal on one side only then says nothing.
    """
    columns = ", ".join(FLAT)
    ((appeals,),) = stored.values(f"SELECT count() FROM {stored.table('appeals')}")
    for digit in _DIGITS if appeals > _AT_ONCE else ("",):
        mine = f"(SELECT appeal FROM {stored.table('appeals')} WHERE startsWith(appeal, '{digit}'))"
        expected = f"SELECT {columns} FROM ({flat(stored.table('appeals'), stored.table('lives'), mine)})"
        found = f"SELECT {columns} FROM {stored.table(TABLE)} FINAL WHERE startsWith(appeal, '{digit}')"
        sides = (
            f"SELECT appeal, groupArrayIf(said, side = 'e') AS e, groupArrayIf(said, side = 'f') AS f FROM "
            f"(SELECT appeal, 'e' AS side, toString(tuple({columns})) AS said FROM ({expected}) "
            f"UNION ALL SELECT appeal, 'f', toString(tuple({columns})) FROM ({found})) GROUP BY appeal"
        )
        ((same, wrong),) = stored.values(
            "SELECT countIf(e = f), groupArrayIf(1000)([appeal, arrayStringConcat(e, ' '), arrayStringConcat(f, ' ')], "
            f"e != f OR length(f) != 1) FROM ({sides})",
            ON_DISK,
        )
        findings.count(findings.compared, TABLE, same)
        for appeal, wanted, stood in sorted(wrong):
            if some_expired and (not wanted or not stood):
                findings.count(findings.expired, TABLE)
            else:
                findings.differ(TABLE, appeal, wanted or None, stood or None)
