"""Files that only their owner may read: keys, secrets of sources."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path


class SecretFileError(Exception):
    """A secret file cannot be used; the message is one sentence with the way out."""


def read_secret_file(path: Path, limit: int = 64 << 20) -> bytes:
    """The contents of a file of mode 0600.

    Raises:
        FileNotFoundError: it is not there.
        SecretFileError: it cannot be read, is larger than ``limit`` bytes, or others may read it.
    """
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            contents = file.read(limit + 1)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise SecretFileError(f"{path} cannot be read: {error.strerror}.") from error
    if mode & 0o077:
        raise SecretFileError(f"{path} may be read by others: run `chmod 600 {path}`.")
    if len(contents) > limit:
        raise SecretFileError(f"{path} is larger than {limit:,} bytes: it is not the file that it should be.")
    return contents


def write_secret_file(path: Path, contents: bytes, *, replace: bool) -> bool:
    """Write a file of mode 0600, whole or not at all; its folder is made with mode 0700.

    Without ``replace`` an existing file stands, and False is returned: of several processes that write at once exactly
    one wins.

    Raises OSError.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(contents)
            file.flush()
            os.fsync(file.fileno())
        if replace:
            os.replace(draft, path)
            return True
        try:
            os.link(draft, path)
        except FileExistsError:
            return False
        return True
    finally:
        draft.unlink(missing_ok=True)
