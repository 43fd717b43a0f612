"""Real parts for the tests: one Kafka broker and one ClickHouse endpoint a session, started when first needed."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from deploy import passwords
from deploy.clickhouse_client import clickhouse as open_clickhouse
from deploy.clickhouse_process import STOP_PATIENCE_S as CLICKHOUSE_PATIENCE_S
from deploy.clickhouse_process import start_clickhouse
from deploy.kafka_broker.process import STOP_PATIENCE_S, start_broker
from deploy.processes import Process, free_port, stop
from deploy.settings_sources import load
from schemas.connections import ClickHouseConnection, KafkaConnection, Secret

HOST = "127.0.0.1"


def pytest_configure(config: pytest.Config) -> None:
    # What the person at the keyboard has set must not reach the tests, nor the processes that they start.
    for name in [name for name in os.environ if name.startswith("GOSPULSE_")]:
        del os.environ[name]
    # No deadlines: timings are no verdict. The same examples in every run on a build server: what fails there fails for
    # everybody, and new examples are found at developers' desks.
    settings.register_profile("gospulse", deadline=None, derandomize="CI" in os.environ)
    settings.load_profile("gospulse")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # The quick ones first: a mistake shows within seconds, before any server is started.
    items.sort(key=_weight)


def _weight(item: pytest.Item) -> int:
    fixtures = getattr(item, "fixturenames", ())
    if "stack" in Path(item.path).parts:
        return 3
    if "clickhouse_server" in fixtures or "clickhouse_factory" in fixtures:
        return 2
    return 1 if "kafka_bootstrap" in fixtures else 0


class ClickHouseServer:
    """A ClickHouse endpoint of the tests: its process can be ended and started again with the same data and port."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.process: Process

    def start(self) -> None:
        """Starts it, or starts it again after it was ended. Without fsync: the machine does not lose power here."""
        self.process = start_clickhouse(
            self.folder / "data",
            HOST,
            self.port,
            passwords=passwords.passwords_directory(self.folder),
            run=self.folder / "run",
            log=self.folder / "clickhouse.log",
            environ=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1]), "TZ": "UTC"},
            memory_mb=3000,
            fsync=False,
        )

    @property
    def connection(self) -> ClickHouseConnection:
        """The login that writes."""
        return self._login(passwords.WRITER)

    @property
    def analyst(self) -> ClickHouseConnection:
        """The read-only login."""
        return self._login(passwords.ANALYST)

    def _login(self, name: str) -> ClickHouseConnection:
        password: Secret | None = passwords.read_generated(self.folder, name)
        assert password is not None
        return ClickHouseConnection(host=HOST, port=self.port, username=name, password=password)


@pytest.fixture(scope="session")
def cache() -> Path:
    """The folder of downloads, shared with the project: Kafka's jars."""
    return load({}, Path.cwd()).cache


@pytest.fixture(scope="session")
def kafka_broker(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """The session's broker. A test that kills it must start one of its own instead."""
    folder = tmp_path_factory.mktemp("kafka")
    process = start_broker(
        folder / "kafka", HOST, free_port(HOST), cache=cache, run=folder / "run", log=folder / "kafka.log", heap_mb=384
    )
    yield process
    stop([process], STOP_PATIENCE_S)


@pytest.fixture(scope="session")
def kafka_bootstrap(kafka_broker: Process) -> str:
    """``host:port`` of the session's broker."""
    assert kafka_broker.address is not None
    return kafka_broker.address


@pytest.fixture(scope="session")
def clickhouse_factory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], ClickHouseServer]]:
    """Starts fresh ClickHouse endpoints, each with data of its own; what is still alive at the end is stopped."""
    started: list[ClickHouseServer] = []

    def start() -> ClickHouseServer:
        folder = tmp_path_factory.mktemp("clickhouse")
        passwords.generate(folder)
        server = ClickHouseServer(folder, free_port(HOST))
        server.start()
        started.append(server)
        return server

    yield start
    stop([server.process for server in started], CLICKHOUSE_PATIENCE_S)


@pytest.fixture(scope="session")
def clickhouse_server(clickhouse_factory: Callable[[], ClickHouseServer]) -> ClickHouseServer:
    """The session's endpoint. A test that kills it must take one of its own from ``clickhouse_factory`` instead."""
    return clickhouse_factory()


@pytest.fixture
def clickhouse(clickhouse_server: ClickHouseServer) -> ClickHouseConnection:
    """The login that writes on the session's endpoint, without any table of an earlier test."""
    with open_clickhouse(clickhouse_server.connection) as client:
        for database in ("gospulse", "gospulse_data"):
            client.command(f"DROP DATABASE IF EXISTS {database} SYNC")
    return clickhouse_server.connection


@pytest.fixture
def analyst(clickhouse_server: ClickHouseServer, clickhouse: ClickHouseConnection) -> ClickHouseConnection:
    """The read-only login on the same endpoint as ``clickhouse``."""
    return clickhouse_server.analyst


@pytest.fixture
def topic_prefix() -> str:
    """A prefix of this test's own, so that tests share one broker without meeting each other's topics and groups."""
    return f"t{uuid.uuid4().hex[:10]}."


@pytest.fixture
def kafka(kafka_bootstrap: str, topic_prefix: str) -> KafkaConnection:
    """The session's broker with this test's prefix; no topic exists yet."""
    return KafkaConnection(bootstrap=(kafka_bootstrap,), topic_prefix=topic_prefix)
