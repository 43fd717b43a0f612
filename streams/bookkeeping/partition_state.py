"""The state of each partition, from Kafka, ClickHouse and the last heartbeat; and a sentence for each problem."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Final

from clickhouse_connect.driver.client import Client
from msgspec import Struct

from streams.bookkeeping.logs import recorded_logs, unregistered
from streams.bookkeeping.offsets import KafkaOffsets
from streams.positions import Partition, TopicPartition, listed

#: A worker sends a heartbeat of its partitions about once a second. A longer silence is a problem.
SILENCE_S: Final = 60.0


class PartitionState(Struct, frozen=True, kw_only=True):
    """One partition of a topic. Offsets are "next": exclusive ends."""

    topic: str
    part: int
    #: Number of the topic's log; None where it is not registered.
    log: int | None
    begin: int
    end: int
    #: The first offset of an unfinished transaction; None where there is none.
    unstable: int | None
    #: Every row up to it is written; None where no worker has said anything.
    folded: int | None
    #: Offsets between it (or the log's start) and the end.
    lag: int
    #: Seconds since the last heartbeat; None where there was none.
    heartbeat_age_s: float | None
    worker: str | None
    #: Why the partition is not folded, with the way out; None while it is.
    stopped: str | None

    @property
    def name(self) -> TopicPartition:
        """The partition as Kafka names it, without the connection's prefix."""
        return TopicPartition(self.topic, self.part)


class _Said(Struct, frozen=True):
    folded: int
    heartbeat: datetime
    worker: str
    stopped: str


def partition_states(
    client: Client, offsets: KafkaOffsets, generation: int, topics: Collection[str], now: datetime
) -> list[PartitionState]:
    """The state of every partition of ``topics`` (named without prefix) in a generation. ``now`` is UTC.

    A topic that the cluster does not have has no partitions; :func:`missing_topics` names it.
    """
    # ClickHouse first: records that are folded in between must not look like a negative lag.
    logs = recorded_logs(client)
    said = _said(client, generation)
    ids = offsets.topic_ids(topics)
    states = []
    for (topic, part), held in sorted(offsets.ranges(topics).items()):
        log = logs.get(ids.get(topic, ""))
        told = said.get(Partition(log, part)) if log is not None else None
        stopped = (told.stopped or None) if told is not None else None
        if log is None:
            # The name may have had another log: what its worker said last is of no use now.
            stopped = unregistered(topic, ids.get(topic), False)
        states.append(
            PartitionState(
                topic=topic,
                part=part,
                log=log,
                begin=held.begin,
                end=held.end,
                unstable=held.unstable,
                folded=None if told is None else told.folded,
                lag=max(0, held.end - (held.begin if told is None else told.folded)),
                heartbeat_age_s=None if told is None else max(0.0, (now - told.heartbeat).total_seconds()),
                worker=None if told is None else told.worker,
                stopped=stopped,
            )
        )
    return states


def missing_topics(states: Iterable[PartitionState], topics: Iterable[str]) -> list[str]:
    """A sentence for each topic that the cluster does not have."""
    found = {state.topic for state in states}
    return [unregistered(topic, None, False) for topic in topics if topic not in found]


def problems(states: Collection[PartitionState]) -> list[str]:
    """Why records are not counted, or why this could stay unnoticed: one sentence for each reason."""
    by_reason: dict[str, list[TopicPartition]] = {}
    for state in states:
        if state.stopped is not None:
            by_reason.setdefault(state.stopped, []).append(state.name)
    sentences = [f"Stopped {listed(names)}: {reason}" for reason, names in by_reason.items()]
    silent = [state for state in states if (state.heartbeat_age_s or 0.0) > SILENCE_S]
    if silent:
        longest = max(state.heartbeat_age_s or 0.0 for state in silent)
        sentences.append(
            f"No worker has said anything about {listed(state.name for state in silent)} for {longest:,.0f} s: nothing "
            "of it is counted. See the logs of the workers; `gospulse up` starts workers that died."
        )
    return sentences


def unheard(states: Iterable[PartitionState]) -> list[str]:
    """A sentence about partitions without a heartbeat yet. Soon after the start of a worker this is no problem."""
    names = [state.name for state in states if state.heartbeat_age_s is None and state.log is not None]
    if not names:
        return []
    return [
        f"No worker has said anything about {listed(names)} yet: it starts, or it waits for Kafka or ClickHouse. "
        "Its log says more."
    ]


def notes(states: Iterable[PartitionState]) -> list[str]:
    """Facts that explain a lag. They need no action."""
    return [
        f"{state.name}: {state.end - state.unstable:,} offsets wait behind an unfinished transaction at offset "
        f"{state.unstable:,}. They are counted when its producer ends it, or when Kafka aborts it."
        for state in states
        if state.unstable is not None
    ]


def _said(client: Client, generation: int) -> dict[Partition, _Said]:
    rows = client.query(
        "SELECT log, part, done, toUnixTimestamp64Milli(last.heartbeat), last.worker, last.stopped FROM "
        f"(SELECT log, part, max(folded) AS done, max(latest) AS last FROM gospulse_data.progress_g{generation} "
        "GROUP BY log, part)"
    ).result_rows
    return {
        Partition(int(log), int(part)): _Said(
            int(done), datetime.fromtimestamp(beat / 1000, UTC), str(worker), str(stopped)
        )
        for log, part, done, beat, worker, stopped in rows
    }
