"""What each page's platform brought last: it tells an operator whether a page's callback works."""

from __future__ import annotations

from msgspec import Struct


class Delivery(Struct):
    """The calls for one page since the process started. Times are milliseconds UTC; ``last`` is a type or a reason."""

    confirmed_at: int | None = None
    accepted: int = 0
    accepted_at: int | None = None
    accepted_type: str | None = None
    denied: int = 0
    denied_at: int | None = None
    denied_reason: str | None = None


class Deliveries:
    """The latest delivery of each known page. Only pages among the sources are noted, so it cannot grow without end."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], Delivery] = {}

    def accepted(self, platform: str, page: str, kind: str, at_ms: int) -> None:
        """Note a request that was answered as the platform wants."""
        delivery = self._known.get((platform, page)) or self._known.setdefault((platform, page), Delivery())
        if kind == "confirmation":
            delivery.confirmed_at = at_ms
            return
        delivery.accepted += 1
        delivery.accepted_at, delivery.accepted_type = at_ms, kind

    def denied(self, platform: str, page: str, reason: str, at_ms: int) -> None:
        """Note a request for a known page that was not."""
        delivery = self._known.setdefault((platform, page), Delivery())
        delivery.denied += 1
        delivery.denied_at, delivery.denied_reason = at_ms, reason

    def of(self, platform: str, page: str) -> Delivery:
        """The deliveries of a page."""
        return self._known.get((platform, page), Delivery())
