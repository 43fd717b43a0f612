"""Variables in a query or a text, as Grafana's front end and the data source's front end put their values in.

Source: grafana/clickhouse-datasource, ``src/data/CHDatasource.ts`` (``applyConditionalAll``, ``getMacroArgs``,
``replace``, ``format``), and Grafana's documentation of variable syntax and formats.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final
from urllib.parse import quote

from msgspec import Struct

ALL: Final = "$__all"
_VARIABLE: Final = re.compile(r"\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\$\{(\w+)(?:\.[^:}]+)?(?::([^}]+))?\}")
_CONDITIONAL: Final = "$__conditionalAll("
_NAME: Final = re.compile(r"(?<=\$\{)\w+(?=\})|(?<=\$)\w+")


class Option(Struct, frozen=True):
    """What can be chosen: the value that queries get, the text that people read."""

    value: str
    text: str


class Chosen(Struct, frozen=True):
    """The state of a variable.

    ``options`` are all that can be chosen; ``values`` what is chosen, or :data:`ALL` alone; ``many`` whether several
    can be: the front end then hands over an array.
    """

    options: tuple[Option, ...]
    values: tuple[str, ...]
    many: bool = False

    @property
    def all(self) -> bool:
        """Whether «Все» is chosen."""
        return self.values == (ALL,)

    @property
    def effective(self) -> tuple[str, ...]:
        """The values that a format writes: all options where «Все» is chosen."""
        return tuple(option.value for option in self.options) if self.all else self.values

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts of what is chosen."""
        if self.all:
            return ("Все",)
        known = {option.value: option.text for option in self.options}
        return tuple(known.get(value, value) for value in self.values)


Variables = Mapping[str, Chosen]


def conditional_all(sql: str, variables: Variables) -> str:
    """``$__conditionalAll(condition, $variable)`` becomes ``1=1`` where all or nothing is chosen, else the condition.

    The last one in the text first, as the data source does; a call without exactly two arguments ends the work.
    """
    at = sql.rfind(_CONDITIONAL)
    while at != -1:
        arguments = _arguments(sql, at + len(_CONDITIONAL) - 1)
        if len(arguments) != 2:
            return sql
        phrase = arguments[0]
        found = _NAME.search(arguments[1].strip())
        if found is not None and found.group() in variables:
            value = ",".join(variables[found.group()].values)
            if value in ("", ALL):
                phrase = "1=1"
        sql = sql.replace(f"{_CONDITIONAL}{arguments[0]},{arguments[1]})", phrase, 1)
        at = sql.rfind(_CONDITIONAL)
    return sql


def _arguments(text: str, at: int) -> list[str]:
    """Arguments of the call whose bracket opens at ``at``; brackets are counted and quotes are not looked at."""
    found: list[str] = []
    depth, begin = 0, at + 1
    for i in range(at, len(text)):
        sign = text[i]
        if sign == "(":
            depth += 1
        elif sign == ")":
            depth -= 1
        if sign == "," and depth == 1:
            found.append(text[begin:i])
            begin = i + 1
        if depth == 0:
            found.append(text[begin:i])
            return found
    return []


def replace(text: str, variables: Variables, builtin: Mapping[str, str] | None = None) -> str:
    """Put values in. What is no variable is left as it stands: the back end's macros begin with a dollar, too.

    ``builtin`` are Grafana's own: ``__from``, ``__to`` (milliseconds), ``__interval``, ``__interval_ms``.
    """

    def value(found: re.Match[str]) -> str:
        name = found[1] or found[2] or found[4]
        form = found[3] or found[5]
        if builtin is not None and name in builtin:
            return builtin[name]
        if name not in variables:
            return found[0]
        return formatted(name, variables[name], form)

    return _VARIABLE.sub(value, text)


def formatted(name: str, chosen: Chosen, form: str | None) -> str:
    """What is chosen in a format of Grafana; without one, as the data source writes it. Raises KeyError otherwise."""
    values = chosen.effective
    if form == "queryparam":
        # Addresses keep «Все» as it is.
        return "&".join(f"var-{name}={quote(value, safe='')}" for value in chosen.values) or f"var-{name}="
    if form == "text":
        return " + ".join(chosen.texts)
    if form is None:
        # An array is quoted without any escaping: the lint forbids this form in SQL.
        return "'" + "','".join(values) + "'" if chosen.many else "".join(values)
    return _FORMATS[form](values)


_FORMATS: Final[dict[str, Callable[[Sequence[str]], str]]] = {
    "singlequote": lambda values: ",".join("'" + value.replace("'", "\\'") + "'" for value in values),
    "doublequote": lambda values: ",".join('"' + value.replace('"', '\\"') + '"' for value in values),
    "sqlstring": lambda values: ",".join("'" + value.replace("'", "''") + "'" for value in values),
    "csv": ",".join,
    "raw": ",".join,
}
