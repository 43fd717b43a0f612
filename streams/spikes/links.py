"""Signed links with which an officer without a shell decides about an episode: they expire and work once."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Final

from msgspec import Struct

#: What a link may decide.
LINKED: Final = ("accept", "dismiss", "hand_over")
#: Bytes of a key.
KEY_BYTES: Final = 32
#: How long a link works, in seconds: the night, and the morning after it.
VALID_S: Final = 24 * 3600
_LONGEST: Final = 200


class LinkError(Exception):
    """A link does not work; the message says why and what to do, in Russian: an officer reads it."""


class Link(Struct, frozen=True):
    """What a link permits. ``expires`` is in seconds since 1970 (UTC); ``nonce`` tells links apart."""

    episode: str
    decision: str
    expires: int
    nonce: str


def sign(link: Link, key: bytes) -> str:
    """The link's token: its fields and their HMAC-SHA256 (RFC 2104), safe in a URL.

    Raises ValueError for a short key or fields that cannot stand in a token.
    """
    if len(key) < KEY_BYTES:
        raise ValueError(f"A key has {KEY_BYTES} bytes, not {len(key)}.")
    fields = [link.episode, link.decision, str(link.expires), link.nonce]
    if link.decision not in LINKED or not all(each.replace("_", "").isalnum() for each in fields):
        raise ValueError("A link names an episode, a decision and a nonce, all of letters and digits.")
    text = ".".join(fields)
    return f"{text}.{_signature(text, key)}"


class Signer(Struct, frozen=True):
    """Makes the links of alerts: ``url`` is the public address that answers them."""

    url: str
    key: bytes

    def links(self, episode: str, since: float) -> dict[str, str]:
        """Address by decision, for an episode that opened at a time (seconds since 1970, UTC).

        The same episode has the same links, so an evaluation that is made again gives the same alert.
        """
        found = {}
        for decision in LINKED:
            nonce = hmac.new(self.key, f"nonce {episode} {decision}".encode(), hashlib.sha256).hexdigest()[:16]
            link = Link(episode, decision, int(since) + VALID_S, nonce)
            found[decision] = f"{self.url.rstrip('/')}/spikes/{sign(link, self.key)}"
        return found


def verify(token: str, key: bytes, now: float) -> Link:
    """The link of a token at a time (seconds since 1970, UTC).

    Raises LinkError where the signature is not right or the time is over; whether it was used is not known here.
    """
    text, _, signature = token.rpartition(".")
    parts = text.split(".")
    right = len(token) <= _LONGEST and hmac.compare_digest(signature.encode(), _signature(text, key).encode())
    if not right or len(parts) != 4:
        raise LinkError("Ссылка недействительна. Откройте доску «Всплески».")
    link = Link(parts[0], parts[1], int(parts[2]), parts[3])
    if now >= link.expires:
        raise LinkError("Срок действия ссылки истёк. Откройте доску «Всплески».")
    return link


def _signature(text: str, key: bytes) -> str:
    digest = hmac.new(key, text.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
