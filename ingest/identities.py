"""Identities: keyed hashes that name a fact of a source without telling the source's own id."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path
from typing import Final

from ingest.secret_files import SecretFileError, read_secret_file, write_secret_file

_KEY_BYTES: Final = 32
#: The block of SHA-256.
_BLOCK_BYTES: Final = 64
_IDENTITY_DIGITS: Final = 32


class IdentityKeyError(Exception):
    """The identity key cannot be used; the message is one sentence with the way out."""


class IdentityKey:
    """The installation's identity key: 32 random bytes that never change and are never shown.

    It is not rotated: a fact that is sent again, years later, must get the identity it had.
    """

    __slots__ = ("_inner", "_outer")

    def __init__(self, raw: bytes) -> None:
        if len(raw) != _KEY_BYTES:
            raise IdentityKeyError(f"An identity key has {_KEY_BYTES} bytes.")
        # RFC 2104: the key enters both hashes once, not with each message. That halves the time of an identity.
        block = raw.ljust(_BLOCK_BYTES, b"\0")
        self._inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in block))
        self._outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in block))

    def __repr__(self) -> str:
        return "IdentityKey(***)"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("An identity key is not copied out of the process.")

    def digest(self, message: bytes) -> str:
        """HMAC-SHA-256 (RFC 2104, FIPS 198-1) of ``message``, its first 128 bits as 32 lower-case hex digits."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.hexdigest()[:_IDENTITY_DIGITS]


def identity(key: IdentityKey, *parts: str) -> str:
    """The identity of what ``parts`` name together: 32 lower-case hex digits.

    Each part goes in with the length of its UTF-8 text before it, so ``("ab", "c")`` and ``("a", "bc")`` differ.
    The first part should say what is named (``"appeal"``, ``"event"``, ``"thread"``): equal source ids of
    different things then never meet.
    """
    return key.digest(framed(*parts))


def framed(*parts: str) -> bytes:
    """Parts with the length of each before it, as :func:`identity` hashes them; such texts may be joined."""
    pieces = []
    for part in parts:
        encoded = part.encode("utf-8", "surrogatepass")
        pieces.append(len(encoded).to_bytes(4, "big"))
        pieces.append(encoded)
    return b"".join(pieces)


def load_identity_key(path: Path) -> IdentityKey:
    """The installation's key from its file; made there once, with mode 0600, if absent.

    Safe when several processes start at once: exactly one key wins.

    Raises:
        IdentityKeyError: the file cannot be read or written, is damaged, or others may read it.
    """
    try:
        if not path.exists():
            write_secret_file(path, new_key_text(), replace=False)
        return IdentityKey(key_bytes(read_secret_file(path)))
    except SecretFileError as error:
        raise IdentityKeyError(f"The identity key cannot be used: {error}") from error
    except OSError as error:
        raise IdentityKeyError(f"The identity key {path} cannot be used: {error.strerror}.") from error
    except (ValueError, IdentityKeyError) as error:
        raise IdentityKeyError(
            f"The identity key {path} is damaged: put the backup of this file back; with a new key every"
            " fact that is imported again would count as a new one."
        ) from error


def new_key_text() -> bytes:
    """A new random key as its file holds it: 64 hex digits and a line end."""
    return secrets.token_hex(_KEY_BYTES).encode() + b"\n"


def key_bytes(text: bytes) -> bytes:
    """The key that a file's text stands for. Raises ValueError where it is none."""
    return bytes.fromhex(text.decode("ascii").strip())
