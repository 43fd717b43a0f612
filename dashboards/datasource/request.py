"""A panel's target as the server gets it, and a board's variables as a person leaves them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from dashboards.datasource.macros import Window, expand
from dashboards.datasource.variables import ALL, Chosen, Option, Variables, conditional_all, replace


class Answer(Struct, frozen=True):
    """An answer of ClickHouse: names and types of the columns, rows of JSON values."""

    columns: tuple[str, ...]
    types: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


#: Asks ClickHouse as a login that only reads. Raises QueryFailedError.
Ask = Callable[[str], Answer]


class QueryFailedError(Exception):
    """ClickHouse did not answer a query; the message is one sentence."""


def sql_of(target: Mapping[str, Any], variables: Variables, window: Window) -> str:
    """The SQL of a target (``rawSql``) with variables and macros put in, in the data source's order.

    Raises MacroError.
    """
    builtin = {
        "__from": str(window.from_ms),
        "__to": str(window.to_ms),
        "__interval_ms": str(window.interval_ms),
        "__interval": f"{max(window.interval_ms // 1000, 1)}s",
    }
    text = conditional_all(str(target["rawSql"]), variables)
    return expand(replace(text, variables, builtin), window)


def resolve(
    board: Mapping[str, Any], wanted: Mapping[str, Sequence[str]], window: Window, ask: Ask
) -> dict[str, Chosen]:
    """The variables of a board, one after the other: each query sees those before it.

    ``wanted`` are values by name. A value that is no option is dropped. Without any value the first option or «Все» is
    chosen.
    """
    chosen: dict[str, Chosen] = {}
    for variable in board["templating"]["list"]:
        name, many = variable["name"], bool(variable["multi"])
        answer = ask(sql_of(variable["query"], chosen, window))
        options = tuple(Option(str(row[0]), str(row[-1])) for row in answer.rows if row[0] is not None)
        known = {option.value for option in options}
        asked = list(wanted.get(name, ()))
        values = tuple(value for value in dict.fromkeys(asked) if value in known)
        if ALL in asked or not values:
            # A variable without any option has the empty value.
            values = (ALL,) if variable["includeAll"] else (options[0].value if options else "",)
        chosen[name] = Chosen(options, values if many else values[:1], many)
    return chosen
