"""A log with everything in it, and its rows in ClickHouse as workers would have written them: what verifiers check."""

from __future__ import annotations

import copy
import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from clickhouse_connect.driver.client import Client
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from msgspec.structs import replace

from deploy import topics as topic_ids
from schemas.clickhouse.migrate import create_generation
from schemas.clickhouse.sql_files import Rendering
from schemas.connections import KafkaConnection
from schemas.contract import topics
from schemas.contract.events import ACTIVE_KINDS, APPEAL_KINDS, KINDS, POST_KINDS, Event, encode_event
from schemas.contract.readings import Metric, Reading, encode_reading
from schemas.contract.rejections import Rejection, encode_rejection
from streams.bookkeeping.progress import Progress, progress_frame
from streams.definition import Definition, current_definition, encode_definition
from streams.fold.batch import Batch
from streams.fold.events import EventFold
from streams.fold.partition_fold import PartitionFold
from streams.fold.readings import ReadingFold
from streams.fold.rejections import RejectionFold
from streams.fold.rows import Rows
from streams.worker.inserts import inserts
from streams.worker.sink import DURABLE

#: 2026-10-01T09:00:00Z.
START_MS = 1_790_845_200_000
PARTITIONS = {topics.EVENTS: 2, topics.READINGS: 1, topics.REJECTED: 1}
_FOLDS: Mapping[str, type[PartitionFold]] = {
    topics.EVENTS: EventFold,
    topics.READINGS: ReadingFold,
    topics.REJECTED: RejectionFold,
}
_PLACES = ("75701000", "98701000", "98646000", "la:cd-4", "00000000")


class FoldedLog:
    """Topics of one prefix, and one generation's tables folded from them; offsets of ``fold`` are next offsets."""

    def __init__(
        self,
        kafka: KafkaConnection,
        client: Client,
        generation: int,
        read: dict[tuple[str, int, int], Batch] | None = None,
        **definition: object,
    ) -> None:
        """``definition`` replaces fields of today's, such as ``chunk=64``; ``read`` is what was read of it already."""
        self.kafka = kafka
        self.client = client
        self._read = {} if read is None else read
        fields = {"chunk": 64, "window_chunks": 2} | definition
        #: Where it was decided that a partition goes on, by (topic, part).
        self.floors: dict[tuple[str, int], int] = {}
        self.definition = _replaced(current_definition(generation), fields)
        admin = KafkaAdminClient(bootstrap_servers=list(kafka.bootstrap))
        existing = set(admin.list_topics())
        wanted = {
            kafka.topic(name): {
                "num_partitions": number,
                "replication_factor": 1,
                "configs": {"message.timestamp.type": "LogAppendTime"},
            }
            for name, number in PARTITIONS.items()
            if kafka.topic(name) not in existing
        }
        if wanted:
            admin.create_topics(wanted, wait_for_metadata=True)
        admin.close()
        self.logs = topic_ids.register(client, topic_ids.existing(kafka), datetime.now(UTC))
        create_generation(client, generation, encode_definition(self.definition), Rendering())

    def under(self, definition: Definition) -> FoldedLog:
        """The same log, folded by the definition of a generation that exists already."""
        other = copy.copy(self)
        other.definition = definition
        return other

    def without(self, topic: str, part: int, offsets: range) -> FoldedLog:
        """The same log to a worker that never sees what these offsets hold, but repeats, which its window drops."""
        other = copy.copy(self)
        whole = self.batch(topic, part)
        repeat = next(value for value in whole.values if value is not None and value.startswith(b'{"v":1'))
        values = [repeat if whole.first_offset + n in offsets else value for n, value in enumerate(whole.values)]
        other._read = self._read | {(topic, part, whole.first_offset): replace(whole, values=values)}
        return other

    @property
    def generation(self) -> int:
        """Number of the generation that is folded."""
        return self.definition.generation

    def send(self, topic: str, part: int, values: Sequence[bytes | None]) -> None:
        """Append records to a partition."""
        producer = KafkaProducer(bootstrap_servers=list(self.kafka.bootstrap), linger_ms=5)
        sent = [producer.send(self.kafka.topic(topic), value=value, key=b"k", partition=part) for value in values]
        producer.flush()
        for future in sent:
            future.get(timeout=60)
        producer.close()
        self.read_again()

    def read_again(self) -> None:
        """Somebody else has written to the topics."""
        self._read.clear()

    def batch(self, topic: str, part: int, start: int = 0) -> Batch:
        """Everything that a partition holds from ``start`` on, read once after each ``send``."""
        known = self._read.get((topic, part, start))
        if known is None:
            known = self._read[topic, part, start] = self._consumed(topic, part, start)
        return known

    def _consumed(self, topic: str, part: int, start: int) -> Batch:
        where = TopicPartition(self.kafka.topic(topic), part)
        consumer = KafkaConsumer(bootstrap_servers=list(self.kafka.bootstrap), enable_auto_commit=False)
        consumer.assign([where])
        end = consumer.end_offsets([where])[where]
        batch = Batch(start, [], [])
        consumer.seek(where, start)
        while batch.next_offset < end:
            for record in consumer.poll(timeout_ms=500).get(where, []):
                batch.values.append(record.value)
                batch.appended.append(record.timestamp)
        consumer.close()
        return batch

    def fold(self, ends: Mapping[tuple[str, int], int] | None = None, *, tell: bool = True) -> None:
        """Fold every partition from its start (or its cut) to ``ends`` (default: its end) and write the rows.

        Without ``tell`` the rows are written and progress is not, as by a worker that dies in between.
        """
        written: list[Rows] = []
        progress: list[Progress] = []
        for topic, number in PARTITIONS.items():
            for part in range(number):
                end = (ends or {}).get((topic, part))
                rows, next_offset, high = self._folded(topic, part, end)
                written += rows
                log = self.logs[topic]
                progress.append(
                    Progress(
                        log=log,
                        part=part,
                        folded=next_offset,
                        complete=START_MS,
                        heartbeat=START_MS,
                        end=high,
                        worker="w",
                    )
                )
        self.write(Rows.merge(written))
        if tell:
            self._insert("progress", progress_frame(progress))

    def write(self, rows: Rows) -> None:
        """Insert rows into the generation's tables."""
        for table, frame in rows.tables.items():
            self._insert(table, frame)

    def _folded(self, topic: str, part: int, end: int | None) -> tuple[list[Rows], int, int]:
        log = self.logs[topic]
        floor = self.floors.get((topic, part), 0)
        start = max(self.definition.cut_of(log, part), floor)
        fold = _FOLDS[topic](log, part, start, self.definition, floor=floor)
        whole = self.batch(topic, part, fold.window_from)
        if fold.window_from < start:
            fold.warm(whole)
        bounded = whole.between(start, end)
        rows = []
        if bounded is not None:
            fold.fold(bounded)
            flushed = fold.flush()
            rows = [flushed] if flushed is not None else []
        return rows, fold.next_offset, whole.next_offset

    def _insert(self, table: str, frame: object) -> None:
        for insert in inserts(table, frame, self.generation):  # type: ignore[arg-type]
            self.client.command(insert.statement, data=insert.body, settings=DURABLE)


