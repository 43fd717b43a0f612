"""Output of an import: a progress bar on a terminal, lines elsewhere, then a summary."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from deploy.cli.tables import show
from ingest.files.job import Progress as Glance
from ingest.files.job import Summary

_LINE_EVERY_S: Final = 5.0
_REASONS_SHOWN: Final = 5


@contextmanager
def display(name: str) -> Iterator[Callable[[Glance], None]]:
    """A function that shows the importer's progress on standard error."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _lines(name)
        return
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[rows]:,} rows  {task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    began = time.monotonic()
    with bar:
        task = bar.add_task("reading", total=None, rows=0, rate=0.0)

        def report(glance: Glance) -> None:
            rate = glance.rows / max(1e-9, time.monotonic() - began)
            what = "reading" if glance.phase == "rows" else "sending totals"
            bar.update(
                task, completed=glance.position, total=glance.size, description=what, rows=glance.rows, rate=rate
            )

        yield report


def _lines(name: str) -> Callable[[Glance], None]:
    began = last = time.monotonic()

    def report(glance: Glance) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last < _LINE_EVERY_S:
            return
        last = now
        share = 100 * glance.position // max(1, glance.size)
        print(
            f"{name}: {share} % read, {glance.rows:,} rows ({glance.rows / (now - began):,.0f}/s),"
            f" {glance.records:,} records, {glance.rejected:,} rows rejected",
            file=sys.stderr,
            flush=True,
        )

    return report


def show_summary(summary: Summary, mapping: str, seconds: float) -> None:
    """Print the result of an import, and why rows were rejected."""
    records = summary.events + summary.readings
    rows: list[tuple[str, object]] = [
        ("load", summary.load),
        ("source", summary.source),
        ("mapping", mapping),
        ("rows read", f"{summary.rows:,}"),
        ("events", f"{summary.events:,}") if summary.shape == "appeals" else ("totals", f"{summary.readings:,}"),
        ("rows rejected", f"{summary.rejected:,}"),
        ("time", f"{seconds:.1f} s, {records / max(seconds, 1e-9):,.0f} records/s"),
    ]
    if summary.resumed_after:
        rows.insert(3, ("resumed after line", f"{summary.resumed_after:,}"))
    show(("import", ""), rows)
    if summary.rejected:
        reasons = summary.reasons.most_common(_REASONS_SHOWN)
        show(
            ("rows", "field", "why rejected"), [(f"{n:,}", field, why) for (field, why), n in reasons], right=("rows",)
        )
        print(f"Rejected rows, by line number and without their content: {summary.rejects}")
    if summary.withheld:
        print(f"{summary.withheld:,} totals were not sent: one of their rows was rejected, so they would be too low.")
    if summary.unassigned:
        print(f"{summary.unassigned:,} rejected rows belong to unknown totals: some totals may be too low.")
    if summary.shared_rows:
        line, rows_of_it = summary.most_shared
        have = "row has" if summary.shared_rows == 1 else "rows have"
        print(
            f"{summary.shared_rows:,} {have} the key of an earlier row"
            f" (such keys: {summary.shared_keys:,}; the key of line {line:,} is in {rows_of_it:,} rows)."
            " Rows of one key are one appeal: check `key` in the mapping."
        )
    if summary.keys_shortened:
        print(
            "Keys such as 1,01E+11 are long numbers that a spreadsheet has shortened: format that column as text and"
            " export the file again."
        )
    if not summary.rows and not summary.resumed_after:
        print("The file has no rows: nothing was imported.")
