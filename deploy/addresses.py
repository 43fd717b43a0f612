"""Addresses of the running stack: a small file for each server in the data directory, read by every command."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

KAFKA: Final = "kafka"
CLICKHOUSE: Final = "clickhouse"
WEBHOOK: Final = "webhook"


def write(data: Path, server: str, address: str) -> None:
    """Records ``host:port`` of a server. The file is replaced in one step, so that nobody reads half an address."""
    path = _path(data, server)
    path.parent.mkdir(parents=True, exist_ok=True)
    written = path.with_name(path.name + ".new")
    written.write_text(address + "\n", encoding="ascii")
    os.replace(written, path)


def read(data: Path, server: str) -> str | None:
    """``host:port`` of a server of the running stack; None where none is recorded."""
    try:
        return _path(data, server).read_text(encoding="ascii").strip() or None
    except FileNotFoundError:
        return None


def forget(data: Path, server: str) -> None:
    """Removes the record: the server was stopped."""
    _path(data, server).unlink(missing_ok=True)


def _path(data: Path, server: str) -> Path:
    return data / "run" / f"{server}.address"
