"""Tables in the terminal: one look for all commands, plain text when the output is not a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table


def show(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Iterable[str] = (), title: str = ""
) -> None:
    """Prints a table; columns named in ``right`` hold figures. Cells are plain text; None shows as a dash."""
    numeric = set(right)
    table = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column in numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*("-" if cell is None else escape(str(cell)) for cell in row))
    console = Console(highlight=False)
    if not console.is_terminal:
        # A pipe has no width: no cell is folded, so that a script reads whole values.
        console = Console(highlight=False, width=400)
    console.print(table)
