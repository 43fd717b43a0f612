"""A municipal reform for those who lived in the old municipality: their rows with the new one. Pure."""

from __future__ import annotations

from datetime import date

from ingest.registers import history
from ingest.registers.plan import Histories
from ingest.registers.registers import Register
from ingest.registers.table_file import FileRow, RegisterFile, as_text


def rows_of_a_move(register: Register, stored: Histories, old: str, new: str, since: date) -> RegisterFile:
    """Rows by which every entry that is in ``old`` on ``since`` or later is in ``new`` from then on.

    The rows are those of a file with ``valid_from`` and ``valid_to``, to be planned like an import. Their lines are
    numbers of their order.
    """
    rows: list[FileRow] = []
    for points in stored.values():
        for each in history.validities(points):
            if register.column(each.entry, "place") != old or (each.valid_to is not None and each.valid_to <= since):
                continue
            values = register.values(each.entry) | {
                "place": new,
                "valid_from": max(since, each.valid_from),
                "valid_to": each.valid_to,
            }
            rows.append(FileRow(len(rows) + 1, {name: as_text(value) for name, value in values.items()}))
    return RegisterFile(frozenset(field.name for field in register.fields), rows, [])
