"""The two logins: read their passwords from files and authenticate requests."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import stat
from collections.abc import Mapping
from enum import Enum
from pathlib import Path

from deploy.clickhouse_endpoint.errors import AUTHENTICATION_FAILED, ClickHouseError


class Login(Enum):
    """``gospulse`` writes; ``analyst`` reads the database ``gospulse``, with limits."""

    GOSPULSE = "gospulse"
    ANALYST = "analyst"


class PasswordFileError(Exception):
    """A password file is missing, empty or readable by others; the message says what to do."""


class Passwords:
    """The logins' passwords, kept as digests."""

    def __init__(self, passwords: Mapping[Login, str]) -> None:
        self._digests = {login: _digest(password) for login, password in passwords.items()}

    @classmethod
    def read(cls, folder: Path) -> Passwords:
        """Read ``folder/gospulse`` and ``folder/analyst``; white space around a password is cut off.

        Raises:
            PasswordFileError: a file is missing, empty or open to others.
        """
        found: dict[Login, str] = {}
        for login in Login:
            path = folder / login.value
            try:
                mode = path.stat().st_mode
                text = path.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
                raise PasswordFileError(f"cannot read the password of {login.value} from {path}: {reason}") from None
            if stat.S_IMODE(mode) & 0o077:
                raise PasswordFileError(f"the password file {path} can be read by others: run `chmod 600 {path}`")
            if not text:
                raise PasswordFileError(f"the password file {path} is empty")
            found[login] = text
        return cls(found)

    def login(self, headers: Mapping[str, str], query: Mapping[str, str]) -> Login:
        """The login that a request proves: by HTTP Basic, X-ClickHouse-User and -Key, or ``user`` and ``password``.

        Raises:
            ClickHouseError: 516, for any wrong user or password.
        """
        user, password = _credentials(headers, query)
        expected = self._digests.get(_LOGINS.get(user, Login.GOSPULSE), b"")
        right = hmac.compare_digest(expected, _digest(password))
        if user not in _LOGINS or not right:
            problem = "Authentication failed: password is incorrect, or there is no user with such name"
            raise ClickHouseError(AUTHENTICATION_FAILED, f"{user or 'default'}: {problem}")
        return _LOGINS[user]


_LOGINS = {login.value: login for login in Login}


def has_credentials(headers: Mapping[str, str], query: Mapping[str, str]) -> bool:
    """Whether the request named anybody at all; a browser is asked for a name if not."""
    return bool(_credentials(headers, query)[0])


def _digest(password: str) -> bytes:
    return hashlib.sha256(password.encode("utf-8", "surrogateescape")).digest()


def _credentials(headers: Mapping[str, str], query: Mapping[str, str]) -> tuple[str, str]:
    if "X-ClickHouse-User" in headers:
        return headers["X-ClickHouse-User"], headers.get("X-ClickHouse-Key", "")
    scheme, _, value = headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(value, validate=True).decode("utf-8", "surrogateescape").partition(":")
        except binascii.Error:
            return "", ""
        return user, password
    return query.get("user", ""), query.get("password", "")
