"""Writes the boards as JSON: ``python -m dashboards.generate``. A test compares what is committed."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from dashboards.boards import BOARDS

#: Where the committed files stand; Grafana's container and the preview read them from here.
FOLDER: Final = Path(__file__).parent / "json"


def files() -> dict[str, str]:
    """What the folder must hold: text by name of the file."""
    return {f"{board.uid}.json": board.text() for board in BOARDS}


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, text in files().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
