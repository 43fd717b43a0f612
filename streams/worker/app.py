"""The Faust application of a worker: its settings, one agent for each topic, and the pages of its web port."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final, cast

import faust
from faust.auth import SASLCredentials, SSLCredentials
from faust.types import AppT, EventT, Message
from faust.types.auth import CredentialsT
from faust.types.transports import TransportT
from faust.types.web import Request, Response, View

from schemas.connections import KafkaConnection
from schemas.contract.topics import TOPICS
from streams.worker.config import WorkerConfig
from streams.worker.owned_partition import Delivery
from streams.worker.ownership import Ownership
from streams.worker.transport import BatchTransport

#: Compressed bytes of one fetch of a partition: four to twelve thousand records. The cost of a batch in Faust does not
#: depend on its size. With an eighth of these bytes it was a fifth of the worker's time.
FETCH_BYTES: Final = 524_288
#: Batches of one agent. The effective limit is ``Ownership.with_room``.
BUFFERED_BATCHES: Final = 64
#: A worker whose loop hangs for so long leaves the group, although its reading thread is alive.
MAX_POLL_S: Final = 120.0
PROMETHEUS: Final = "text/plain; version=0.0.4"


class BatchSchema(faust.Schema[Any, Any]):
    """Passes a delivery on unchanged: only the fold judges records."""

    def compile(self, app: AppT, **_: Any) -> Callable[..., Awaitable[EventT[Any]]]:
        """The function by which Faust turns a message into an event."""

        async def decode(message: Message, **_: Any) -> EventT[Any]:
            return app.create_event(message.key, message.value, {}, message)

        return decode


class WorkerApp(faust.App):
    """Faust's application, reading by :class:`streams.worker.transport.BatchTransport`."""

    logger = logging.getLogger("faust.app")

    #: The partitions of this worker, for the transport.
    owned: Ownership

    def _new_transport(self) -> TransportT:
        return BatchTransport(self.conf.broker_consumer, self)


def build_app(config: WorkerConfig, owned: Ownership, metrics_text: Callable[[], str]) -> WorkerApp:
    """The application of one worker: its consumer group is the generation's."""
    # Faust needs this folder at once. Gospulse stores nothing there.
    _faust_folder(config).mkdir(parents=True, exist_ok=True)
    app = WorkerApp(config.kafka.group(config.generation), env=_NO_ENVIRONMENT, **_settings(config))
    app.owned = owned
    for topic in TOPICS:
        _agent(app, topic.name, config.kafka.topic(topic.name), owned)

    @app.page("/metrics")
    async def metrics(view: View, _request: Request) -> Response:
        return view.text(metrics_text(), content_type=PROMETHEUS)

    return app


def _agent(app: WorkerApp, name: str, topic: str, owned: Ownership) -> None:
    channel = app.topic(topic, schema=BatchSchema(), internal=False)

    async def folding(stream: Any) -> None:
        async for delivery in stream:
            await owned.take(cast(Delivery, delivery))

    app.agent(channel, name=f"fold_{name}", concurrency=1)(folding)


#: Faust reads variables such as BROKER_URL and WEB_PORT; a worker's settings come from one place.
_NO_ENVIRONMENT: Final = {"GOSPULSE": "ignored"}


def _settings(config: WorkerConfig) -> Mapping[str, Any]:
    return {
        "broker": [f"kafka://{address}" for address in config.kafka.bootstrap],
        "broker_credentials": credentials(config.kafka),
        "broker_client_id": f"gospulse-{config.name}",
        "broker_commit_interval": 0.5,
        "broker_session_timeout": config.session_timeout_s,
        "broker_heartbeat_interval": config.session_timeout_s / 6,
        "broker_rebalance_timeout": max(10.0, config.session_timeout_s),
        "broker_max_poll_interval": MAX_POLL_S,
        "consumer_group_instance_id": config.group_instance_id,
        "consumer_max_fetch_size": FETCH_BYTES,
        # The starter decides where to start. A client that resets offsets by itself would skip or repeat records.
        "consumer_auto_offset_reset": "none",
        "consumer_metadata_max_age_ms": 3_000,
        "stream_buffer_maxsize": BUFFERED_BATCHES,
        "stream_recovery_delay": 0.0,
        "stream_wait_empty": False,
        # Otherwise a topic for the assignor's leader appears.
        "topic_disable_leader": True,
        "topic_allow_declare": False,
        "processing_guarantee": "at_least_once",
        "datadir": str(_faust_folder(config)),
        "store": "memory://",
        "web_enabled": True,
        "web_bind": config.web_host,
        "web_host": config.web_host,
        "web_port": config.web_port,
        "autodiscover": False,
    }


def _faust_folder(config: WorkerConfig) -> Path:
    return config.data / "faust" / config.name


def credentials(kafka: KafkaConnection) -> CredentialsT | None:
    """TLS and SASL by Faust's names; None without either."""
    options = kafka.client_options()
    context = options["ssl_context"]
    if kafka.sasl_mechanism is None:
        return SSLCredentials(context) if context is not None else None
    return SASLCredentials(
        username=options["sasl_plain_username"],
        password=options["sasl_plain_password"],
        ssl_context=context,
        mechanism=options["sasl_mechanism"],
    )
