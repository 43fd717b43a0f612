"""Positions in the log: a partition of a log, a record in it, and a partition as Kafka names it."""

from __future__ import annotations

from collections.abc import Iterable
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


def listed(partitions: Iterable[TopicPartition]) -> str:
    """Partitions as a person reads them: ``events 0-3 7, readings 0``."""
    by_topic: dict[str, list[int]] = {}
    for topic, part in partitions:
        by_topic.setdefault(topic, []).append(part)
    return ", ".join(f"{topic} {_ranges(sorted(parts))}" for topic, parts in sorted(by_topic.items()))


def _ranges(numbers: list[int]) -> str:
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return " ".join(str(low) if low == high else f"{low}-{high}" for low, high in runs)
