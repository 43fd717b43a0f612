"""Generations as the server records them: which exist, which one is read, what each is defined by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal, Protocol

from msgspec import Struct

from schemas.clickhouse.sql_files import DATA, literal

GenerationState = Literal["building", "active", "retired"]
FIRST: Final = 1


class Result(Protocol):
    """What a query gives back."""

    @property
    def result_rows(self) -> Sequence[Sequence[Any]]: ...


class Client(Protocol):
    """The part of a clickhouse-connect client that is needed here."""

    def command(self, cmd: str) -> Any: ...

    def query(self, query: str) -> Result: ...


class Generation(Struct, frozen=True):
    """A generation as recorded: its number, latest state and definition (JSON)."""

    number: int
    state: GenerationState
    definition: str


class NoGenerationError(LookupError):
    """The generation that was asked for is not recorded; the message says what to do."""


def has_table(client: Client, table: str) -> bool:
    """Whether the internal table exists."""
    found = client.query(
        f"SELECT count() FROM system.tables WHERE database = {literal(DATA)} AND name = {literal(table)}"
    )
    return bool(found.result_rows[0][0])


def generations(client: Client) -> tuple[Generation, ...]:
    """All recorded generations by number; empty on a server that was never migrated."""
    if not has_table(client, "generations"):
        return ()
    rows = client.query(
        "SELECT generation, tupleElement(s, 'name'), tupleElement(d, 'json') FROM "
        f"(SELECT generation, max(state) AS s, max(definition) AS d FROM {DATA}.generations GROUP BY generation) "
        "ORDER BY generation"
    ).result_rows
    return tuple(Generation(number, state, definition) for number, state, definition in rows)


def active_generation(client: Client) -> int:
    """The number of the generation that the views read. Raises :class:`NoGenerationError` where there is none."""
    active = [generation.number for generation in generations(client) if generation.state == "active"]
    if not active:
        raise NoGenerationError("ClickHouse holds no active generation: run `gospulse migrate` first.")
    # Two are active only between the two records of a switch: the views already read the higher one.
    return max(active)


def definition_of(client: Client, generation: int) -> str:
    """The recorded definition of a generation, as JSON. Raises :class:`NoGenerationError` where it is not recorded."""
    for recorded in generations(client):
        if recorded.number == generation:
            return recorded.definition
    raise NoGenerationError(
        f"Generation {generation} is not recorded in ClickHouse: `gospulse migrate` makes the first one, "
        "`gospulse rebuild` the next."
    )


def state_of(client: Client, generation: int) -> GenerationState | None:
    """The latest recorded state of a generation; None where there is none."""
    rows = client.query(
        f"SELECT tupleElement(max(state), 'name') FROM {DATA}.generations WHERE generation = {generation} "
        "GROUP BY generation"
    ).result_rows
    return rows[0][0] or None if rows else None


def record_state(client: Client, generation: int, state: GenerationState) -> None:
    """Record a generation's new state, at the server's time. The latest record stands."""
    client.command(
        f"INSERT INTO {DATA}.generations (generation, state) SELECT {generation}, tuple(now64(3), {literal(state)})"
    )


def record_definition(client: Client, generation: int, definition: str) -> None:
    """Record a generation's definition (JSON), at the server's time."""
    client.command(
        f"INSERT INTO {DATA}.generations (generation, definition) "
        f"SELECT {generation}, tuple(now64(3), {literal(definition)})"
    )
