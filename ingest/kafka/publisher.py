"""The publisher: records of a file or a simulation to Kafka, in order, with bounded memory, from plain code."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from functools import partial
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from aiokafka import errors as kafka_errors

from ingest.kafka.broker import BrokerAwayError, not_let_in, wait_for_port
from ingest.kafka.outgoing import Outgoing
from ingest.kafka.producer import MAX_RECORD_BYTES, DeliveryError, MissingTopicError, Producer, reason
from schemas.connections import KafkaConnection

#: Records that may wait for their acknowledgement at once. The producer's own buffer has no bound.
MAX_WAITING_RECORDS: Final = 10_000
MAX_WAITING_BYTES: Final = 32 << 20
#: Longer than any delivery can take: beyond it the producer's thread is broken.
_GRACE_S: Final = 10.0

Delivered = Callable[[object, int, int], None]
Result = TypeVar("Result")


class PublishError(Exception):
    """Kafka did not take everything; the message is one clear sentence.

    ``delivered`` records are acknowledged, ``failed`` are not: each of these may or may not be in the log. To send
    them again is harmless, because the same fact has the same id.
    """

    def __init__(self, message: str, *, delivered: int = 0, failed: int = 0) -> None:
        super().__init__(message)
        self.delivered = delivered
        self.failed = failed


class _Waiting:
    """A record that is not acknowledged yet. The producer's thread sets ``offset`` or ``error``, then ``done``."""

    __slots__ = ("done", "error", "offset", "partition", "record", "token")

    def __init__(self, record: Outgoing, token: object) -> None:
        self.record = record
        self.token = token
        self.partition = self.offset = -1
        self.error: BaseException | None = None
        self.done = False


