"""Bounds of the service: how much one request, one second and one process may cost."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

#: Payloads of the platforms have a few kilobytes; one with many attachments or forwarded messages has more.
MAX_BODY_BYTES: Final = 1 << 20
#: Bodies of all requests under way in one process.
MAX_HELD_BYTES: Final = 64 << 20
#: A request line and each header field, in bytes, and the number of fields.
MAX_FIELD_BYTES: Final = 8 << 10
MAX_FIELDS: Final = 64
#: A connection must bring its first request, and a request its body, within this time.
READ_TIMEOUT_S: Final = 10.0
#: An idle connection is closed after this time.
IDLE_TIMEOUT_S: Final = 75.0


class Bounds(Struct, frozen=True, kw_only=True):
    """What an operator sets: ``rate`` requests a second and open ``connections``, both of one process."""

    rate: float = 3_000.0
    connections: int = 1_000


class TokenBucket:
    """Lets ``rate`` requests a second pass on average, and as many at once after a second of rest.

    >>> bucket = TokenBucket(rate=2.0, now=0.0)
    >>> [bucket.take(0.0), bucket.take(0.0), bucket.take(0.0), bucket.take(0.5)]
    [True, True, False, True]
    """

    def __init__(self, rate: float, now: float) -> None:
        self._rate = rate
        self._tokens = rate
        self._at = now

    def take(self, now: float) -> bool:
        """Whether one more request may pass at ``now`` (seconds of a monotonic clock)."""
        self._tokens = min(self._rate, self._tokens + (now - self._at) * self._rate)
        self._at = now
        if self._tokens < 1.0:
            return False
        self._tokens -= 1.0
        return True
