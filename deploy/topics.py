"""Topics on the cluster: created with explicit settings, then compared, never changed.

A topic is known by its id (KIP-516): a topic that was deleted and created again is another log. The table
``gospulse_data.logs`` gives each id a number, with which positions in tables begin.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final

from clickhouse_connect.driver.client import Client
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource
from kafka.errors import KafkaError
from msgspec import Struct

from ingest.kafka.broker import BrokerAwayError, plain, quiet_library, refusal, wait_for_port
from schemas.connections import KafkaConnection
from schemas.contract.topics import TOPICS, Topic
from streams.bookkeeping.logs import recorded_logs

LOGS: Final = "gospulse_data.logs"
_TIMEOUT_MS: Final = 15_000


class TopicsError(Exception):
    """Kafka does not answer or rejects a request, or the record of logs contradicts itself. One sentence."""


class Difference(Struct, frozen=True):
    """A setting of a topic that differs: the wanted and the found value."""

    topic: str
    setting: str
    wanted: str
    found: str


class Existing(Struct, frozen=True):
    """A topic of the cluster: the id that the broker gave it (``str(uuid)``), and how many partitions it has."""

    id: str
    partitions: int


class Outcome(Struct, frozen=True):
    """The result of ``apply``: names of new topics (without prefix), and differences of the others."""

    created: tuple[str, ...]
    differences: tuple[Difference, ...]


def apply(
    connection: KafkaConnection,
    replication_factor: int,
    wanted_topics: Sequence[Topic] = TOPICS,
    patience_s: float = 10.0,
    *,
    cluster: str | None = None,
) -> Outcome:
    """Makes the topics that do not exist, and compares the others.

    Raises TopicsError, also when ``cluster`` is given and another cluster answers: its topics are other logs.
    """
    with _admin(connection, patience_s) as admin:
        if cluster is not None and (found := admin.describe_cluster()["cluster_id"]) != cluster:
            raise TopicsError(
                f"Kafka at {', '.join(connection.bootstrap)} is the cluster {found}, and this data directory has the"
                f" cluster {cluster}: another broker has its port. Run `gospulse up`."
            )
        existing = _described(admin, connection)
        missing = [topic for topic in wanted_topics if topic.name not in existing]
        if missing:
            wanted = {
                connection.topic(topic.name): {
                    "num_partitions": topic.partitions,
                    "replication_factor": replication_factor,
                    "configs": dict(topic.settings),
                }
                for topic in missing
            }
            admin.create_topics(wanted, timeout_ms=_TIMEOUT_MS, wait_for_metadata=True)
            existing = _described(admin, connection)
        settings = _settings(admin, connection, existing)
    differences = [
        difference
        for topic in wanted_topics
        if topic.name in existing
        for difference in compare(topic, replication_factor, existing[topic.name], settings[topic.name])
    ]
    return Outcome(created=tuple(topic.name for topic in missing), differences=tuple(differences))


def compare(
    topic: Topic, replication_factor: int, described: Mapping[str, Any], settings: Mapping[str, str]
) -> list[Difference]:
    """Differences of a topic: partitions, replication factor, settings."""
    partitions = described["partitions"]
    pairs = [("partitions", str(topic.partitions), str(len(partitions)))]
    copies = sorted({len(partition["replica_nodes"]) for partition in partitions})
    pairs.append(("replication factor", str(replication_factor), ", ".join(map(str, copies))))
    pairs += [(name, value, settings.get(name, "")) for name, value in topic.settings.items()]
    return [Difference(topic.name, name, wanted, found) for name, wanted, found in pairs if wanted != found]


def existing(connection: KafkaConnection, patience_s: float = 10.0) -> dict[str, Existing]:
    """The topics that exist, by name without prefix. Raises TopicsError."""
    with _admin(connection, patience_s) as admin:
        return {
            name: Existing(str(topic["topic_id"]), len(topic["partitions"]))
            for name, topic in _described(admin, connection).items()
        }


def register(client: Client, found: Mapping[str, Existing], now: datetime) -> dict[str, int]:
    """Record the ids that are new with the next numbers; return the number of each topic by name.

    ``now`` is UTC. Raises TopicsError when two ids have one number: two people did this at the same moment, and
    neither number may be used.
    """
    known = recorded_logs(client)
    following = itertools.count(max(known.values(), default=0) + 1)
    recorded = {
        (str(topic_id), int(partitions))
        for topic_id, partitions in client.query(
            f"SELECT topic_id, max(partitions) FROM {LOGS} GROUP BY topic_id"
        ).result_rows
    }
    rows = [
        [topic.id, name, known.get(topic.id) or next(following), topic.partitions, now]
        for name, topic in found.items()
        if (topic.id, topic.partitions) not in recorded
    ]
    if rows:
        client.insert(
            LOGS,
            rows,
            column_names=["topic_id", "topic", "log", "partitions", "registered_at"],
            settings={"async_insert": 0, "wait_end_of_query": 1},
        )
        known = recorded_logs(client)
    if len(set(known.values())) < len(known):
        raise TopicsError(
            f"{LOGS} gives one number to two topics: it was written by two at once; mend it before going on"
        )
    return {name: known[topic.id] for name, topic in found.items()}


@contextmanager
def _admin(connection: KafkaConnection, patience_s: float) -> Iterator[Any]:
    quiet_library()
    place = ", ".join(connection.bootstrap)
    options = connection.client_options()
    try:
        wait_for_port(connection.bootstrap, patience_s)
        admin = KafkaAdminClient(
            **options,
            client_id="gospulse-topics",
            bootstrap_timeout_ms=_TIMEOUT_MS,
            request_timeout_ms=_TIMEOUT_MS,
        )
    except BrokerAwayError as error:
        raise TopicsError(str(error)) from error
    except (KafkaError, OSError) as error:
        raise TopicsError(refusal(place, error)) from error
    try:
        yield admin
    except KafkaError as error:
        raise TopicsError(f"Kafka at {place}: {plain(error)}") from error
    finally:
        admin.close()


def _described(admin: Any, connection: KafkaConnection) -> dict[str, Mapping[str, Any]]:
    names = {connection.topic(topic.name): topic.name for topic in TOPICS}
    described = admin.describe_topics(list(names))
    return {names[topic["name"]]: topic for topic in described if not topic["error_code"]}


def _settings(admin: Any, connection: KafkaConnection, topics: Mapping[str, object]) -> dict[str, dict[str, str]]:
    resources = [ConfigResource("TOPIC", connection.topic(name)) for name in topics]
    found = admin.describe_configs(resources, config_filter="all")["topic"]
    return {
        name: {key: str(config["value"]) for key, config in found[connection.topic(name)].items()} for name in topics
    }
