"""Names of facts: how identities of threads, appeals, messages and events are derived, the same for every feed.

A webhook, a poller and an import of one platform must give one fact the same identity: all of them use these functions.
Each identity is HMAC-SHA-256 under the identity key, its first 128 bits (:func:`ingest.identities.identity`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from ingest.identities import IdentityKey, framed
from schemas.reference.places import COUNTRY_ZONE, load_zone

_HOUR_MS: Final = 3_600_000


class PageNames:
    """Identities on one page, such as ``vk:123``. Native ids are texts."""

    __slots__ = ("_digest", "_of_appeals", "_of_events", "_of_messages", "_of_threads", "page")

    def __init__(self, key: IdentityKey, page: str) -> None:
        self.page = page
        self._digest = key.digest
        # Equal for all facts of the page: hashing is a good part of what a call costs.
        self._of_threads, self._of_appeals, self._of_messages, self._of_events = (
            framed(what, page) for what in ("thread", "appeal", "message", "event")
        )

    def thread(self, citizen: str, *where: str) -> str:
        """The conversation with one citizen: ``("dialogue",)``, ``("post", id)``, ``("topic", id)`` ..."""
        return self._digest(self._of_threads + framed(*where, citizen))

    def appeal(self, thread: str, at_ms: int) -> str:
        """The appeal of a thread at a time (milliseconds UTC): one for each Moscow day."""
        return self._digest(self._of_appeals + framed(thread, moscow_date(at_ms)))

    def message(self, *where: str) -> str:
        """A message by its native id and the place that this id belongs to. It tells no author."""
        return self._digest(self._of_messages + framed(*where))

    def event(self, kind: str, *fact: str) -> str:
        """The identity of an event: its kind, and what names the fact in the platform's own terms."""
        return self._digest(self._of_events + framed(kind, *fact))


def moscow_date(at_ms: int) -> str:
    """The Moscow day of a moment (milliseconds UTC), such as 2026-11-27."""
    return _date_of_hour(at_ms // _HOUR_MS)


@lru_cache(maxsize=4_096)
def _date_of_hour(hour: int) -> str:
    # Moscow's days have begun at whole hours of UTC ever since 1970.
    moment = datetime.fromtimestamp(hour * 3_600, UTC)
    return moment.astimezone(load_zone(COUNTRY_ZONE)).date().isoformat()
