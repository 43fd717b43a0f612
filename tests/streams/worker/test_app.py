"""The Faust application: its settings come from the worker's configuration alone, and login and TLS reach Kafka."""

from __future__ import annotations

from pathlib import Path

import pytest
from faust.auth import SASLCredentials
from msgspec.structs import replace

from schemas.connections import ClickHouseConnection, KafkaConnection, Secret
from streams.worker.app import build_app, credentials
from streams.worker.config import WorkerConfig
from streams.worker.metrics import Metrics
from streams.worker.ownership import Ownership
from streams.worker.transport import BatchTransport

KAFKA = KafkaConnection(bootstrap=("one:9092", "two:9092"), topic_prefix="t.")


def _config(folder: Path) -> WorkerConfig:
    nowhere = ClickHouseConnection(host="nowhere", port=1, username="", password=Secret(""))
    return WorkerConfig(kafka=KAFKA, clickhouse=nowhere, generation=3, name="w", data=folder, web_port=16_066)


async def test_settings_come_from_the_configuration_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"BROKER_URL": "kafka://elsewhere", "WEB_PORT": "1", "NODE_WEB_BIND": "0.0.0.0"}.items():
        monkeypatch.setenv(name, value)
    config = _config(tmp_path)
    app = build_app(config, Ownership(config, Metrics()), str)
    assert app.conf.id == "t.gospulse-g3"
    assert [str(url) for url in app.conf.broker_consumer] == ["kafka://one:9092", "kafka://two:9092"]
    assert (app.conf.web_bind, app.conf.web_port) == ("127.0.0.1", 16_066)
    assert app.conf.consumer_auto_offset_reset == "none"
    assert app.conf.datadir.is_relative_to(tmp_path)
    assert isinstance(app.transport, BatchTransport)
    assert {topic for agent in app.agents.values() for topic in agent.get_topic_names()} == {
        "t.events",
        "t.readings",
        "t.rejected",
    }


def test_a_plain_cluster_needs_no_credentials() -> None:
    assert credentials(KAFKA) is None


def test_login_and_tls_reach_faust() -> None:
    secured = replace(
        KAFKA,
        security_protocol="SASL_SSL",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_username="worker",
        sasl_password=Secret("hush"),
    )
    found = credentials(secured)
    assert isinstance(found, SASLCredentials)
    assert (found.protocol.value, found.mechanism.value) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (found.username, found.password) == ("worker", "hush")
    assert found.ssl_context is not None
    assert found.ssl_context.check_hostname
    assert "hush" not in repr(found)


def test_tls_alone_is_no_login() -> None:
    found = credentials(replace(KAFKA, security_protocol="SSL"))
    assert found is not None
    assert found.protocol.value == "SSL"
