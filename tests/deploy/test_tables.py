"""Tables are readable in 80 columns: no figure is broken, and what is too wide comes a cell a line."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from deploy.cli.tables import show


def shown(columns: list[str], rows: list[list[object]], **options: object) -> list[str]:
    """Lines of a table on a terminal of 80 columns."""
    sink = io.StringIO()
    console = Console(file=sink, width=80, force_terminal=True, no_color=True, highlight=False)
    show(columns, rows, console=console, **options)  # type: ignore[arg-type]
    return [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in sink.getvalue().splitlines()]


def test_a_table_that_is_a_little_wide_folds_its_texts_and_never_a_figure() -> None:
    text = "a topic that was deleted and created again is another log, and its records are new"
    lines = shown(["records", "why"], [[123_456_789, text]], right=["records"])
    assert max(map(len, lines)) <= 80
    assert any("123456789" in line for line in lines)
    assert text.split()[-1] in lines[-2].split() + lines[-1].split()


def test_a_table_whose_words_do_not_fit_comes_a_cell_a_line() -> None:
    names = [f"column_{number}" for number in range(12)]
    lines = shown(names, [[10**9 + number for number in range(12)], [None] * 12], right=names, title="wide")
    assert lines[0] == "wide"
    assert "column_11  1000000011" in lines
    assert "column_3   -" in lines
    assert max(map(len, lines)) <= 80


def test_vertical_is_a_choice() -> None:
    assert shown(["a", "[b]"], [[1, "[red]x"]], vertical=True) == ["row 1 " + "-" * 20, "a    1", "[b]  [red]x"]


def test_a_pipe_gets_whole_values(capsys: pytest.CaptureFixture[str]) -> None:
    show(["x", "y"], [["v" * 700, "w" * 700]])
    printed = capsys.readouterr().out
    assert "v" * 700 in printed and "w" * 700 in printed


def test_the_tables_of_a_running_stack_fit_80_columns() -> None:
    since, cluster = "2026-11-27 13:00:00", "0f8fad5b-d9cb-469f-a165-70867728950e"
    tables: list[tuple[list[str], list[object]]] = [
        (
            ["process", "pid", "address", "state", "since (UTC)"],
            ["clickhouse", 4194304, "127.0.0.1:65535", "running", since],
        ),
        (
            ["topic", "partition", "end", "folded", "lag", "heartbeat s ago", "worker"],
            ["readings", 10, 123_456_789, 123_456_789, 99_999_999, "0.4", "worker-10"],
        ),
        (["topic", "id", "log", "partitions"], ["rejected", cluster, 12, 8]),
    ]
    for columns, row in tables:
        lines = shown(columns, [row])
        assert max(map(len, lines)) <= 80
        assert sum(1 for line in lines if str(row[0]) in line) == 1
        assert len([line for line in lines if line.strip()]) == 3, lines
