"""Offsets as Kafka knows them: where each partition begins and ends, what a group committed, and changes of either."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from kafka import KafkaAdminClient
from kafka import TopicPartition as PrefixedPartition
from kafka.admin import OffsetSpec
from kafka.errors import (
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    KafkaError,
    NotCoordinatorError,
)
from kafka.protocol.consumer.offsets import IsolationLevel
from kafka.structs import OffsetAndMetadata
from msgspec import Struct

from schemas.connections import KafkaConnection
from streams.positions import TopicPartition


class KafkaUnavailableError(Exception):
    """Kafka did not answer, or answered with an error; the message names the request and the server."""


class PartitionRange(Struct, frozen=True):
    """The offsets that a partition holds: ``begin`` is the first one, ``end`` the next to be given.

    ``unstable`` is the first offset of an unfinished transaction; None where there is none.
    """

    begin: int
    end: int
    unstable: int | None = None

    @property
    def stable(self) -> int:
        """The offset up to which records can be read (last stable offset)."""
        return self.end if self.unstable is None else self.unstable


class KafkaOffsets:
    """An administrator's connection to one cluster; topics are named without the connection's prefix.

    Used as a context manager. Every method raises :class:`KafkaUnavailableError` with a clear sentence.
    """

    def __init__(self, connection: KafkaConnection, timeout_s: float = 10.0) -> None:
        self._connection = connection
        self._timeout_ms = int(timeout_s * 1000)
        options = connection.client_options()
        try:
            self._admin = KafkaAdminClient(
                **options,
                client_id="gospulse-offsets",
                bootstrap_timeout_ms=self._timeout_ms,
            )
        except (KafkaError, OSError) as error:
            if _listens(connection.bootstrap):
                # The library tries again after a wrong password until its time is up, and does not say why.
                raise KafkaUnavailableError(
                    f"Kafka at {', '.join(connection.bootstrap)} answers but did not let us in: check user, password, "
                    "GOSPULSE_KAFKA_SECURITY and GOSPULSE_KAFKA_SASL."
                ) from error
            raise self._unavailable("be reached", error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: type[BaseException] | None, _e: BaseException | None, _tb: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the connection."""
        self._admin.close()

    def topic_ids(self, topics: Iterable[str]) -> dict[str, str]:
        """The id (as ``str(uuid)``) of each of ``topics`` that exists."""
        described = self._describe(topics)
        return {name: str(topic["topic_id"]) for name, topic in described.items()}

    def ranges(self, topics: Iterable[str]) -> dict[TopicPartition, PartitionRange]:
        """What each partition of ``topics`` holds; topics that do not exist are left out."""
        partitions = [
            TopicPartition(name, int(partition["partition_index"]))
            for name, topic in self._describe(topics).items()
            for partition in topic["partitions"]
        ]
        # Begin before end: a log that is trimmed meanwhile must not look as if it ended before its start.
        begins = self._list(partitions, OffsetSpec.EARLIEST)
        # The last stable offset before the end: a transaction that ends in between must not look as if it lay beyond.
        stable = self._list(partitions, OffsetSpec.LATEST, IsolationLevel.READ_COMMITTED)
        ends = self._list(partitions, OffsetSpec.LATEST)
        return {
            partition: PartitionRange(begins[partition], ends[partition], _unstable(stable[partition], ends[partition]))
            for partition in partitions
        }

    def first_since(self, partitions: Iterable[TopicPartition], since_ms: int) -> dict[TopicPartition, int | None]:
        """The first offset of each partition that was appended at or after ``since_ms`` (UTC); None where none was."""
        found = self._list(list(partitions), since_ms)
        return {partition: offset if offset >= 0 else None for partition, offset in found.items()}

    def committed(self, group: str) -> dict[TopicPartition, int]:
        """The offsets that a group (full name) committed for our topics; empty where it has none."""
        listed = self._with_coordinator(
            lambda: self._admin.list_group_offsets({group: None}), f"say what the group {group} committed"
        )
        found = listed.get(group, {})
        prefix = self._connection.topic_prefix
        return {
            TopicPartition(key.topic.removeprefix(prefix), key.partition): int(value.offset)
            for key, value in found.items()
            if key.topic.startswith(prefix) and value.offset >= 0
        }

    def commit(self, group: str, offsets: Mapping[TopicPartition, int]) -> None:
        """Set the offsets of a group (full name) that has no members."""
        wanted = {self._prefixed(key): OffsetAndMetadata(offset, "", -1) for key, offset in offsets.items()}
        results = self._with_coordinator(
            lambda: self._admin.alter_group_offsets(group, wanted), f"set the offsets of the group {group}"
        )
        for key, result in results.items():
            if getattr(result, "errno", 0):
                raise KafkaUnavailableError(
                    f"Kafka did not set the offset of the group {group} in {key.topic}/{key.partition}: "
                    f"{result.__name__}. Stop the group's workers and try again."
                )

    def delete_before(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Delete the records below the given offset of each partition, for ever."""
        try:
            self._admin.delete_records({self._prefixed(key): offset for key, offset in offsets.items()})
        except KafkaError as error:
            raise self._unavailable("delete records", error) from error

    def _with_coordinator(self, ask: Callable[[], Mapping[Any, Any]], what: str) -> Mapping[Any, Any]:
        """Ask a group's coordinator. A fresh cluster has none until the topic of offsets is made, within a second."""
        deadline = time.monotonic() + self._timeout_ms / 1000
        while True:
            try:
                return ask()
            except (CoordinatorNotAvailableError, NotCoordinatorError, CoordinatorLoadInProgressError) as error:
                if time.monotonic() > deadline:
                    raise self._unavailable(what, error) from error
                time.sleep(0.2)
            except KafkaError as error:
                raise self._unavailable(what, error) from error

    def _prefixed(self, partition: TopicPartition) -> PrefixedPartition:
        return PrefixedPartition(self._connection.topic(partition.topic), partition.part)

    def _describe(self, topics: Iterable[str]) -> dict[str, Any]:
        names = {self._connection.topic(name): name for name in topics}
        try:
            described = self._admin.describe_topics(list(names))
        except KafkaError as error:
            raise self._unavailable("describe its topics", error) from error
        return {names[topic["name"]]: topic for topic in described if not topic.get("error_code")}

    def _list(
        self,
        partitions: list[TopicPartition],
        spec: OffsetSpec | int,
        isolation: IsolationLevel = IsolationLevel.READ_UNCOMMITTED,
    ) -> dict[TopicPartition, int]:
        if not partitions:
            return {}
        keys = {self._prefixed(partition): partition for partition in partitions}
        try:
            found = self._admin.list_partition_offsets(
                dict.fromkeys(keys, spec), isolation_level=isolation, timeout_ms=self._timeout_ms
            )
        except KafkaError as error:
            raise self._unavailable("list its offsets", error) from error
        return {keys[key]: int(value.offset) for key, value in found.items()}

    def _unavailable(self, what: str, error: Exception) -> KafkaUnavailableError:
        servers = ", ".join(self._connection.bootstrap)
        return KafkaUnavailableError(f"Kafka at {servers} could not {what}: {type(error).__name__}. Is it running?")


def _unstable(stable: int, end: int) -> int | None:
    """The first offset of an unfinished transaction; None where everything below the end can be read."""
    return stable if stable < end else None


def _listens(bootstrap: Iterable[str]) -> bool:
    """Whether one of the addresses accepts connections."""
    for address in bootstrap:
        host, _, port = address.rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=1.0):
                return True
        except (OSError, ValueError):
            continue
    return False
