"""Runs every query of every panel and variable against ClickHouse: no error, expected columns and types, rows."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from dashboards.builders.board import Board
from dashboards.builders.targets import Kind
from dashboards.datasource.macros import MacroError, Window
from dashboards.datasource.request import Answer, Ask, QueryFailedError, resolve, sql_of
from dashboards.datasource.variables import ALL, Chosen, Variables

_WRAPPED: Final = re.compile(r"^(?:Nullable|LowCardinality)\((?P<inner>.*)\)$")
_KINDS: Final[tuple[tuple[Kind, re.Pattern[str]], ...]] = (
    ("time", re.compile(r"Date(?:32|Time|Time64)?(?:\(|$)")),
    ("number", re.compile(r"U?Int\d+$|Float\d+$|Decimal|Bool$")),
    ("text", re.compile(r"String$|FixedString|Enum")),
)


class Finding(Struct, frozen=True):
    """One query that was run. ``problem`` is one sentence, None where nothing is wrong."""

    board: str
    selection: str
    panel: str
    rows: int
    seconds: float
    problem: str | None = None


def check(
    board: Board,
    window: Window,
    ask: Ask,
    *,
    rows_needed: bool = True,
    each_variable: bool = True,
    clock: Callable[[], float] = time.perf_counter,
) -> Iterator[Finding]:
    """Every query of a board, with every variable at «Все», and with all at one value.

    ``each_variable`` also runs them with each variable in turn at one value.

    ``rows_needed`` also wants at least one row of each query, where everything is chosen.
    """
    model = board.json()
    try:
        full = resolve(model, {}, window, ask)
    except (QueryFailedError, MacroError) as error:
        yield Finding(board.uid, "variables", "variables", 0, 0.0, str(error))
        return
    for name, chosen in full.items():
        empty = rows_needed and not chosen.options
        yield Finding(
            board.uid, "all", f"variable {name}", len(chosen.options), 0.0, "It gives no option." if empty else None
        )
    for selection, variables in selections(full, each_variable=each_variable):
        for panel in board.panels:
            for query, target in zip(panel.queries, panel.json([])["targets"], strict=True):
                began = clock()
                try:
                    answer = ask(sql_of(target, variables, window))
                except (QueryFailedError, MacroError) as error:
                    yield Finding(board.uid, selection, _name(panel.id, panel.title), 0, clock() - began, str(error))
                    continue
                taken = clock() - began
                problem = shape_problem(answer, query.columns, series=query.series)
                if problem is None and rows_needed and selection == "all" and not (answer.rows or query.may_be_empty):
                    problem = "It gives no row."
                yield Finding(board.uid, selection, _name(panel.id, panel.title), len(answer.rows), taken, problem)


def selections(full: Mapping[str, Chosen], *, each_variable: bool) -> Iterator[tuple[str, Variables]]:
    """What people choose: everything, one value of each variable in turn, one value of all."""
    yield "all", full
    single: dict[str, Chosen] = dict(full)
    for name, chosen in full.items():
        if chosen.values == (ALL,) and chosen.options:
            single[name] = Chosen(chosen.options, (chosen.options[0].value,), chosen.many)
            if each_variable:
                yield f"one {name}", {**full, name: single[name]}
    yield "one of each", single


def shape_problem(answer: Answer, columns: Sequence[tuple[str, Kind]], *, series: bool) -> str | None:
    """How an answer differs from what the panel expects; None where it does not."""
    expected = tuple(name for name, _ in columns)
    if answer.columns != expected:
        return f"It gives the columns {', '.join(answer.columns)} instead of {', '.join(expected)}."
    for (name, kind), declared in zip(columns, answer.types, strict=True):
        if kind_of(declared) != kind:
            return f"Column {name} is of type {declared}, where a {kind} is expected."
    if series:
        moments = [row[0] for row in answer.rows]
        if moments != sorted(moments):
            return "Its rows do not ascend by time: the data source then draws nothing."
    return None


def kind_of(declared: str) -> Kind | None:
    """What a type of ClickHouse is for a panel; None for what the data source cannot show."""
    while (wrapped := _WRAPPED.match(declared)) is not None:
        declared = wrapped["inner"]
    return next((kind for kind, pattern in _KINDS if pattern.match(declared)), None)


def _name(number: int, title: str) -> str:
    return f"{number} {title}"


def problems(findings: Sequence[Finding]) -> list[Finding]:
    """What is wrong."""
    return [finding for finding in findings if finding.problem is not None]
