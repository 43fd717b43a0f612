"""Positions in the log: a partition of a log, a record in it, and a partition as Kafka names it."""

from __future__ import annotations

from typing import NamedTuple


class Partition(NamedTuple):
    """A partition of a log: the recorded number of the log and the number of the partition."""

    log: int
    part: int


class Position(NamedTuple):
    """A record in the log. Its text is ``log:partition:offset``, as commands take it."""

    log: int
    part: int
    off: int

    def __str__(self) -> str:
        return f"{self.log}:{self.part}:{self.off}"


class TopicPartition(NamedTuple):
    """A partition as Kafka names it; ``topic`` is named without the connection's prefix."""

    topic: str
    part: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.part}"
