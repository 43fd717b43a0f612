"""One process of the webhook service: listens until it is told to stop, then ends what it has begun."""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from aiohttp import web
from msgspec import Struct

from ingest.identities import IdentityKey
from ingest.kafka.producer import Producer
from ingest.platforms.platform import Platform
from ingest.registers.live import LiveRegister
from ingest.webhook.bounds import Bounds
from ingest.webhook.gate import KafkaGate
from ingest.webhook.knowledge import KnowledgeKeeper
from ingest.webhook.metrics import Metrics
from ingest.webhook.server import BoundedServer
from ingest.webhook.service import WebhookService
from schemas.connections import KafkaConnection
from schemas.contract.topics import EVENTS, REJECTED

#: What is under way at the end may take as long as Kafka's acknowledgement, and a little more.
_GRACE_S: Final = 3.0
_ACCEPTED_S: Final = 0.05

log = logging.getLogger(__name__)


class WebhookConfig(Struct, frozen=True, kw_only=True):
    """How one process runs. Several processes may share ``host:port``; ``web_port`` is the operator's, its own.

    ``sources`` and ``author_keys`` are folders; ``ack_timeout_s`` is how long a caller waits for Kafka.
    """

    host: str
    port: int
    web_host: str
    web_port: int
    kafka: KafkaConnection
    sources: Path
    author_keys: Path
    bounds: Bounds = Bounds()
    ack_timeout_s: float = 5.0


async def serve(
    config: WebhookConfig,
    platforms: Sequence[Platform],
    identity: IdentityKey,
    register: LiveRegister,
    stop: asyncio.Event | None = None,
) -> None:
    """Serve until SIGTERM, SIGINT or ``stop``. Raises OSError when an address cannot be listened on."""
    stopped = asyncio.Event() if stop is None else stop
    if stop is None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    metrics = Metrics()
    producer = Producer(config.kafka, timeout=config.ack_timeout_s, client_id="gospulse-webhook")
    gate = KafkaGate(producer, (EVENTS, REJECTED))
    keeper = KnowledgeKeeper(
        tuple(platform.name for platform in platforms),
        sources=config.sources,
        author_keys=config.author_keys,
        identity=identity,
        register=register,
        metrics=metrics,
    )
    service = WebhookService(platforms, keeper, gate, metrics, config.bounds)
    server = BoundedServer(service.handle, config.bounds, metrics)
    public = web.ServerRunner(server, shutdown_timeout=config.ack_timeout_s + _GRACE_S)
    operator = web.ServerRunner(web.Server(service.handle_operator), shutdown_timeout=1.0)
    background = [asyncio.create_task(gate.run()), asyncio.create_task(keeper.run())]
    try:
        for runner in (public, operator):
            await runner.setup()
        await web.TCPSite(public, config.host, config.port, reuse_port=True).start()
        # Who waits for the operator's port finds the public one open.
        await web.TCPSite(operator, config.web_host, config.web_port).start()
        log.info("Listening on %s:%d; metrics on %s:%d.", config.host, config.port, config.web_host, config.web_port)
        await _until(stopped, background)
        log.info("Stopping: what is under way is ended.")
    finally:
        service.stopping = True
        for site in public.sites:
            await site.stop()
        # Connections that were just accepted are made known first: cleaning up closes those that are idle.
        await asyncio.sleep(_ACCEPTED_S)
        await public.cleanup()
        for task in background:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await producer.close()
        await operator.cleanup()


async def _until(stopped: asyncio.Event, background: Sequence[asyncio.Task[None]]) -> None:
    """Wait for the end. A background task that ends by itself is a defect, and raises what it met."""
    waiting = asyncio.create_task(stopped.wait())
    done, _ = await asyncio.wait([waiting, *background], return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()
