"""Facts as they stand in ClickHouse, found by identity or by what they name."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from clickhouse_connect.driver.client import Client

from streams.refresh.rollups import DATA, Earliest, identities

#: Identities in one question: two megabytes of SQL, read within milliseconds.
KEYS_A_QUESTION: Final = 50_000
#: Up to so many names a question uses the bloom filter; more names would match most of its blocks.
_INDEXED_NAMES: Final = 300
LONG: Final[dict[str, Any]] = {"max_query_size": 16_000_000, "max_ast_elements": 1_000_000}

#: Column that identifies the facts of a table.
KEYS: Final = {"appeals": "appeal", "answers": "id", "appeal_changes": "id", "messages": "message"}

#: What a fact keeps of all its copies.
_UNIONS: Final = ("names", "hours")

Row = Sequence[Any]


class FactReader:
    """Reads the standing copies of facts of one generation. Raises clickhouse-connect's errors."""

    def __init__(self, client: Client, generation: int) -> None:
        self._client = client
        self._generation = generation

    def by_identity(self, table: str, keys: Collection[str], *columns: str) -> Iterator[Row]:
        """Facts with one of these identities: the identity, then the columns.

        Columns are members of the standing copy (``at`` in ms UTC), or ``names`` and ``hours`` of all copies.
        """
        for portion in _portions(keys):
            yield from self._facts(table, f"{KEYS[table]} IN {identities(portion)}", columns)

    def by_name(self, table: str, names: Collection[str], *columns: str) -> Iterator[Row]:
        """Facts of which any copy names one of these identities; a fact may come more than once."""
        for portion in _portions(names):
            named = f"arrayExists(name -> name IN {identities(portion)}, names)"
            if len(portion) <= _INDEXED_NAMES:
                named += f" AND indexHint(hasAny(names, {list(portion)}))"
            key = KEYS[table]
            yield from self._facts(table, f"{key} IN (SELECT {key} FROM {self.table(table)} WHERE {named})", columns)

    def by_key(self, table: str, key: str, keys: Collection[str], columns: str) -> Iterator[Row]:
        """Rows of any table that is ordered by ``key``, one for each of ``keys``: the key, then aggregates in SQL."""
        for portion in _portions(keys):
            yield from self.rows(
                f"SELECT {key}, {columns} FROM {self.table(table)} WHERE {key} IN {identities(portion)} GROUP BY {key}"
            )

    def rows(self, question: str) -> Sequence[Row]:
        """The rows of any question."""
        found: Sequence[Row] = self._client.query(question, settings=LONG).result_rows
        return found

    def table(self, name: str) -> str:
        """The full name of a table of the generation."""
        return f"{DATA}.{name}_g{self._generation}"

    def _facts(self, table: str, condition: str, columns: Sequence[str]) -> Sequence[Row]:
        key = KEYS[table]
        fact = Earliest(*(column for column in columns if column not in _UNIONS))
        selected = "".join(f", {_selected(column, fact)}" for column in columns)
        unions = "".join(f", groupUniqArrayArray({name}) AS all_{name}" for name in _UNIONS if name in columns)
        return self.rows(
            f"SELECT {key}{selected} FROM (SELECT {key}, {fact.sql}{unions} FROM {self.table(table)} "
            f"WHERE {condition} GROUP BY {key})"
        )


def _selected(column: str, fact: Earliest) -> str:
    if column in _UNIONS:
        return f"all_{column}"
    return f"toUnixTimestamp64Milli({fact[column]})" if column == "at" else fact[column]


def _portions(identities: Collection[str]) -> Iterator[Sequence[str]]:
    ordered = sorted(identities)
    for start in range(0, len(ordered), KEYS_A_QUESTION):
        yield ordered[start : start + KEYS_A_QUESTION]
