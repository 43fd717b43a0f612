"""Author keys: accounts become pseudonyms under a key that is in force for a period, then replaced, then destroyed."""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from collections.abc import Iterable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from msgspec import Struct

from ingest.identities import IdentityKey, IdentityKeyError, identity, key_bytes, new_key_text
from ingest.registers.page_register import SINCE_EVER, moscow_midnight_ms
from ingest.secret_files import SecretFileError, read_secret_file, write_secret_file
from schemas.reference.places import COUNTRY_ZONE, load_zone

#: The first key is in force for everything before the second one.
FIRST_DAY: Final = SINCE_EVER
_DESTROYED: Final = ".destroyed"
_NAME: Final = re.compile(r"\d{4}-\d\d-\d\d")


class AuthorKeyError(Exception):
    """An author key cannot be used or changed; the message is one sentence with the way out."""


class AuthorKey(Struct, frozen=True):
    """A key with the Moscow day from which it is in force; ``key`` is None where it was destroyed."""

    day: date
    key: IdentityKey | None


class AuthorKeys:
    """All author keys. The key of an event is the one in force when it happened, however late the event arrives.

    Within a key's period an account has one pseudonym; across two periods its pseudonyms have nothing in common.
    """

    def __init__(self, keys: Iterable[AuthorKey]) -> None:
        self.keys = tuple(sorted(keys, key=lambda each: each.day))
        self._starts = [moscow_midnight_ms(each.day) for each in self.keys]

    def pseudonym(self, network: str, account: str, at_ms: int) -> str | None:
        """32 hex digits for an account of a network at a time (milliseconds UTC); None where the key was destroyed.

        HMAC-SHA-256 (RFC 2104), its first 128 bits, of the network and the account's native id.
        """
        number = bisect_right(self._starts, at_ms) - 1
        key = self.keys[number].key if number >= 0 else None
        return None if key is None else identity(key, "author", network, account)

    def in_force(self, at_ms: int) -> AuthorKey | None:
        """The key of a moment (milliseconds UTC)."""
        number = bisect_right(self._starts, at_ms) - 1
        return self.keys[number] if number >= 0 else None


def load_author_keys(folder: Path) -> AuthorKeys:
    """All keys of the folder; the first one is made there, with mode 0600, where there is none.

    Raises:
        AuthorKeyError: the folder or a file cannot be read or written, is damaged, or others may read it.
    """
    try:
        if not folder.is_dir() or not any(_NAME.match(path.name) for path in folder.iterdir()):
            write_secret_file(folder / FIRST_DAY.isoformat(), new_key_text(), replace=False)
        return AuthorKeys(_read(path) for path in folder.iterdir() if _NAME.match(path.name))
    except OSError as error:
        raise AuthorKeyError(f"The author keys in {folder} cannot be used: {error.strerror}.") from error


def rotate(folder: Path, day: date) -> None:
    """Make a new key that is in force from ``day`` on (Moscow's midnight).

    Raises:
        AuthorKeyError: there is or was a key from that day on, or the folder cannot be written.
    """
    known = load_author_keys(folder)
    if any(each.day == day for each in known.keys):
        raise AuthorKeyError(f"There is an author key from {day} on already: choose another day.")
    if day < known.keys[-1].day:
        # Accounts that were counted under the later key would change their pseudonyms.
        raise AuthorKeyError(
            f"A later author key, from {known.keys[-1].day} on, is there already: choose a day after it."
        )
    try:
        write_secret_file(folder / day.isoformat(), new_key_text(), replace=False)
    except OSError as error:
        raise AuthorKeyError(f"The author keys in {folder} cannot be written: {error.strerror}.") from error


def destroy(folder: Path, day: date, now_ms: int) -> None:
    """Destroy the key from ``day`` on, for ever: its pseudonyms can no longer be led back to accounts.

    Events of its period that arrive later have no author. ``now_ms`` is the time now (UTC).

    Raises:
        AuthorKeyError: there is no such key, or it is in force now.
    """
    known = load_author_keys(folder)
    wanted = next((each for each in known.keys if each.day == day), None)
    if wanted is None or wanted.key is None:
        raise AuthorKeyError(f"There is no author key from {day} on: `gospulse keys list` shows them.")
    if known.in_force(now_ms) == wanted:
        raise AuthorKeyError(f"The author key from {day} on is in force: `gospulse keys rotate` makes its successor.")
    path = folder / day.isoformat()
    try:
        with path.open("r+b") as file:
            # On a disk that writes in place nothing of the key is left; a backup has to be destroyed by its owner.
            size = os.fstat(file.fileno()).st_size
            file.write(bytes(size))
            file.flush()
            os.fsync(file.fileno())
        # The name stays: an older key must not take this one's place.
        path.rename(path.with_name(path.name + _DESTROYED))
    except OSError as error:
        raise AuthorKeyError(f"{path} cannot be destroyed: {error.strerror}.") from error


def moscow_day(at_ms: int) -> date:
    """The Moscow day of a moment (milliseconds UTC)."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(load_zone(COUNTRY_ZONE)).date()


def _read(path: Path) -> AuthorKey:
    day = date.fromisoformat(path.name.removesuffix(_DESTROYED))
    if path.name.endswith(_DESTROYED):
        return AuthorKey(day, None)
    try:
        return AuthorKey(day, IdentityKey(key_bytes(read_secret_file(path))))
    except SecretFileError as error:
        raise AuthorKeyError(f"An author key cannot be used: {error}") from error
    except (ValueError, IdentityKeyError) as error:
        raise AuthorKeyError(f"The author key {path} is damaged: put its backup back, or rotate.") from error
