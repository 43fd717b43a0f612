"""The starter: decides for each assigned partition where its fold starts, or says why the partition must stop.

It runs beside the folds: after every rebalance, after a fold was discarded, and every two seconds for stopped
partitions and for topics that were created again. An outage of Kafka or ClickHouse delays it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Final

from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from faust.types import TP
from msgspec import Struct

from schemas.contract.topics import EVENTS, READINGS, REJECTED
from streams.bookkeeping.decisions import Allowed, allowed
from streams.bookkeeping.logs import recorded_logs, unregistered
from streams.bookkeeping.offsets import KafkaOffsets, KafkaUnavailableError, PartitionRange
from streams.bookkeeping.progress import folded_offsets
from streams.definition import Definition
from streams.fold.events import EventFold
from streams.fold.partition_fold import PartitionFold
from streams.fold.readings import ReadingFold
from streams.fold.rejections import RejectionFold
from streams.positions import Partition, TopicPartition
from streams.worker.broker import Broker
from streams.worker.config import WorkerConfig
from streams.worker.metrics import Metrics
from streams.worker.owned_partition import LogEnd, OwnedPartition, State
from streams.worker.ownership import Ownership, describe
from streams.worker.sink import Sink
from streams.worker.start_rule import Known, Start, Stop, decide_start

log = logging.getLogger(__name__)

FOLDS: Final[Mapping[str, type[PartitionFold]]] = {EVENTS: EventFold, READINGS: ReadingFold, REJECTED: RejectionFold}
#: How often a stopped partition is looked at again.
RECHECK_S: Final = 2.0
RETRY_S: Final = 0.5


class KafkaFacts(Struct, frozen=True):
    """From the broker: topic ids by topic, ranges and commits by partition, and the time of the request (ms UTC)."""

    asked_at: int
    ids: dict[str, str]
    ranges: dict[TopicPartition, PartitionRange]
    committed: dict[TopicPartition, int]


class Records(Struct, frozen=True):
    """From ClickHouse: log numbers by topic id, progress and decisions by partition."""

    logs: dict[str, int]
    folded: dict[Partition, int]
    allowed: dict[Partition, Allowed]


class Starter:
    """Starts the partitions of an :class:`Ownership`."""

    def __init__(
        self,
        config: WorkerConfig,
        definition: Definition,
        ownership: Ownership,
        broker: Broker,
        sink: Sink,
        metrics: Metrics,
    ) -> None:
        self._config = config
        self._definition = definition
        self._ownership = ownership
        self._broker = broker
        self._sink = sink
        self._metrics = metrics
        self._group = config.kafka.group(config.generation)
        self._sink_answers = True

    async def run(self) -> None:
        """Start waiting partitions, for ever."""
        waiting = self._ownership.waiting
        while True:
            try:
                await asyncio.wait_for(waiting.wait(), RECHECK_S)
            except TimeoutError:
                pass
            waiting.clear()
            try:
                if await self.start_all():
                    continue
            except Exception:
                log.exception("Partitions could not be started; trying again.")
            await asyncio.sleep(RETRY_S)
            waiting.set()

    async def start_all(self) -> bool:
        """Try to start every partition that is not folding; False if it must be tried again soon."""
        found = {tp: p for tp, p in self._ownership.partitions.items() if p.state in (State.STARTING, State.STOPPED)}
        try:
            if not found:
                await self._watch()
                return True
            kafka = await self._broker.ask(self._ask_kafka)
            done = await self._go_on({tp: p for tp, p in found.items() if p.fold is not None}, kafka)
            new = {tp: p for tp, p in found.items() if p.fold is None}
            return await self._begin(new, kafka, await self._sink.ask(self._ask_clickhouse)) and done if new else done
        except KafkaUnavailableError:
            return False
        except (ClickHouseError, OSError) as error:
            if self._sink_answers:
                log.warning("ClickHouse does not say where to start (%s); asking again.", _first_line(error))
            self._sink_answers = False
            return False

    async def _watch(self) -> None:
        """Notice a topic that was created again and has no records yet."""
        ids = await self._broker.ask(lambda offsets: offsets.topic_ids(FOLDS))
        owned = list(self._ownership.partitions.values())
        self._ownership.discard(
            [partition for partition in owned if partition.topic_id != ids.get(partition.topic)],
            "its topic was deleted or created again",
        )

    def _ask_kafka(self, offsets: KafkaOffsets) -> KafkaFacts:
        asked_at = int(time.time() * 1000)
        ids = offsets.topic_ids(FOLDS)
        return KafkaFacts(asked_at, ids, offsets.ranges(ids), offsets.committed(self._group))

    def _ask_clickhouse(self, client: Client) -> Records:
        generation = self._config.generation
        return Records(recorded_logs(client), folded_offsets(client, generation), allowed(client, generation))

    async def _go_on(self, kept: Mapping[TP, OwnedPartition], kafka: KafkaFacts) -> bool:
        """Continue kept partitions after a rebalance, unless another worker had them in between."""
        targets = {}
        for tp, partition in kept.items():
            if partition.state is not State.STARTING or partition.fold is None:
                continue
            committed = kafka.committed.get(partition.kafka)
            if kafka.ids.get(partition.topic) != partition.topic_id or (committed or 0) > partition.acknowledged:
                partition.restart()
                self._ownership.waiting.set()
                continue
            partition.state = State.FOLDING
            targets[tp] = (partition.rewind(), partition.epoch)
        return await self._ownership.seek(targets) if targets else True

    async def _begin(self, new: Mapping[TP, OwnedPartition], kafka: KafkaFacts, records: Records) -> bool:
        if not self._sink_answers:
            log.info("ClickHouse answers again.")
        self._sink_answers = True
        targets = {}
        begun: list[OwnedPartition] = []
        stopped: dict[str, list[OwnedPartition]] = {}
        replayed = 0
        for tp, partition in new.items():
            if self._ownership.partitions.get(tp) is not partition or partition.fold is not None:
                continue
            start = self._start_of(partition, kafka, records)
            if isinstance(start, Stop):
                if partition.reason != start.reason:
                    stopped.setdefault(start.reason, []).append(partition)
                partition.stop(start.reason, partition.hold)
                continue
            targets[tp] = (partition.begin(self._fold(partition, start), start), partition.epoch)
            begun.append(partition)
            replayed += start.acknowledged - start.read_from
            self._metrics.add("replayed_total", start.acknowledged - start.read_from, partition.topic)
        for reason, partitions in stopped.items():
            log.error("Stopped %s: %s", describe(partitions), reason)
        if not targets:
            return True
        log.info("Folding %s; %d records are read again, %d are new.", describe(begun), replayed, _new(begun))
        return await self._ownership.seek(targets)

    def _start_of(self, partition: OwnedPartition, kafka: KafkaFacts, records: Records) -> Start | Stop:
        topic_id = kafka.ids.get(partition.topic)
        number = records.logs.get(topic_id or "")
        held = kafka.ranges.get(partition.kafka)
        if topic_id is None or number is None or held is None:
            known_before = partition.topic_id is not None and partition.topic_id != topic_id
            return Stop(unregistered(self._config.kafka.topic(partition.topic), topic_id, known_before))
        of_log = Partition(number, partition.part)
        decided = records.allowed.get(of_log, Allowed())
        if partition.topic_id == topic_id and _still_held(partition, decided):
            return Stop(partition.reason)
        known = Known(
            log=number,
            part=partition.part,
            committed=kafka.committed.get(partition.kafka),
            folded=records.folded.get(of_log),
            log_start=held.begin,
            log_end=held.end,
            cut=self._definition.cut_of(number, partition.part),
            resume_from=decided.resume_from,
        )
        if partition.log != number:
            partition.adopt(number, topic_id)
        partition.end = LogEnd(held.end, held.stable, kafka.asked_at)
        partition.committed = known.committed
        partition.accept_gaps_until = decided.accept_gaps_until
        partition.accept_rejections_until = decided.accept_rejections_until
        window = self._definition.window_chunks if partition.topic == EVENTS else 0
        return decide_start(known, chunk=self._definition.chunk, window_chunks=window)

    def _fold(self, partition: OwnedPartition, start: Start) -> PartitionFold:
        assert partition.log is not None
        return FOLDS[partition.topic](
            partition.log, partition.part, start.fold_from, self._definition, floor=start.floor
        )


def _still_held(partition: OwnedPartition, decided: Allowed) -> bool:
    """Whether a stopped partition still waits for a decision of the operator."""
    hold = partition.hold
    if hold is None:
        return False
    resumed = decided.resume_from is not None and decided.resume_from > hold.offset
    without = hold.kind == "missing" and decided.accept_gaps_until > hold.offset
    accepted = hold.kind == "rejections" and decided.accept_rejections_until >= hold.offset
    return not (resumed or without or accepted)


def _new(partitions: Sequence[OwnedPartition]) -> int:
    return sum(max(0, partition.end.end - partition.acknowledged) for partition in partitions)


def _first_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
