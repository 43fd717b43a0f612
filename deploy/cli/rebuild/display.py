"""Generations, and how two of them compare, as tables in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from clickhouse_connect.driver.client import Client

from deploy.cli.tables import show
from schemas.clickhouse.generations import generations
from streams.definition import Definition, decode_definition
from streams.rebuild.compare import Comparison

#: Differing days that are shown.
_SHOWN = 40


def print_comparison(comparison: Comparison, old: int, new: int, expected: Sequence[str]) -> None:
    """Totals of both generations, then every day that differs, with what the definition lets one expect."""
    columns = ("what", f"generation {old}", f"generation {new}", "difference")
    totals = [total for total in comparison.totals if total.old or total.new]
    show(
        columns,
        [(t.what, f"{t.old:,}", f"{t.new:,}", f"{t.new - t.old:+,}" if t.new != t.old else "") for t in totals],
        right=columns[1:],
        title="Up to the offsets that both generations have acknowledged",
    )
    if comparison.differences:
        rows = [
            (d.what, d.day, f"{d.old:,}", f"{d.new:,}", f"{d.new - d.old:+,}") for d in comparison.differences[:_SHOWN]
        ]
        show(("what", "day", *columns[1:]), rows, right=columns[1:], title="Days that differ")
        if len(comparison.differences) > _SHOWN:
            print(f"and {len(comparison.differences) - _SHOWN:,} more")
    else:
        print("No total differs.")
    if comparison.skipped:
        print(f"Not compared, since records arrive: {', '.join(comparison.skipped)}.")
    if expected:
        print(f"Differences may come from: {'; '.join(expected)}.")


def print_generations(client: Client) -> None:
    """Every generation with its state and what defines it."""
    rows = []
    for recorded in generations(client):
        definition = decode_definition(recorded.definition)
        rows.append((recorded.number, recorded.state, definition.fold, definition.chunk, _described(definition)))
    show(("generation", "state", "fold", "chunk", "defined by"), rows, right=("generation", "fold", "chunk"))


def _described(definition: Definition) -> str:
    parts = []
    if definition.stamps:
        parts.append(f"{len(definition.stamps)} stamps")
    if definition.excluded_loads:
        parts.append(f"without {', '.join(definition.excluded_loads)}")
    if definition.mended:
        parts.append(f"{len(definition.mended)} mended origins")
    if definition.cut:
        parts.append("cut at " + ", ".join(f"{log}:{part}:{offset}" for log, part, offset in definition.cut))
    return "; ".join(parts) or "the whole log"
