"""Functions that the login `analyst` may call: the lists in functions.toml, applied to the engine's functions."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from msgspec import Struct

from deploy.clickhouse_endpoint.engine.engine import EngineConnection

_FILE: Final = Path(__file__).with_name("functions.toml")


class FunctionLists(Struct, frozen=True):
    """The reviewed names, as the engine writes them: allowed, denied, and the allowed table functions."""

    allowed: frozenset[str]
    denied: frozenset[str]
    table_functions: frozenset[str]


def read_lists() -> FunctionLists:
    """The lists of functions.toml."""
    with _FILE.open("rb") as file:
        content: Mapping[str, Mapping[str, str]] = tomllib.load(file)
    lists = {section: frozenset(" ".join(groups.values()).split()) for section, groups in content.items()}
    return FunctionLists(lists["allowed"], lists["denied"], lists["table_functions"])


class FunctionRules:
    """Which names an analyst may use as a function. Names count in any case: some functions are known in any."""

    def __init__(self, connection: EngineConnection, lists: FunctionLists) -> None:
        """Read the names that the engine knows; ``connection`` needs the rights of the login that writes."""
        self._lists = lists
        allowed = {name.lower() for name in lists.allowed}
        combinators = connection.run("SELECT name FROM system.aggregate_function_combinators", "TSVRaw").payload
        self._combinators = (*combinators.decode().lower().split(), "distinct")
        self._allowed = allowed
        self._aggregates: set[str] = set()
        self._denied: set[str] = set()
        tables = connection.run("SELECT name FROM system.table_functions", "TSVRaw").payload.decode().lower().split()
        self._denied_tables = set(tables) - {name.lower() for name in lists.table_functions}
        self.learn(connection)

    def learn(self, connection: EngineConnection) -> None:
        """Read the functions again, after CREATE or DROP FUNCTION."""
        rows = connection.run("SELECT name, alias_to, is_aggregate FROM system.functions", "TSVRaw").payload.decode()
        denied: set[str] = set()
        for row in rows.splitlines():
            name, target, aggregate = row.split("\t")
            if (target or name) in self._lists.allowed:
                self._allowed.add(name.lower())
                if aggregate == "1":
                    self._aggregates.add(name.lower())
            else:
                denied.add(name.lower())
        self._denied = denied | self._lists.denied

    def may_call(self, name: str) -> bool:
        """Whether an expression may call it: a listed function, or a listed aggregate function with combinators."""
        name = name.lower()
        return name not in self._denied and (name in self._allowed or self._combines(name))

    def _combines(self, name: str) -> bool:
        bases = [name.removesuffix(end) for end in self._combinators if name.endswith(end)]
        return any(base in self._aggregates or self._combines(base) for base in bases)

    def may_name(self, name: str) -> bool:
        """Whether an identifier may have this name: `arrayMap(name, …)` calls a function of that name."""
        return name.lower() not in self._denied

    def may_read_from(self, name: str) -> bool:
        """Whether FROM may have ``name(…)``: a listed table function, or a view with parameters."""
        return name.lower() not in self._denied_tables
