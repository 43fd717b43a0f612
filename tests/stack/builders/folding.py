"""For tests of the worker: topics of their own, tables with small chunks, a log whose every record is known."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from clickhouse_connect.driver.client import Client
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from msgspec.structs import replace

from deploy import topics
from schemas.clickhouse.generations import FIRST, record_definition
from schemas.connections import ClickHouseConnection, KafkaConnection
from schemas.contract.events import APPEAL_KINDS, KINDS
from schemas.contract.topics import EVENTS
from streams.bookkeeping.offsets import KafkaOffsets
from streams.clients import connect
from streams.definition import current_definition, encode_definition
from streams.worker.config import WorkerConfig
from streams.worker.worker import Worker
from tests.servers.ports import free_port
from tests.streams.builders.plain_count import VOID, PlainCount
from tests.streams.builders.records import T0, event, hex32

ROOT = Path(__file__).resolve().parents[3]
HOST = "127.0.0.1"
PARTITIONS = 8
#: Small enough that some hundred records cross chunks and leave the window.
DEFINITION = replace(current_definition(FIRST), chunk=64, window_chunks=2)
PATIENCE_S = 120.0
_GOSPULSE = (sys.executable, "-P", "-m", "deploy.cli.main")


def small_chunks(connection: ClickHouseConnection) -> None:
    """The fresh tables of generation 1 hold small chunks."""
    client = connect(connection)
    record_definition(client, FIRST, encode_definition(DEFINITION))
    client.close()


class Folding:
    """Topics and a consumer group of a test's own, over tables that other tests use too under other log numbers."""

    def __init__(self, kafka: KafkaConnection, clickhouse: ClickHouseConnection, folder: Path) -> None:
        self.kafka = kafka
        self.clickhouse = clickhouse
        self.folder = folder
        self.client: Client = connect(clickhouse)
        topics.apply(kafka, 1)
        self.log = self.register()
        self.values: list[list[bytes]] = [[] for _ in range(PARTITIONS)]
        self._random = random.Random(kafka.topic_prefix)
        self._producer = KafkaProducer(bootstrap_servers=list(kafka.bootstrap), acks="all", linger_ms=5)
        self._names: list[int] = []
        self._next = 0

    def close(self) -> None:
        self._producer.close()
        self.client.close()

    def register(self) -> int:
        """What ``gospulse topics apply`` does with the ids; the number of the topic events."""
        return topics.register(self.client, topics.existing(self.kafka), datetime.now(UTC))[EVENTS]

    # The log.

    def publish(self, count: int, values: Sequence[bytes] | None = None) -> None:
        """Append ``count`` records: events of many kinds, near and far repeats, some that the contract rejects.

        ``values`` are records of the test's own instead, one after the other to all partitions in turn.
        """
        futures = []
        for key, value in [self._record() for _ in range(count)] if values is None else list(enumerate(values)):
            # The key comes from the source: a fact meets its copies in one partition.
            partition = key % PARTITIONS
            futures.append(self._producer.send(self.kafka.topic(EVENTS), value=value, partition=partition))
            self.values[partition].append(value)
        self._producer.flush(timeout=PATIENCE_S)
        for future in futures:
            future.get(timeout=PATIENCE_S)

    def transaction(self, part: int, count: int, *, commit: bool) -> None:
        """Append ``count`` records by a transaction: its marker takes an offset, and what is aborted does not count."""
        # Of their own: a fact of another partition would be the same fact.
        names = [(self.kafka.topic_prefix, "transaction", uuid.uuid4()) for _ in range(count)]
        records = [event(name, KINDS[at % len(KINDS)], page="vk:1") for at, name in enumerate(names)]
        with self.unfinished(part, records) as producer:
            if commit:
                producer.commit_transaction()
            else:
                producer.abort_transaction()
        self.values[part] += [*(records if commit else [VOID] * count), VOID]
        self._await_end(part, len(self.values[part]))

    def _await_end(self, part: int, end: int) -> None:
        """Wait for the marker: the coordinator writes it after it has answered the producer."""
        where = TopicPartition(self.kafka.topic(EVENTS), part)
        consumer = KafkaConsumer(bootstrap_servers=list(self.kafka.bootstrap), isolation_level="read_uncommitted")
        try:
            deadline = time.monotonic() + PATIENCE_S
            while consumer.end_offsets([where])[where] < end:
                assert time.monotonic() < deadline, f"the log of partition {part} does not reach {end}"
                time.sleep(0.01)
        finally:
            consumer.close()

    @contextmanager
    def unfinished(self, part: int, records: Sequence[bytes]) -> Iterator[KafkaProducer]:
        """A transaction that has written ``records`` to a partition and is neither committed nor aborted."""
        producer = KafkaProducer(
            bootstrap_servers=list(self.kafka.bootstrap), transactional_id=f"{self.kafka.topic_prefix}{uuid.uuid4()}"
        )
        try:
            producer.init_transactions()
            producer.begin_transaction()
            for value in records:
                producer.send(self.kafka.topic(EVENTS), value=value, partition=part)
            producer.flush(timeout=PATIENCE_S)
            yield producer
        finally:
            producer.close()

    def start_anew(self) -> list[list[bytes]]:
        """The topic was made anew: what follows repeats nothing of the former log, which is given back."""
        former, self.values, self._names = self.values, [[] for _ in range(PARTITIONS)], []
        return former

    def _record(self) -> tuple[int, bytes]:
        draw = self._random.random()
        if draw < 0.02:
            return self._random.randrange(PARTITIONS), b"not a record"
        if draw < 0.12 and self._names:
            name = self._names[-min(len(self._names), self._random.choice((1, 20, 3000)))]
        else:
            name, self._next = self._next, self._next + 1
            self._names.append(name)
        kind = KINDS[(name * 7) % len(KINDS)]
        return name, event(
            (self.kafka.topic_prefix, name),
            kind,
            at=T0 + name * 1000,
            page=f"vk:{name % 30}",
            author=hex32(("author", name % 100)),
            thread=hex32(("thread", name)),
            amount=1 if kind in APPEAL_KINDS else 1 + name % 3,
        )

    # What stands in the tables.

    def folded(self) -> int:
        """Records of the log that are acknowledged."""
        rows = self.client.query(
            f"SELECT sum(f) FROM (SELECT max(folded) AS f FROM gospulse_data.progress_g1 WHERE log = {self.log} "
            "GROUP BY part)"
        ).result_rows
        return int(rows[0][0])

    def published(self) -> int:
        return sum(len(values) for values in self.values)

    def committed(self) -> int:
        with KafkaOffsets(self.kafka) as offsets:
            found = offsets.committed(self.kafka.group(FIRST))
        return sum(offset for (topic, _), offset in found.items() if topic == EVENTS)

    def stopped(self) -> dict[int, str]:
        """Stopped partitions of the log, with the reason that their worker gave last."""
        rows = self.client.query(
            "SELECT part, max(latest) AS last, last.stopped FROM gospulse_data.progress_g1 "
            f"WHERE log = {self.log} GROUP BY part HAVING last.stopped != ''"
        ).result_rows
        return {int(part): str(reason) for part, _, reason in rows}

    def differences(self) -> list[str]:
        """What the tables say otherwise than a plain count of the log; empty where every cell is equal."""
        found = []
        for part, values in enumerate(self.values):
            plain = PlainCount(values, [T0 + 86_400_000] * len(values), DEFINITION)
            for what, stored, counted in (
                ("totals", self._totals(part), {key: n for key, n in plain.totals.items() if n}),
                ("appeals", self._facts("appeals", part), _offsets(plain, "appeals")),
                ("answers", self._facts("answers", part), _offsets(plain, "answers")),
                ("appeal_changes", self._facts("appeal_changes", part), _offsets(plain, "appeal_changes")),
                ("rejected", self._rejected(part), set(plain.rejected)),
            ):
                if stored != counted:
                    found.append(f"{part}: {what}: {_unlike(stored, counted)}")
        return found

    def _totals(self, part: int) -> dict[tuple[int, str, str, str], int]:
        kinds = ", ".join(f"sum({kind})" for kind in KINDS)
        inner = ", ".join(f"max({kind}) AS {kind}" for kind in KINDS)
        rows = self.client.query(
            f"SELECT h, page, place, {kinds} FROM "
            f"(SELECT intDiv(toUnixTimestamp(hour), 3600) AS h, page, place, {inner} "
            f"FROM gospulse_data.page_hour_g1 WHERE log = {self.log} AND part = {part} "
            "GROUP BY h, page, place, chunk) GROUP BY h, page, place"
        ).result_rows
        return {
            (int(hour), page, place, kind): int(count)
            for hour, page, place, *counts in rows
            for kind, count in zip(KINDS, counts, strict=True)
            if count
        }

    def _facts(self, table: str, part: int) -> dict[str, int]:
        key = "appeal" if table == "appeals" else "id"
        rows = self.client.query(
            f"SELECT {key}, min(first) AS f, f.off FROM gospulse_data.{table}_g1 GROUP BY {key} "
            f"HAVING f.log = {self.log} AND f.part = {part}"
        ).result_rows
        return {identity: int(off) for identity, _, off in rows}

    def _rejected(self, part: int) -> set[int]:
        rows = self.client.query(
            f"SELECT DISTINCT off FROM gospulse_data.rejected_g1 WHERE log = {self.log} AND part = {part}"
        ).result_rows
        return {int(off) for (off,) in rows}

    # Workers.

    def config(self, name: str = "inside", **changes: Any) -> WorkerConfig:
        plain = WorkerConfig(
            kafka=self.kafka,
            clickhouse=self.clickhouse,
            generation=FIRST,
            name=name,
            data=self.folder,
            web_port=free_port(),
            flush_interval_s=0.2,
            inserts_per_s=1000,
            session_timeout_s=2.0,
        )
        return replace(plain, **changes)

    @asynccontextmanager
    async def worker(self, name: str = "inside", **changes: Any) -> Any:
        """A worker in this process; it has ended cleanly when the block ends."""
        worker = Worker(self.config(name, **changes), DEFINITION)
        running = asyncio.ensure_future(worker.run())
        try:
            yield worker
        finally:
            worker.stop()
            assert await asyncio.wait_for(running, PATIENCE_S) == 0

    def spawn(self, name: str, *options: str, fsync: bool = False) -> subprocess.Popen[bytes]:
        """A worker as a process of its own, which may be killed; its log is ``<name>.log``."""
        command = [*_GOSPULSE, "worker", "--name", name, *options, "--web-port", str(free_port())]
        with (self.folder / f"{name}.log").open("ab") as output:
            return subprocess.Popen(command, cwd=self.folder, env=self._environ(fsync), stdout=output, stderr=output)

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command of ``gospulse`` to its end."""
        return subprocess.run(
            [*_GOSPULSE, *arguments],
            cwd=self.folder,
            env=self._environ(False),
            capture_output=True,
            text=True,
            timeout=2 * PATIENCE_S,
            check=False,
        )

    def _environ(self, fsync: bool) -> dict[str, str]:
        environ = {key: value for key, value in os.environ.items() if not key.startswith("GOSPULSE_")}
        environ |= {
            "PYTHONPATH": str(ROOT),
            "GOSPULSE_DATA": str(self.folder),
            "GOSPULSE_KAFKA": ",".join(self.kafka.bootstrap),
            "GOSPULSE_TOPIC_PREFIX": self.kafka.topic_prefix,
            "GOSPULSE_CLICKHOUSE": f"http://{self.clickhouse.host}:{self.clickhouse.port}",
            "GOSPULSE_CLICKHOUSE_PASSWORD": self.clickhouse.password.reveal(),
            "GOSPULSE_FLUSH_INTERVAL_S": "0.2",
            "GOSPULSE_INSERTS_PER_S": "1000",
            "GOSPULSE_SESSION_TIMEOUT_S": "2",
            # The tables of the tests do not sync: the machine does not lose power.
            "GOSPULSE_FSYNC": str(fsync).lower(),
        }
        return environ

    def said(self, name: str) -> str:
        """The log of a spawned worker."""
        with suppress(FileNotFoundError):
            return (self.folder / f"{name}.log").read_text()
        return ""


def until(condition: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait until a condition holds; a failure says what was waited for."""
    end = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < end, f"waited {patience_s:g} s for: {what}"
        time.sleep(0.1)


async def soon(condition: Callable[[], object], what: str, patience_s: float = PATIENCE_S) -> None:
    """The same beside a worker in this process; the condition runs in a thread."""
    await asyncio.to_thread(until, condition, what, patience_s)


def ended(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Make sure that spawned workers are gone."""
    for process in processes:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        process.wait(10)


def _offsets(plain: PlainCount, table: str) -> dict[str, int]:
    return {key: offset for key, (offset, _) in plain.facts[table].items()}


def _unlike(stored: Any, counted: Any) -> str:
    if isinstance(stored, set):
        return f"{len(stored)} stored, {len(counted)} counted, {sorted(stored ^ counted)[:3]}"
    unlike = [key for key in {*stored, *counted} if stored.get(key) != counted.get(key)]
    return f"{len(unlike)} differ, such as {[(key, stored.get(key), counted.get(key)) for key in unlike[:2]]}"
