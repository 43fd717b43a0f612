"""A picture of one series: observed, usual with its band, alerts; as SVG, without a charting library."""

from __future__ import annotations

from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from streams.spikes.replay import Played

WIDTH: Final = 1000
HEIGHT: Final = 260
_LEFT, _TOP, _BOTTOM = 50, 30, 30


def write_plot(path: Path, title: str, played: Played, row: int, alerts: list[int], *, daily: bool) -> None:
    """Draw one series; ``alerts`` are hours since 1970 (UTC)."""
    observed, expected, high = played.observed[row], played.expected[row], played.high[row]
    n = len(observed)
    step = 24 if daily else 1
    most = max(1.0, float(observed.max()), float(high.max()))

    def x(at: float) -> float:
        return _LEFT + (WIDTH - _LEFT - 10) * at / max(1, n - 1)

    def y(value: float) -> float:
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * float(value) / most

    def line(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
        return " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in enumerate(values))

    band = line(high) + " " + " ".join(f"{x(at):.1f},{y(0):.1f}" for at in (n - 1, 0))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        f'<text x="{_LEFT}" y="18" font-size="14">{escape(title)}</text>',
        f'<polygon points="{band}" fill="#dce8f5"/>',
        f'<polyline points="{line(expected)}" fill="none" stroke="#7a9cc0" stroke-width="1.5"/>',
        f'<polyline points="{line(observed)}" fill="none" stroke="#1f2937" stroke-width="1.2"/>',
        f'<text x="4" y="{y(most) + 4:.0f}">{most:.0f}</text><text x="4" y="{y(0) + 4:.0f}">0</text>',
    ]
    for at in range(0, n, max(1, n // 6)):
        hour = played.first_hour + (at + 1) * step
        day = datetime.fromtimestamp(hour * 3600, UTC)
        parts.append(f'<text x="{x(at):.0f}" y="{HEIGHT - 8}">{day:%d.%m.%Y}</text>')
    for hour in alerts:
        column = min(n - 1, max(0, (hour - played.first_hour) // step - 1))
        parts.append(f'<circle cx="{x(column):.1f}" cy="{y(observed[column]):.1f}" r="5" fill="#c2410c"/>')
    parts.append("</svg>")
    path.write_text("\n".join(parts), encoding="utf-8")
