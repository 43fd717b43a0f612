"""Tables in the terminal: one look for all commands, plain text when the output is not a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.measure import Measurement
from rich.table import Table


def show(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    right: Iterable[str] = (),
    title: str = "",
    vertical: bool = False,
    console: Console | None = None,
) -> None:
    """Prints a table; columns named in ``right`` hold figures. Cells are plain text; None shows as a dash.

    ``vertical`` prints each cell on a line of its own. A terminal that is too narrow for the table's words and figures
    gets that as well, because a figure that is broken over two lines is misread.
    """
    numeric = set(right)
    table = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", padding=(0, 1, 0, 0), show_edge=False)
    for column in columns:
        figures = column in numeric
        table.add_column(escape(column), justify="right" if figures else "left", overflow="fold", no_wrap=figures)
    texts = [["-" if cell is None else str(cell) for cell in row] for row in rows]
    for cells in texts:
        table.add_row(*map(escape, cells))
    console = console or Console(highlight=False)
    needed = Measurement.get(console, console.options.update(width=100_000), table)
    if vertical or (console.is_terminal and needed.minimum > console.width):
        _show_vertically(console, columns, texts, title)
        return
    if not console.is_terminal:
        # A pipe has no width: no cell is folded, so that a script reads whole values.
        console = Console(highlight=False, width=max(400, needed.maximum))
    console.print(table)


def _show_vertically(console: Console, columns: Sequence[str], rows: Sequence[Sequence[str]], title: str) -> None:
    if title:
        console.out(title, highlight=False)
    width = max(map(len, columns), default=0)
    for number, cells in enumerate(rows, start=1):
        console.out(f"row {number} {'-' * 20}", highlight=False)
        for column, cell in zip(columns, cells, strict=True):
            console.out(f"{column:<{width}}  {cell}", highlight=False)
