"""Sources: the pages whose platform calls us, with the secrets by which its calls are known."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from ingest.secret_files import SecretFileError, read_secret_file, write_secret_file

#: VK takes secrets of at most 50 characters (``groups.addCallbackServer``, ``secret_key``).
_SECRET_BYTES: Final = 20


class Source(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A page that calls us. ``page`` is its native id; ``secrets`` are active ones, the newest first.

    Two secrets are active while one replaces the other at the platform. ``confirmation`` is the text that the platform
    expects as the answer to its handshake. ``added_at`` is milliseconds UTC.
    """

    page: str
    secrets: tuple[str, ...]
    added_at: int
    confirmation: str | None = None

    def __repr__(self) -> str:
        return f"Source({self.page!r}, {len(self.secrets)} secrets)"


#: By the native id of the page.
Sources = Mapping[str, Source]

_decode = msgspec.json.Decoder(list[Source]).decode


def sources_file(folder: Path, platform: str) -> Path:
    """The file of a platform's sources."""
    return folder / f"{platform}.json"


def read_sources(path: Path) -> dict[str, Source]:
    """The sources in the file; none where it is not there.

    Raises:
        SecretFileError: it cannot be read, is damaged, or others may read it.
    """
    try:
        contents = read_secret_file(path)
    except FileNotFoundError:
        return {}
    try:
        return {source.page: source for source in _decode(contents)}
    except msgspec.DecodeError as error:
        # The decoder's message may hold a part of the file.
        raise SecretFileError(f"{path} is damaged: put its backup back, or add its pages anew.") from error


@contextmanager
def changed_sources(path: Path) -> Iterator[dict[str, Source]]:
    """Sources to change in place; they are written when the block ends without an error.

    Nobody else changes them meanwhile; a running service reads either the old ones or the new ones.

    Raises:
        SecretFileError: as ``read_sources``, or the file cannot be written.
    """
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(path.with_name(f".{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SecretFileError(f"{path} cannot be written: {error.strerror}.") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        found = read_sources(path)
        yield found
        contents = msgspec.json.encode(sorted(found.values(), key=lambda source: source.page))
        write_secret_file(path, msgspec.json.format(contents) + b"\n", replace=True)
    except OSError as error:
        raise SecretFileError(f"{path} cannot be written: {error.strerror}.") from error
    finally:
        os.close(lock)


def new_secret() -> str:
    """A random secret: 40 letters and digits."""
    return secrets.token_hex(_SECRET_BYTES)
