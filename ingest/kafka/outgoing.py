"""A record on its way to Kafka."""

from __future__ import annotations

from typing import NamedTuple


class Outgoing(NamedTuple):
    """A record to send: the topic's name in the contract, the key, the value."""

    topic: str
    key: str
    value: bytes
