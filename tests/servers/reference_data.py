"""Data that others wrote, outside the project: tests read it where it is, and skip where it is not."""

from __future__ import annotations

import os
from pathlib import Path

from tests.servers.machine import ROOT


def reference_folder(name: str) -> Path | None:
    """A folder of the reference data: below ``REFERENCE_DATA``, else ``shared/data`` beside the project; or None."""
    found = Path(os.environ.get("REFERENCE_DATA", ROOT.parent / "shared" / "data")) / name
    return found if found.is_dir() else None
