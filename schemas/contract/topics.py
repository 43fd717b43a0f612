"""Kafka's topics: their names, how many partitions each has, and the settings that the promises rest on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

EVENTS: Final = "events"
READINGS: Final = "readings"
REJECTED: Final = "rejected"

#: ``LogAppendTime``: the fold knows "now" by the record's append time. ``retention.ms=-1``: the log is kept.
#: ``cleanup.policy=delete``: a compacted log would lose offsets. ``unclean.leader.election.enable=false`` and
#: ``min.insync.replicas`` are a cluster's business (docs: running past one machine).
KEPT_LOG: Final[Mapping[str, str]] = {
    "message.timestamp.type": "LogAppendTime",
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "compression.type": "producer",
}


class Topic(Struct, frozen=True):
    """A topic as it must be: partition counts never change in place, because keys would move."""

    name: str
    partitions: int
    settings: Mapping[str, str]


TOPICS: Final = (
    Topic(EVENTS, 8, KEPT_LOG),
    Topic(READINGS, 4, KEPT_LOG),
    Topic(REJECTED, 1, KEPT_LOG),
)
