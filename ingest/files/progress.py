"""Progress of an import: a small file for each load, replaced in one step."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import msgspec
from msgspec import Struct


class ImportProgress(Struct, frozen=True, kw_only=True):
    """The line of the file up to which Kafka has acknowledged every record."""

    load: str
    #: Of the file, the mapping and the options that are part of records: only the same import resumes.
    fingerprint: str
    line: int = 0
    finished: bool = False


def fingerprint(*parts: str) -> str:
    """One digest of everything that must be the same for an import to resume."""
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
    """The progress written there; None where there is none or it is not readable."""
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
