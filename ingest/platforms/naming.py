"""Names of facts: how identities of threads, appeals, messages and events are derived, the same for every feed.

A webhook, a poller and an import of one platform must give one fact the same identity: all of them use these functions.
Each identity is HMAC-SHA-256 under the identity key, its first 128 bits (:func:`ingest.identities.identity`).
"""

from __future__ import annotations

from datetime import UTC, datetime

from ingest.identities import IdentityKey, identity
from schemas.reference.places import COUNTRY_ZONE, load_zone


class PageNames:
    """Identities on one page, such as ``vk:123``. Native ids are texts."""

    __slots__ = ("_key", "page")

    def __init__(self, key: IdentityKey, page: str) -> None:
        self._key = key
        self.page = page

    def thread(self, citizen: str, *where: str) -> str:
        """The conversation with one citizen: ``("dialogue",)``, ``("post", id)``, ``("topic", id)`` ..."""
        return identity(self._key, "thread", self.page, *where, citizen)

    def appeal(self, thread: str, at_ms: int) -> str:
        """The appeal of a thread at a time (milliseconds UTC): one for each Moscow day."""
        return identity(self._key, "appeal", self.page, thread, moscow_date(at_ms))

    def message(self, *where: str) -> str:
        """A message by its native id and the place that this id belongs to. It tells no author."""
        return identity(self._key, "message", self.page, *where)

    def event(self, kind: str, *fact: str) -> str:
        """The identity of an event: its kind, and what names the fact in the platform's own terms."""
        return identity(self._key, "event", self.page, kind, *fact)


def moscow_date(at_ms: int) -> str:
    """The Moscow day of a moment (milliseconds UTC), such as 2026-11-27."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone(load_zone(COUNTRY_ZONE)).date().isoformat()
