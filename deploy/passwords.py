"""Passwords: generate them into files of mode 0600, or read them from files that the operator names."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path
from typing import Final

from deploy.errors import WRONG_USE, UserError
from schemas.connections import Secret

#: The login that writes, and the read-only one; the files in the passwords' folder bear the same names.
WRITER: Final = "gospulse"
ANALYST: Final = "analyst"


def passwords_directory(data: Path) -> Path:
    """The folder of generated passwords below a data directory."""
    return data / "passwords"


def generate(data: Path) -> None:
    """Generate the missing passwords of both logins: files of mode 0600 in a folder of mode 0700."""
    folder = passwords_directory(data)
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    for login in (WRITER, ANALYST):
        try:
            descriptor = os.open(folder / login, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(24) + "\n")


def read_generated(data: Path, login: str) -> Secret | None:
    """The generated password of a login, None where there is none. Raises UserError when others may read the file."""
    path = passwords_directory(data) / login
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return None
    if stat.S_IMODE(mode) & 0o077:
        raise UserError(f"{path} can be read by others: run `chmod 600 {path}`", WRONG_USE)
    return read_file(path)


def read_file(path: Path) -> Secret:
    """The secret in a file, without the line end. Raises UserError when it cannot be read or is empty."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise UserError(f"the secret in {path} cannot be read: {reason}", WRONG_USE) from error
    if not text:
        raise UserError(f"the secret in {path} is empty", WRONG_USE)
    return Secret(text)
