"""The check of the schema: does what lives on the server equal what the files make?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from msgspec import Struct

from schemas.clickhouse.generations import Client, active_generation, generations
from schemas.clickhouse.sql_files import DATA, VIEWS, Rendering, SqlFile, literal, sql_files, statements

#: Parts of a table that are compared, as people call them, and the column of system.tables that holds each.
_PARTS: Final[Mapping[str, str]] = {
    "engine": "engine_full",
    "query": "as_select",
    "comment": "comment",
}


class Difference(Struct, frozen=True):
    """Where the server and the files disagree; None stands for what is absent."""

    table: str
    part: str
    files: str | None
    server: str | None


class Shape(Struct, frozen=True):
    """A table or view: its parts (engine with keys and TTL, query, comment, indexes) and its columns, each as text."""

    parts: dict[str, str]
    columns: dict[str, str]


def schema_differences(client: Client, rendering: Rendering, scratch: str) -> tuple[Difference, ...]:
    """Compare every table and view of the files with the server's.

    What the files make is made in two databases whose names begin with ``scratch``, so that the server itself brings
    both sides into one form; they are dropped afterwards. Raises NoGenerationError on a server that was never migrated.
    """
    active = active_generation(client)
    data, views = f"{scratch}_data", f"{scratch}_views"
    on_cluster = " ON CLUSTER '{cluster}'" if rendering.replicated else ""

    def moved(text: str) -> str:
        return text.replace(f"{DATA}.", f"{data}.").replace(f"{VIEWS}.", f"{views}.")

    def back(text: str) -> str:
        return text.replace(f"{data}.", f"{DATA}.").replace(f"{views}.", f"{VIEWS}.")

    try:
        for database in (data, views):
            client.command(f"CREATE DATABASE IF NOT EXISTS {database}{on_cluster}")
        for file, generation in _files(client, active):
            for statement in statements(file, rendering, generation):
                if not statement.startswith("CREATE DATABASE"):
                    client.command(moved(statement))
        expected = _shapes(client, data, back) | _shapes(client, views, back)
    finally:
        for database in (views, data):
            client.command(f"DROP DATABASE IF EXISTS {database}{on_cluster} SYNC")
    live = _shapes(client, DATA, str) | _shapes(client, VIEWS, str)
    retired = tuple(f"_g{g.number}" for g in generations(client) if g.state == "retired")
    return compare(
        {back(name): shape for name, shape in expected.items()},
        {name: shape for name, shape in live.items() if not (retired and name.endswith(retired))},
    )


def compare(files: Mapping[str, Shape], server: Mapping[str, Shape]) -> tuple[Difference, ...]:
    """Every difference between what the files make and what the server has, by table, in their order."""
    found: list[Difference] = []
    for table in sorted(files.keys() | server.keys()):
        wanted, there = files.get(table), server.get(table)
        if wanted is None or there is None:
            found.append(Difference(table, "table", _presence(wanted), _presence(there)))
            continue
        for part in sorted(wanted.parts.keys() | there.parts.keys()):
            found += _difference(table, part, wanted.parts.get(part), there.parts.get(part))
        for column in sorted(wanted.columns.keys() | there.columns.keys()):
            found += _difference(table, f"column {column}", wanted.columns.get(column), there.columns.get(column))
    return tuple(found)


def _difference(table: str, part: str, files: str | None, server: str | None) -> list[Difference]:
    return [] if files == server else [Difference(table, part, files, server)]


def _presence(shape: Shape | None) -> str | None:
    return None if shape is None else "present"


def _files(client: Client, active: int) -> list[tuple[SqlFile, int]]:
    pairs = [(file, 0) for file in sql_files("base")]
    for generation in generations(client):
        if generation.state != "retired":
            pairs += [(file, generation.number) for file in sql_files("generation")]
    return pairs + [(file, active) for file in sql_files("views")]


def _shapes(client: Client, database: str, renamed: Callable[[str], str]) -> dict[str, Shape]:
    shapes: dict[str, Shape] = {}
    where = f"database = {literal(database)}"
    tables = _rows(client, f"SELECT name, {', '.join(_PARTS.values())} FROM system.tables WHERE {where}")
    for name, *parts in tables:
        texts = dict(zip(_PARTS, map(renamed, map(str, parts)), strict=True))
        shapes[f"{database}.{name}"] = Shape(texts, {})
    indexes = f"SELECT table, name, expr, type_full, granularity FROM system.data_skipping_indices WHERE {where}"
    for table, name, *rest in _rows(client, indexes):
        shapes[f"{database}.{table}"].parts[f"index {name}"] = " ".join(map(str, rest))
    columns = (
        "SELECT table, name, type, default_kind, default_expression, compression_codec, comment, position "
        f"FROM system.columns WHERE {where}"
    )
    for table, name, *rest in _rows(client, columns):
        shape = shapes.get(f"{database}.{table}")
        if shape is not None:
            shape.columns[name] = " ".join(str(part) for part in rest if part != "")
    return shapes


def _rows(client: Client, query: str) -> list[Any]:
    return list(client.query(query).result_rows)
