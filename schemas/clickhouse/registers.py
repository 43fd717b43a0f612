"""Reference data on the server: what a load of the CSV files closes and opens, so that the tables keep history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from schemas.clickhouse.generations import Client
from schemas.clickhouse.sql_files import DATA, literal
from schemas.reference import reference_data
from schemas.reference.places import zone_of

#: A row, without its validity: the columns' values in the order of the table.
Cells = tuple[Any, ...]

_SINCE_EVER: Final = "toDate('1970-01-01')"
_TODAY: Final = "toDate(now(), 'Europe/Moscow')"


class Register(Struct, frozen=True):
    """A table of reference data: its name, its columns without validity (the first is the key), and its rows."""

    table: str
    columns: tuple[str, ...]
    rows: tuple[Cells, ...]


def registers() -> tuple[Register, ...]:
    """The registers that ship with the code."""
    shipped: Sequence[tuple[str, Sequence[Struct]]] = (
        ("regions", reference_data.regions()),
        ("zone_exceptions", reference_data.zone_exceptions()),
        ("namespaces", reference_data.namespaces()),
        ("institution_kinds", reference_data.institution_kinds()),
        ("entrances", reference_data.entrances()),
        ("topics", reference_data.topics()),
    )
    return tuple(
        Register(table, tuple(rows[0].__struct_fields__), tuple(msgspec.structs.astuple(row) for row in rows))
        for table, rows in shipped
    )


def register_statements(client: Client) -> tuple[str, ...]:
    """The statements that bring the server's registers to the files; none where they agree.

    The register of places belongs to the operator (``gospulse places import``): only an empty one is filled.
    """
    shipped = tuple(
        statement
        for register in registers()
        for statement in changes(register, _in_force(client, register), first=_is_empty(client, register.table))
    )
    return shipped + ((first_places(),) if _is_empty(client, "places") else ())


def first_places() -> str:
    """The statement that fills an empty register of places with the municipalities that ship, valid since ever."""
    rows = (
        (row.code, row.name, row.region, zone_of(row.code), *_population(row))
        for row in reference_data.municipalities()
    )
    return (
        f"INSERT INTO {DATA}.places (valid_from, place, name, region, zone, population, population_year, "
        f"population_source) VALUES {', '.join(f'({_SINCE_EVER}, {_cells(row)})' for row in rows)}"
    )


def changes(register: Register, in_force: Mapping[Any, tuple[str, Cells]], *, first: bool) -> tuple[str, ...]:
    """Statements that close rows which changed or left (from today) and open those that are new or changed.

    ``in_force`` maps a key to the day since which its row is in force (ISO) and the row. The ``first`` load is valid
    since ever: earlier figures need names too.
    """
    now = {row[0]: row for row in register.rows}
    closed = [(since, row) for key, (since, row) in in_force.items() if now.get(key) != row]
    opened = [row for key, row in now.items() if key not in in_force or in_force[key][1] != row]
    head = (
        f"INSERT INTO {DATA}.{register.table} (valid_from, valid_to, {', '.join(register.columns)}, written_at) VALUES "
    )
    statements: list[str] = []
    if closed:
        rows = (f"(toDate({literal(since)}), {_TODAY}, {_cells(row)}, now64(3))" for since, row in closed)
        statements.append(head + ", ".join(rows))
    if opened:
        since = _SINCE_EVER if first else _TODAY
        rows = (f"({since}, NULL, {_cells(row)}, now64(3))" for row in opened)
        statements.append(head + ", ".join(rows))
    return tuple(statements)


def _population(row: reference_data.Municipality) -> Cells:
    return (None, None, None) if row.population is None else (row.population, row.population_year, "Росстат")


def _cells(row: Cells) -> str:
    return ", ".join("NULL" if cell is None else literal(cell) if isinstance(cell, str) else str(cell) for cell in row)


def _in_force(client: Client, register: Register) -> dict[Any, tuple[str, Cells]]:
    rows = client.query(
        f"SELECT toString(valid_from), {', '.join(register.columns)} "
        f"FROM {DATA}.{register.table} FINAL WHERE valid_to IS NULL"
    ).result_rows
    return {row[1]: (row[0], tuple(row[1:])) for row in rows}


def _is_empty(client: Client, table: str) -> bool:
    return not client.query(f"SELECT count() FROM {DATA}.{table}").result_rows[0][0]
