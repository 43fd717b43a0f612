"""The data directory as a whole: what it holds, and its removal."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from deploy.errors import UserError

#: Everything that Gospulse puts there. Other files are never removed.
ENTRIES: Final = (
    "clickhouse",
    "demo-export.csv",
    "demo-registers",
    "demo-truth",
    "faust",
    "imports",
    "kafka",
    "keys",
    "logs",
    "passwords",
    "registers",
    "run",
    "sources",
)
#: Directories of ``gospulse verify``; a killed one leaves its own behind.
TEMPORARY: Final = "verify-"


def entries(data: Path) -> list[Path]:
    """What Gospulse has put into the directory, sorted."""
    return [path for path in _content(data) if _is_ours(path)]


def others(data: Path) -> list[Path]:
    """What somebody else has put there, sorted."""
    return [path for path in _content(data) if not _is_ours(path)]


def _content(data: Path) -> list[Path]:
    return sorted(data.iterdir()) if data.is_dir() else []


def _is_ours(path: Path) -> bool:
    return path.name in ENTRIES or path.name.startswith(TEMPORARY)


def size(path: Path) -> int:
    """Bytes of a file or of all files below a directory."""
    if not path.is_dir():
        return path.lstat().st_size
    return sum(found.lstat().st_size for found in path.rglob("*") if not found.is_dir())


def remove_entries(data: Path) -> None:
    """Removes everything of Gospulse; nothing may run on it. Raises UserError when a file cannot be removed."""
    try:
        for path in entries(data):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    except OSError as error:
        raise UserError(f"{error.filename or data} cannot be removed: {error.strerror}") from error


def remove(data: Path) -> None:
    """Removes everything of Gospulse, and the directory itself when it is empty then. Raises as ``remove_entries``."""
    remove_entries(data)
    if not others(data):
        try:
            data.rmdir()
        except OSError as error:
            raise UserError(f"{data} cannot be removed: {error.strerror}") from error