class Publisher:
    """Sends records through a :class:`Producer` in a thread of its own. Use it from one thread.

    ``publish`` returns at once unless too much is waiting. Acknowledgements are taken in the order of sending: when
    ``on_delivered(token, partition, offset)`` is called for a record, every record sent before it is acknowledged,
    so the last token seen is a safe place to go on from. It is called inside ``publish``, ``settle``, ``flush``
    and ``close``. When a record is not acknowledged within ``timeout`` seconds, :class:`PublishError` is raised, and
    this publisher sends nothing more: a file is then resumed after its last acknowledged line.

    Raises (constructor): PublishError when no broker answers within ``connect_timeout`` seconds, or lets us in.
    """

    def __init__(
        self,
        connection: KafkaConnection,
        *,
        timeout: float = 60.0,
        connect_timeout: float = 10.0,
        linger_ms: int = 5,
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
        self._known: set[str] = set()
        self._waiting: deque[_Waiting] = deque()
        self._waiting_bytes = 0
        self._broken: PublishError | None = None
        self._closed = False
        self.delivered = 0
        self._handed: deque[_Waiting] = deque()
        self._waking = False
        self._awaited: _Waiting | None = None
        self._arrived = threading.Event()
        try:
            wait_for_port(connection.bootstrap, connect_timeout)
        except BrokerAwayError as error:
            raise PublishError(str(error)) from error
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=client_id, daemon=True)
        self._thread.start()
        try:
            self._producer = self._call(self._open(client_id, linger_ms, connect_timeout))
        except (DeliveryError, OSError) as error:
            self._end_thread()
            raise PublishError(not_let_in(self._address)) from error

    @property
    def waiting(self) -> int:
        """How many records are sent but not acknowledged."""
        return len(self._waiting)

    def publish(self, topic: str, key: str, value: bytes, token: object = None) -> None:
        """Send one record to the topic that the contract calls ``topic`` (the connection's prefix is put before it).

        Blocks while too much is waiting for its acknowledgement.

        Raises:
            PublishError: this record cannot be sent, or an earlier one was not acknowledged in time.
        """
        if self._broken is not None:
            raise self._broken
        if self._closed:
            raise PublishError("This publisher is closed.")
        if topic not in self._known:
            self._look_up(topic)
        waiting = _Waiting(Outgoing(topic, key, value), token)
        self._waiting.append(waiting)
        self._waiting_bytes += len(value)
        if len(value) > MAX_RECORD_BYTES:
            waiting.error, waiting.done = DeliveryError(f"a record is larger than {MAX_RECORD_BYTES:,} bytes"), True
            raise self._fail(waiting.error)
        self._handed.append(waiting)
        if not self._waking:
            self._waking = True
            self._loop.call_soon_threadsafe(self._wake.set)
        if len(self._waiting) > self._max_records or self._waiting_bytes > self._max_bytes:
            # Waiting for half of it leaves the producer enough to do, and wakes us seldom.
            self._take(self._max_records // 2, self._max_bytes // 2)

    def settle(self) -> None:
        """Take the acknowledgements that are there, without waiting.

        Raises:
            PublishError: a record was not acknowledged in time.
        """
        self._take(self._max_records, self._max_bytes)

    def flush(self) -> None:
        """Wait until every record is acknowledged.

        Raises:
            PublishError: one was not, within its time.
        """
        if self._broken is not None:
            raise self._broken
        self._take(0, 0)

    def close(self) -> None:
        """Flush and close. Safe to call twice.

        Raises:
            PublishError: a record was not acknowledged in time (the connection is closed all the same).
        """
        if self._closed:
            return
        self._closed = True
        try:
            if self._broken is None:
                self._take(0, 0)
        finally:
            self._call(self._shut())
            self._end_thread()

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

    def _look_up(self, topic: str) -> None:
        try:
            self._call(self._producer.reach(topic))
        except MissingTopicError as error:
            raise PublishError(
                f"Topic {error.topic} is not there at {self._address}: run `gospulse topics apply` first."
            ) from error
        except DeliveryError as error:
            try:
                wait_for_port(self._connection.bootstrap, 0)
            except BrokerAwayError as away:
                raise PublishError(str(away)) from error
            raise PublishError(f"Topic {self._connection.topic(topic)} cannot be used: {error}.") from error
        self._known.add(topic)

    def _take(self, max_records: int, max_bytes: int) -> None:
        """Take acknowledgements from the head; wait until at most so many records and bytes are left."""
        waiting = self._waiting
        on_delivered = self._on_delivered
        while waiting:
            head = waiting[0]
            if not head.done:
                if len(waiting) <= max_records and self._waiting_bytes <= max_bytes:
                    return
                self._await(head)
            if head.error is not None:
                raise self._fail(head.error)
            waiting.popleft()
            self._waiting_bytes -= len(head.record.value)
            self.delivered += 1
            if on_delivered is not None:
                on_delivered(head.token, head.partition, head.offset)

    def _await(self, head: _Waiting) -> None:
        """Wait for ``head``. The producer ends every delivery within the timeout, one on the wire within twice that."""
        self._arrived.clear()
        self._awaited = head
        # Looked at once more: it may have ended before the thread knew that we wait for it.
        if not head.done and not self._arrived.wait(self._timeout * 2 + _GRACE_S):
            raise self._fail(kafka_errors.KafkaTimeoutError())

    def _fail(self, error: BaseException) -> PublishError:
        """Count what was acknowledged behind the failure too, and stop this publisher."""
        later = sum(1 for waiting in self._waiting if waiting.done and waiting.error is None)
        delivered = self.delivered + later
        failed = max(1, len(self._waiting) - later)
        sentence = f"Kafka at {self._address} did not confirm {failed:,} of {delivered + failed:,} records"
        # A passing error lasted until the time was up.
        passing = isinstance(error, kafka_errors.KafkaError) and error.retriable
        sentence += f" within {self._timeout:g} s." if passing else f" ({reason(error)})."
        self._broken = PublishError(sentence, delivered=delivered, failed=failed)
        return self._broken

    # What follows runs in the producer's thread, but for `_call` and `_end_thread`.

    async def _open(self, client_id: str, linger_ms: int, patience: float) -> Producer:
        self._wake = asyncio.Event()
        producer = Producer(self._connection, timeout=self._timeout, client_id=client_id, linger_ms=linger_ms)
        await producer.start(patience)
        self._pump = asyncio.create_task(self._send_on(producer))
        return producer

    async def _send_on(self, producer: Producer) -> None:
        handed = self._handed
        while True:
            await self._wake.wait()
            self._wake.clear()
            # From here on `publish` wakes us again; what it hands over meanwhile is found below.
            self._waking = False
            while handed:
                waiting = handed.popleft()
                try:
                    sent = await producer.send(waiting.record)
                except DeliveryError as error:
                    self._end(waiting, error.__cause__ or error)
                else:
                    sent.add_done_callback(partial(self._acknowledged, waiting))

    def _acknowledged(self, waiting: _Waiting, future: asyncio.Future[Any]) -> None:
        error = asyncio.CancelledError() if future.cancelled() else future.exception()
        if error is None:
            metadata = future.result()
            waiting.partition, waiting.offset = metadata.partition, metadata.offset
        self._end(waiting, error)

    def _end(self, waiting: _Waiting, error: BaseException | None) -> None:
        waiting.error = error
        waiting.done = True
        if self._awaited is waiting:
            self._arrived.set()

    async def _shut(self) -> None:
        self._pump.cancel()
        await self._producer.close()

    def _call(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run ``work`` in the producer's thread and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _end_thread(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
