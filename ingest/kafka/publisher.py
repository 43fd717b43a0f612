"""The publisher: records into Kafka with every delivery confirmed or reported, in bounded memory."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

from kafka import KafkaProducer
from kafka import errors as kafka_errors

from ingest.kafka.broker import BrokerAwayError, plain, quiet_library, refusal, security_settings, wait_for_port
from ingest.kafka.partitioner import Partitioner
from schemas.connections import KafkaConnection

#: What may wait for its confirmation at once. kafka-python's own buffer has no bound.
MAX_WAITING_RECORDS: Final = 10_000
MAX_WAITING_BYTES: Final = 32 << 20
#: How long a topic that the cluster does not list is asked for again.
_TOPIC_PATIENCE: Final = 3.0
_RESEND_PAUSE: Final = 0.2
#: Failures that sending again cannot mend.
_FINAL_ERRORS: Final = (
    kafka_errors.KafkaTimeoutError,
    kafka_errors.AuthorizationError,
    kafka_errors.MessageSizeTooLargeError,
    kafka_errors.RecordListTooLargeError,
    kafka_errors.InvalidTopicError,
    kafka_errors.IllegalStateError,
    kafka_errors.UnsupportedVersionError,
)

Delivered = Callable[[object, int, int], None]


class PublishError(Exception):
    """Kafka did not take everything; the message is one clear sentence.

    ``delivered`` records are confirmed, ``failed`` are not: each of these may or may not be in the log. To send
    them again is harmless, because the same fact has the same id.
    """

    def __init__(self, message: str, *, delivered: int = 0, failed: int = 0) -> None:
        super().__init__(message)
        self.delivered = delivered
        self.failed = failed


class _Waiting:
    """A record that is not confirmed yet; kept whole, so that it can be sent again."""

    __slots__ = ("deadline", "future", "key", "partition", "token", "topic", "value")

    def __init__(
        self, topic: str, partition: int, key: bytes, value: bytes, token: object, deadline: float, future: Any
    ) -> None:
        self.topic = topic
        self.partition = partition
        self.key = key
        self.value = value
        self.token = token
        self.deadline = deadline
        self.future = future


class Publisher:
    """Sends records to Kafka: idempotent, ``acks=all``, lz4, partitioned by key. Use it from one thread.

    ``publish`` returns at once unless too much is waiting. Confirmations are taken in the order of sending: when
    ``on_delivered(token, partition, offset)`` is called for a record, every record sent before it is confirmed,
    so the last token seen is a safe place to go on from. It is called inside ``publish``, ``settle``, ``flush``
    and ``close``. A record that the broker refused for a passing reason (a restart, a new leader) is sent again
    until ``timeout`` seconds after it was first sent; then :class:`PublishError` is raised, and nothing more is
    sent by this publisher.

    Raises (constructor): PublishError when no broker answers within ``connect_timeout`` seconds, or refuses us.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        timeout: float = 60.0,
        connect_timeout: float = 10.0,
        linger_ms: int = 20,
        batch_bytes: int = 128 << 10,
        max_waiting_records: int = MAX_WAITING_RECORDS,
        max_waiting_bytes: int = MAX_WAITING_BYTES,
        on_delivered: Delivered | None = None,
        client_id: str = "gospulse-publisher",
    ) -> None:
        self._connection = connection
        self._address = ", ".join(connection.bootstrap)
        self._timeout = timeout
        self._max_records = max_waiting_records
        self._max_bytes = max_waiting_bytes
        self._on_delivered = on_delivered
        self._partitioners: dict[str, tuple[str, Partitioner]] = {}
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._broken: PublishError | None = None
        self._closed = False
        self.delivered = 0
        quiet_library()
        try:
            wait_for_port(connection.bootstrap, connect_timeout)
        except BrokerAwayError as error:
            raise PublishError(str(error)) from error
        linger_ms = min(linger_ms, int(timeout * 250))
        try:
            self._producer = KafkaProducer(
                **security_settings(connection),
                bootstrap_servers=list(connection.bootstrap),
                client_id=client_id,
                acks="all",
                enable_idempotence=True,
                compression_type="lz4",
                linger_ms=linger_ms,
                batch_size=batch_bytes,
                bootstrap_timeout_ms=int(connect_timeout * 1000),
                delivery_timeout_ms=int(timeout * 1000),
                request_timeout_ms=max(1, min(10_000, int(timeout * 1000) - linger_ms - 1)),
                max_block_ms=int(min(timeout, _TOPIC_PATIENCE) * 1000),
                reconnect_backoff_max_ms=1_000,
                allow_auto_create_topics=False,
                metrics_enabled=False,
            )
        except (kafka_errors.KafkaError, OSError) as error:
            raise PublishError(refusal(self._address, error)) from error

    @property
    def waiting(self) -> int:
        """How many records are sent but not confirmed."""
        return len(self._waiting)

    def publish(self, topic: str, key: str, value: bytes, token: object = None) -> None:
        """Send one record to the topic that the contract calls ``topic`` (the connection's prefix is put before it).

        Blocks while too much is waiting for its confirmation.

        Raises:
            PublishError: this record cannot be sent, or an earlier one was not confirmed in time.
        """
        if self._broken is not None:
            raise self._broken
        if self._closed:
            raise PublishError("This publisher is closed.")
        name, partitioner = self._partitioners.get(topic) or self._look_up(topic)
        raw_key = key.encode()
        partition = partitioner(raw_key)
        waiting = self._waiting
        future = self._send(name, partition, raw_key, value)
        waiting.append(_Waiting(name, partition, raw_key, value, token, time.monotonic() + self._timeout, future))
        self._waiting_bytes += len(value)
        if len(waiting) > self._max_records or self._waiting_bytes > self._max_bytes:
            # Waiting for half of it leaves the sender enough to do, and wakes us seldom.
            self._take(self._max_records // 2, self._max_bytes // 2)

    def settle(self) -> None:
        """Take the confirmations that are there, without waiting.

        Raises:
            PublishError: a record was not confirmed in time.
        """
        self._take(self._max_records, self._max_bytes)

    def flush(self) -> None:
        """Wait until every record is confirmed.

        Raises:
            PublishError: one was not, within its time.
        """
        if self._broken is not None:
            raise self._broken
        self._take(0, 0)

    def close(self) -> None:
        """Flush and close. Safe to call twice.

        Raises:
            PublishError: a record was not confirmed in time (the connection is closed all the same).
        """
        if self._closed:
            return
        self._closed = True
        try:
            if self._broken is None:
                self._take(0, 0)
        finally:
            if self._waiting:
                # They are reported as failed. Without this the library's close would wait for them, then raise.
                self._producer._sender.force_close()
            self._producer.close(timeout=5)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
            return
        try:
            self.close()
        except PublishError:
            pass  # The error that is on its way says more.

    def _look_up(self, topic: str) -> tuple[str, Partitioner]:
        name = self._connection.topic(topic)
        try:
            partitions = self._producer.partitions_for(name)
        except kafka_errors.KafkaTimeoutError:
            # No answer in time: is it the topic that is missing, or the broker?
            try:
                wait_for_port(self._connection.bootstrap, 0)
            except BrokerAwayError as error:
                raise PublishError(str(error)) from error
            partitions = None
        except kafka_errors.KafkaError as error:
            raise PublishError(f"Topic {name} cannot be used: {plain(error)}.") from error
        if not partitions:
            raise PublishError(f"Topic {name} is not there at {self._address}: run `gospulse topics apply` first.")
        found = self._partitioners[topic] = (name, Partitioner(len(partitions)))
        return found

    def _send(self, topic: str, partition: int, key: bytes, value: bytes) -> Any:
        give_up = time.monotonic() + self._timeout
        while True:
            try:
                return self._producer.send(topic, value=value, key=key, partition=partition)
            except kafka_errors.KafkaTimeoutError as error:
                # The topic's metadata are gone for a moment, as while its broker restarts.
                if time.monotonic() > give_up:
                    raise self._fail(error) from error
            except kafka_errors.KafkaError as error:
                raise self._fail(error) from error

    def _take(self, max_records: int, max_bytes: int) -> None:
        """Take confirmations from the head; wait until at most so many records and bytes are left."""
        waiting = self._waiting
        on_delivered = self._on_delivered
        while waiting:
            head = waiting[0]
            future = head.future
            if not future.is_done:
                if len(waiting) <= max_records and self._waiting_bytes <= max_bytes:
                    return
                self._await(head)
                continue
            if future.exception is not None:
                self._send_again(head)
                continue
            waiting.popleft()
            self._waiting_bytes -= len(head.value)
            self.delivered += 1
            if on_delivered is not None:
                on_delivered(head.token, head.partition, future.value.offset)

    def _await(self, head: _Waiting) -> None:
        """Wait for ``head``; the library ends every future within the timeout, so twice that is a defect."""
        try:
            head.future.get(timeout=self._timeout * 2 + 5)
        except kafka_errors.KafkaTimeoutError as error:
            if not head.future.is_done:
                raise self._fail(error) from error
        except kafka_errors.KafkaError:
            pass  # The caller looks at the future again.

    def _send_again(self, head: _Waiting) -> None:
        """Send what failed for a passing reason again, all of it at once; raise where that cannot help."""
        error = head.future.exception
        if isinstance(error, _FINAL_ERRORS) or time.monotonic() > head.deadline:
            raise self._fail(error)
        # A pause, lest a broker that refuses at once is asked ten thousand times a second.
        time.sleep(_RESEND_PAUSE)
        for record in self._waiting:
            if record.future.is_done and record.future.exception is not None:
                record.future = self._send(record.topic, record.partition, record.key, record.value)

    def _fail(self, error: BaseException) -> PublishError:
        """Count what was confirmed behind the failure too, and stop this publisher."""
        later = sum(1 for record in self._waiting if record.future.is_done and record.future.exception is None)
        delivered = self.delivered + later
        failed = max(1, len(self._waiting) - later)
        sentence = f"Kafka at {self._address} did not confirm {failed:,} of {delivered + failed:,} records"
        if isinstance(error, kafka_errors.KafkaTimeoutError):
            sentence += f" within {self._timeout:g} s."
        else:
            sentence += f" ({plain(error)})."
        self._broken = PublishError(
            sentence,
            delivered=delivered,
            failed=failed,
        )
        return self._broken
