"""The service: a request of a platform becomes events in Kafka, and is answered when Kafka has acknowledged them."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Callable, Iterable
from email.utils import formatdate
from typing import Final

import msgspec
from aiohttp import web

from ingest.kafka.outgoing import Outgoing
from ingest.platforms.platform import Accepted, Denied, Platform, Request
from ingest.webhook.bounds import MAX_BODY_BYTES, MAX_HELD_BYTES, READ_TIMEOUT_S, Bounds, TokenBucket
from ingest.webhook.deliveries import Deliveries
from ingest.webhook.gate import KafkaAwayError, KafkaGate
from ingest.webhook.knowledge import KnowledgeKeeper
from ingest.webhook.metrics import Metrics
from schemas.contract.events import encode_event
from schemas.contract.identifiers import UNKNOWN_PLACE
from schemas.contract.keys import event_key
from schemas.contract.rejections import encode_rejection
from schemas.contract.topics import EVENTS, REJECTED

#: When a platform is asked to call again, in seconds. VK wants less than three hours.
_AGAIN_S: Final = 10
_NOT_CONFIGURED_S: Final = 300
#: Of every answer. Without ``Server`` aiohttp would tell its version to everybody.
_HEADERS: Final = {"Server": "gospulse", "Content-Type": "text/plain; charset=utf-8"}

log = logging.getLogger(__name__)


class WebhookService:
    """Answers the platforms (``handle``) and the operator (``handle_operator``).

    ``clock`` gives seconds since 1970 (UTC), ``monotonic`` seconds for durations.
    """

    def __init__(
        self,
        platforms: Iterable[Platform],
        keeper: KnowledgeKeeper,
        gate: KafkaGate,
        metrics: Metrics,
        bounds: Bounds,
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._platforms = {f"/{platform.name}": platform for platform in platforms}
        self._keeper = keeper
        self._gate = gate
        self._metrics = metrics
        self._clock = clock
        self._monotonic = monotonic
        self._bucket = TokenBucket(bounds.rate, monotonic())
        self._deliveries = Deliveries()
        #: Bytes of the bodies of requests under way.
        self._held = 0
        self.stopping = False

    @property
    def obstacle(self) -> str | None:
        """Why requests are not accepted now; None where they are."""
        if self.stopping:
            return "the service is stopping"
        if self._keeper.missing is not None:
            return self._keeper.missing
        return None if self._gate.open else "Kafka is away"

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer on the public address: ``/<platform>``, ``/health`` and ``/ready``."""
        platform = self._platforms.get(request.path)
        if platform is None:
            return self._state(request.path) or _plain(404, "not found")
        if request.method != "POST":
            return self._refused(platform, _plain(405, "POST is expected", {"Allow": "POST"}), "method")
        if not self._bucket.take(self._monotonic()):
            return self._refused(platform, self._later(429, 1), "rate")
        length = request.content_length
        if length is None:
            return self._refused(platform, _closing(411, "a length is expected"), "no_length")
        if length > MAX_BODY_BYTES:
            return self._refused(platform, _closing(413, "too large"), "too_large")
        if self._held + length > MAX_HELD_BYTES:
            return self._refused(platform, self._later(503, _AGAIN_S), "too_much")
        self._held += length
        try:
            return await self._answer(platform, request)
        finally:
            self._held -= length

    async def _answer(self, platform: Platform, request: web.BaseRequest) -> web.Response:
        try:
            if request.content.is_eof():
                # The body came with its headers: `request.read` would copy it, and ask for more.
                body = request.content.read_nowait()
            else:
                async with asyncio.timeout(READ_TIMEOUT_S):
                    body = await request.read()
        except TimeoutError:
            return self._refused(platform, _closing(408, "too slow"), "too_slow")
        if "X-Retry-Counter" in request.headers:
            self._metrics.add("retries_total", 1, platform.name)
        return await self._receive(platform, Request(body, request.headers, round(self._clock() * 1000)))

    async def handle_operator(self, request: web.BaseRequest) -> web.Response:
        """Answer the operator: ``/metrics``, ``/health``, ``/ready``, ``/deliveries/<platform>/<page>``."""
        if request.path == "/metrics":
            self._metrics.set("kafka_open", float(self._gate.open))
            text = self._metrics.text()
            return web.Response(text=text, headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})
        parts = request.path.split("/")
        if len(parts) == 4 and parts[1] == "deliveries":
            found = self._deliveries.of(parts[2], parts[3])
            return web.Response(body=msgspec.json.encode(found), content_type="application/json")
        return self._state(request.path) or _plain(404, "not found")

    def _state(self, path: str) -> web.Response | None:
        if path == "/health":
            return _plain(200, "alive")
        if path == "/ready":
            obstacle = self.obstacle
            return _plain(200, "ready") if obstacle is None else _plain(503, obstacle)
        return None

    async def _receive(self, platform: Platform, request: Request) -> web.Response:
        known = self._keeper.of(platform.name)
        if known is None or self.stopping:
            return self._refused(platform, self._later(503, _AGAIN_S), "not_ready")
        try:
            received = platform.receive(request, known)
        except Exception as error:
            self._defect(platform, error)
            return self._refused(platform, self._later(503, _NOT_CONFIGURED_S), "defect")
        if isinstance(received, Denied):
            if received.page is not None:
                self._deliveries.denied(platform.name, received.page, received.reason, request.at_ms)
            wait = self._later(received.status, _NOT_CONFIGURED_S) if received.again else _plain(received.status, "")
            return self._refused(platform, wait, received.reason)
        if received.events or received.rejections:
            try:
                await self._publish(platform.name, received)
            except KafkaAwayError:
                self._deliveries.denied(platform.name, received.page, "kafka_away", request.at_ms)
                self._metrics.add("kafka_failures_total", 1)
                return self._refused(platform, self._later(503, _AGAIN_S), "kafka_away")
        self._deliveries.accepted(platform.name, received.page, received.label, request.at_ms)
        self._metrics.add("requests_total", 1, platform.name, "accepted")
        self._metrics.add("payloads_total", 1, platform.name, received.label)
        return _plain(200, received.reply)

    async def _publish(self, name: str, received: Accepted) -> None:
        records = [Outgoing(EVENTS, event_key(event), encode_event(event)) for event in received.events]
        records += [Outgoing(REJECTED, each.source, encode_rejection(each)) for each in received.rejections]
        began = self._monotonic()
        await self._gate.deliver(records)
        self._metrics.add("kafka_seconds_total", self._monotonic() - began)
        for event in received.events:
            self._metrics.add("events_total", 1, name, event.kind)
            if event.place == UNKNOWN_PLACE:
                self._metrics.add("unplaced_total", 1, name)
        if received.rejections:
            self._metrics.add("rejections_total", len(received.rejections), name)

    def _refused(self, platform: Platform, response: web.Response, outcome: str) -> web.Response:
        self._metrics.add("requests_total", 1, platform.name, outcome)
        return response

    def _later(self, status: int, seconds: int) -> web.Response:
        """An answer that asks to call again. VK takes a date, not seconds."""
        return _plain(status, "call again later", {"Retry-After": formatdate(self._clock() + seconds, usegmt=True)})

    def _defect(self, platform: Platform, error: Exception) -> None:
        """Say where, not what: the message of an error may hold a part of the payload."""
        self._metrics.add("defects_total", 1, platform.name)
        frames = traceback.extract_tb(error.__traceback__)
        where = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames[-4:]))
        log.error("A defect in the adapter %s: %s in %s.", platform.name, type(error).__name__, where)


def _closing(status: int, text: str) -> web.Response:
    """An answer to a request whose body is not read: the connection cannot be used for another."""
    response = _plain(status, text)
    response.force_close()
    return response


def _plain(status: int, text: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=text.encode(), headers=_HEADERS if headers is None else _HEADERS | headers)
