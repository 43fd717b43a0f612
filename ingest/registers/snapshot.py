"""The register of pages as a file: what a service starts from while ClickHouse is away."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

import msgspec

from ingest.registers.page_register import PageRecord, PageRegister

#: Raise it when the file's content changes: a snapshot of another format is not read.
_FORMAT: Final = 1


class SnapshotError(Exception):
    """There is no snapshot that can be used; the message is one sentence."""


class _Snapshot(msgspec.Struct, array_like=True, gc=False):
    format: int
    records: list[PageRecord]


def write_snapshot(path: Path, register: PageRegister) -> None:
    """Write the register to ``path``. The old file stands until the new one is complete on disk. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    with beside.open("wb") as stream:
        stream.write(msgspec.msgpack.encode(_Snapshot(_FORMAT, list(register))))
        stream.flush()
        os.fsync(stream.fileno())
    beside.replace(path)


def read_snapshot(path: Path) -> PageRegister:
    """The register from the file. Raises :class:`SnapshotError` where it is absent, damaged or of another format."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SnapshotError(f"The snapshot {path} cannot be read: {error.strerror}.") from error
    try:
        snapshot = msgspec.msgpack.decode(content, type=_Snapshot)
    except msgspec.DecodeError as error:
        raise SnapshotError(f"The snapshot {path} is damaged.") from error
    if snapshot.format != _FORMAT:
        raise SnapshotError(f"The snapshot {path} was written by another release.")
    return PageRegister.of_records(snapshot.records)
