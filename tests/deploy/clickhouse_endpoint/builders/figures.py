"""A short table of what a long test saw."""

from __future__ import annotations

import pytest


def show(capsys: pytest.CaptureFixture[str], title: str, rows: dict[str, object]) -> None:
    """Print it past pytest's capture."""
    width = max(len(name) for name in rows)
    with capsys.disabled():
        print(f"\n  {title}")
        for name, value in rows.items():
            print(f"    {name:<{width}}  {value}")
