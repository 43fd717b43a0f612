"""Everything that a stack keeps and says, to be searched for what must not be there."""

from __future__ import annotations

import os
import urllib.request
from contextlib import suppress
from pathlib import Path

from kafka import KafkaConsumer, TopicPartition

from deploy.settings_sources import load
from schemas.contract.topics import TOPICS
from tests.servers.machine import Machine


def raw_records(stack: Machine) -> list[bytes]:
    """Key, value and headers of every record of every topic."""
    kafka = load(stack.environ, stack.folder).kafka
    consumer = KafkaConsumer(bootstrap_servers=list(kafka.bootstrap))
    parts = [
        TopicPartition(kafka.topic(topic.name), part)
        for topic in TOPICS
        for part in consumer.partitions_for_topic(kafka.topic(topic.name))
    ]
    consumer.assign(parts)
    consumer.seek_to_beginning(*parts)
    ends = consumer.end_offsets(parts)
    found = []
    while any(consumer.position(part) < ends[part] for part in parts):
        for records in consumer.poll(timeout_ms=500).values():
            found += [repr((record.key, record.headers)).encode() + (record.value or b"") for record in records]
    consumer.close()
    return found


def everything_stored(stack: Machine) -> str:
    """Every row of every table of ours as text, and the statements that the engine keeps."""
    tables = stack.query(
        "SELECT name FROM system.tables WHERE database = 'gospulse_data' AND engine LIKE '%MergeTree%'"
    )
    texts = []
    for (table,) in tables:
        rows = stack.query(f"SELECT formatRowNoNewline('JSONEachRow', *) FROM gospulse_data.{table}")
        texts += [str(row[0]) for row in rows]
    return "\n".join(texts)


def metrics(stack: Machine, process: str = "worker-1") -> str:
    """What a process tells Prometheus."""
    address = stack.processes()[process].address
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=60) as answer:
        return str(answer.read().decode())


def traces(stack: Machine) -> list[Path]:
    """Logs of every process, state of imports, lists of rejected rows."""
    found = [path for folder in ("logs", "imports", "run", "faust") for path in (stack.data / folder).rglob("*")]
    return [path for path in found if path.is_file()]


def raw_files(stack: Machine) -> dict[Path, bytes]:
    """Contents of every file of the data directory, Kafka's and ClickHouse's own included.

    Keys, secrets and passwords are left out. ClickHouse merges parts meanwhile: what a part held that is gone stands in
    a later one, so the folder is listed again until every file of a listing was read.
    """
    held: dict[Path, bytes] = {}
    while unread := _files(stack.data) - held.keys():
        for path in unread:
            with suppress(FileNotFoundError):
                held[path] = path.read_bytes()
    return held


def _files(data: Path) -> set[Path]:
    apart = {data / name for name in ("keys", "sources", "passwords")}
    paths = (Path(folder) / name for folder, _, names in os.walk(data) for name in names)
    return {path for path in paths if path.is_file() and not apart & set(path.parents)}
