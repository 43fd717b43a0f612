"""Migrations: numbered SQL files applied once each, per generation where they belong to one, and the views on top."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from msgspec import Struct

from schemas.clickhouse.generations import (
    FIRST,
    Client,
    Generation,
    GenerationState,
    active_generation,
    generations,
    has_table,
    record_definition,
    record_state,
)
from schemas.clickhouse.registers import register_statements
from schemas.clickhouse.retention import retention_statements
from schemas.clickhouse.sql_files import DATA, VIEWS, Rendering, Scope, SqlFile, literal, sql_files, statements

#: Scope, generation (0 for base and views) and name of a file: what a migration is recorded under.
Key = tuple[str, int, str]

_TABLE_OF_RECORDS: Final = "migrations"


class ChangedFileError(Exception):
    """A file that was already applied has another text now."""


class Migration(Struct, frozen=True):
    """One file to apply: what it is recorded under, its checksum and its statements in order."""

    scope: Scope
    generation: int
    file: str
    checksum: str
    statements: tuple[str, ...]

    @property
    def name(self) -> str:
        """The file for people, with its generation where it has one."""
        return f"{self.scope}/{self.file}" + (f" (generation {self.generation})" if self.scope == "generation" else "")


def plan_tables(
    applied: Mapping[Key, str], recorded: Sequence[Generation], rendering: Rendering
) -> tuple[Migration, ...]:
    """Which files of tables apply, in order: base, then those of each generation that is not retired.

    ``applied`` maps what was applied to the checksum it had; ``recorded`` are the generations.
    Raises :class:`ChangedFileError` where an applied file has another text now.
    """
    migrations = list(_pending(applied, sql_files("base"), 0, rendering))
    for generation in recorded:
        if generation.state != "retired":
            migrations += _pending(applied, sql_files("generation"), generation.number, rendering)
    return tuple(migrations)


def _pending(
    applied: Mapping[Key, str], files: Iterable[SqlFile], generation: int, rendering: Rendering
) -> Iterable[Migration]:
    for file in files:
        before = applied.get((file.scope, generation, file.name))
        if before is None:
            yield Migration(file.scope, generation, file.name, file.checksum, statements(file, rendering, generation))
        elif before != file.checksum:
            raise ChangedFileError(
                f"schemas/clickhouse/{file.scope}/{file.name} was already applied with another text "
                f"(checksum {before[:12]}, now {file.checksum[:12]}): put its old text back and write the change as "
                "a new numbered file; a change of a generation's rows needs a new generation (`gospulse rebuild`)."
            )


def plan_views(applied: Mapping[Key, str], generation: int, rendering: Rendering) -> tuple[Migration, ...]:
    """Which views are to be made again so that they read ``generation``, in the order of their files."""
    return tuple(_changed_views(applied, generation, rendering))


def _changed_views(applied: Mapping[Key, str], generation: int, rendering: Rendering) -> Iterable[Migration]:
    for file in sql_files("views"):
        filled = statements(file, rendering, generation)
        # A view's checksum is that of its filled text: it changes with the generation, the limits, the regions.
        checksum = SqlFile("views", file.name, ";\n".join(filled)).checksum
        if applied.get(("views", 0, file.name)) != checksum:
            yield Migration("views", 0, file.name, checksum, filled)


def read_applied(client: Client) -> dict[Key, str]:
    """What was applied to this server, with its latest checksum; empty on a server that was never migrated."""
    if not has_table(client, _TABLE_OF_RECORDS):
        return {}
    rows = client.query(
        "SELECT scope, generation, file, tupleElement(max((applied_at, checksum)), 2) "
        f"FROM {DATA}.{_TABLE_OF_RECORDS} GROUP BY scope, generation, file"
    ).result_rows
    return {(scope, generation, file): checksum for scope, generation, file, checksum in rows}


def pending(client: Client, rendering: Rendering) -> tuple[Migration, ...]:
    """What :func:`migrate` would apply now, without touching the server. Raises :class:`ChangedFileError`."""
    recorded = generations(client) or (Generation(FIRST, "active", ""),)
    applied = read_applied(client)
    active = max((generation.number for generation in recorded if generation.state == "active"), default=FIRST)
    return plan_tables(applied, recorded, rendering) + plan_views(applied, active, rendering)


def migrate(
    client: Client,
    rendering: Rendering,
    first_definition: str,
    *,
    note: Callable[[str], None] = lambda _line: None,
) -> tuple[Migration, ...]:
    """Bring the server to the files: base, generations, retention, registers, views; return which files were applied.

    A server without a generation gets the first one, defined by ``first_definition`` (JSON) and active. Every
    statement can be repeated, so a run that was interrupted is finished by the next. ``note`` is told each step.
    Raises :class:`ChangedFileError` before anything is touched.
    """
    pending(client, rendering)
    done = list(_apply(client, plan_tables(read_applied(client), (), rendering), note))
    if not any(generation.definition for generation in generations(client)):
        done += create_generation(client, FIRST, first_definition, rendering, note=note)
    recorded = generations(client)
    done += _apply(client, plan_tables(read_applied(client), recorded, rendering), note)
    if all(generation.state == "building" for generation in recorded):
        record_state(client, FIRST, "active")
    for statement in (*retention_statements(client, rendering), *register_statements(client)):
        client.command(statement)
        note(statement.partition(" VALUES ")[0])
    done += show_generation(client, active_generation(client), rendering, note=note)
    return tuple(done)


def create_generation(
    client: Client,
    number: int,
    definition: str,
    rendering: Rendering,
    *,
    state: GenerationState = "building",
    note: Callable[[str], None] = lambda _line: None,
) -> tuple[Migration, ...]:
    """Record a generation with its definition (JSON) and make its tables. Safe to repeat."""
    record_definition(client, number, definition)
    record_state(client, number, state)
    return _apply(client, tuple(_pending(read_applied(client), sql_files("generation"), number, rendering)), note)


def show_generation(
    client: Client, number: int, rendering: Rendering, *, note: Callable[[str], None] = lambda _line: None
) -> tuple[Migration, ...]:
    """Point every view at a generation, one after the other, each in one step; drop views that no file makes now."""
    applied = read_applied(client)
    done = _apply(client, plan_views(applied, number, rendering), note)
    present = {file.name for file in sql_files("views")}
    for scope, _, name in sorted(applied):
        if scope == "views" and name not in present and applied[scope, 0, name]:
            view = name[5:].removesuffix(".sql")
            on_cluster = "ON CLUSTER '{cluster}'" if rendering.replicated else ""
            client.command(f"DROP VIEW IF EXISTS {VIEWS}.{view} {on_cluster}".rstrip())
            _record(client, [Migration("views", 0, name, "", ())])
    return done


def _apply(client: Client, migrations: Iterable[Migration], note: Callable[[str], None]) -> tuple[Migration, ...]:
    """Apply files in order, then record them: every statement can be repeated, should the run end in between."""
    done: list[Migration] = []
    for migration in migrations:
        for statement in migration.statements:
            client.command(statement)
        note(migration.name)
        done.append(migration)
    if done:
        _record(client, done)
    return tuple(done)


def _record(client: Client, migrations: Iterable[Migration]) -> None:
    rows = ", ".join(
        f"({literal(each.scope)}, {each.generation}, {literal(each.file)}, {literal(each.checksum)}, now64(3))"
        for each in migrations
    )
    client.command(
        f"INSERT INTO {DATA}.{_TABLE_OF_RECORDS} (scope, generation, file, checksum, applied_at) VALUES {rows}"
    )
