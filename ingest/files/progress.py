"""How far an import came: a small file per load, written so that a crash leaves the old one or the new one."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import msgspec
from msgspec import Struct


class ImportProgress(Struct, frozen=True, kw_only=True):
    """Up to which line of the file every record is confirmed by Kafka."""

    load: str
    #: Of the file, the mapping and the options that go into records: only the same import goes on.
    fingerprint: str
    line: int = 0
    finished: bool = False


def fingerprint(*parts: str) -> str:
    """One digest of what must be the same for an import to go on."""
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode()
        digest.update(len(encoded).to_bytes(4, "big") + encoded)
    return digest.hexdigest()


def progress_path(directory: Path, load: str) -> Path:
    """The file of a load: readable, and different for different loads (a load may hold ``/`` and ``:``)."""
    readable = re.sub(r"[^A-Za-z0-9_.-]", "_", load)[:60]
    return directory / f"{readable}-{hashlib.sha256(load.encode()).hexdigest()[:8]}.json"


def read_progress(path: Path) -> ImportProgress | None:
    """What was written there; None where nothing is, or nothing that can be read (the import then starts anew)."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=ImportProgress)
    except (OSError, msgspec.DecodeError):
        return None


def write_progress(path: Path, progress: ImportProgress) -> None:
    """Replace the file in one step, on disk before it returns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".new")
    with draft.open("wb") as file:
        file.write(msgspec.json.encode(progress))
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