def _replaced(definition: Definition, fields: Mapping[str, object]) -> Definition:
    return replace(definition, **fields)


def some_events(rng: random.Random, number: int) -> list[bytes]:
    """Events of every kind with repeats near and far, some with another place, and records that are no events."""
    made: list[Event] = []
    values: list[bytes] = []
    for step in range(number):
        choice = rng.random()
        if choice < 0.03:
            values.append(rng.choice([b"", b"{}", b"not json", b'{"v": 2}', b"\xff\xfe"]))
            continue
        if choice < 0.15 and made:
            distance = rng.choice([1, 5, 50, 150, 400])
            again = made[max(0, len(made) - distance)]
            if rng.random() < 0.3:
                again = _moved(again, rng.choice(_PLACES))
            values.append(encode_event(again))
            continue
        event = _event(rng, step)
        made.append(event)
        values.append(encode_event(event))
    return values


def _event(rng: random.Random, step: int) -> Event:
    kind = rng.choice(KINDS) if rng.random() < 0.5 else rng.choice(sorted(ACTIVE_KINDS))
    is_appeal, is_post = kind in APPEAL_KINDS, kind in POST_KINDS
    return Event(
        v=1,
        id=_hex(rng),
        kind=kind,  # type: ignore[arg-type]
        at=START_MS + step * 20_000 + rng.randrange(-7_200_000, 1),
        source="vk-callback" if step % 3 else "import:test",
        load=None if step % 3 else f"load-{step % 2}",
        place=rng.choice(_PLACES),
        channel="vk",
        entrance="public_page",
        page=rng.choice(["vk:4" if is_post else None, "vk:1", "vk:2", "ok:3"]),
        topic=rng.choice([None, "housing.heating"]),
        appeal=_hex(rng) if is_appeal else None,
        thread=_hex(rng) if is_appeal and rng.random() < 0.5 else None,
        message=f"{step:032x}" if kind == "appeal_received" else None,
        author=f"{rng.randrange(300):016x}" + "0" * 16 if rng.random() < 0.8 else None,
        responder="page: Ц" if kind == "appeal_answered" else None,
        urgent=rng.random() < 0.1,
        object=f"post-{step}" if is_post else None,
        format="photo" if kind == "post_published" else None,
        rating=1 + step % 5 if kind == "appeal_rated" else None,
        amount=1 if is_appeal or is_post else rng.randrange(1, 50),
    )


def some_readings(rng: random.Random, number: int) -> list[bytes]:
    """Observations of few pages and totals, so that most replace an earlier one, and records that are no readings."""
    values = []
    for step in range(number):
        if rng.random() < 0.05:
            values.append(b'{"v": 1, "metric": "nothing"}')
            continue
        day = START_MS // 86_400_000 * 86_400_000
        number = rng.randrange(5)
        metrics: tuple[Metric, ...] = ("subscribers", "views", "appeals")
        metric = rng.choice(metrics)
        total = metric == "appeals"
        reading = Reading(
            v=1,
            id=_hex(rng),
            object=f"total/{number}" if total else f"vk:{number}",
            metric=metric,
            value=rng.randrange(1_000_000),
            period_from=day,
            period_to=day + 86_400_000,
            observed_at=START_MS + rng.randrange(10) * 1000,
            source="vk-stats",
            load=f"load-{step % 2}",
            place=_PLACES[number] if total else rng.choice(_PLACES),
            page=None if total or number == 4 else f"vk:{number}",
            channel="monitoring" if total else None,
            entrance=("public_page", "social_other")[number % 2] if total else None,
        )
        values.append(encode_reading(reading))
    return values


def some_rejections(number: int) -> list[bytes]:
    """Reports of ingest, and one record that is none."""
    reports = [
        encode_rejection(
            Rejection(v=1, at=START_MS, source="vk-callback", field="text", reason="Too long.", origin=f"line {line}")
        )
        for line in range(number)
    ]
    return [*reports, b"no report"]


def _moved(event: Event, place: str) -> Event:
    return replace(event, place=place)


def _hex(rng: random.Random) -> str:
    return f"{rng.getrandbits(128):032x}"
