"""Real parts for the tests: one Kafka broker and one ClickHouse endpoint a session, started when first needed."""

from __future__ import annotations

import os
import re
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling

from deploy import passwords
from deploy.clickhouse.client import clickhouse as open_clickhouse
from deploy.machine.clickhouse_process import STOP_PATIENCE_S as CLICKHOUSE_PATIENCE_S
from deploy.machine.clickhouse_process import start_clickhouse
from deploy.machine.kafka_broker.process import STOP_PATIENCE_S, start_broker
from deploy.machine.processes import PortLostError, Process, stop
from deploy.settings_sources import load
from schemas.connections import ClickHouseConnection, KafkaConnection, Secret
from tests.servers.ports import free_port
from tests.servers.prepared_tables import PreparedTables, drop

HOST = "127.0.0.1"

Started = TypeVar("Started")


#: What the engine's and the broker's files take at most while all tests run side by side, and memory to spare.
SCRATCH_MB, MEMORY_MB = 4_000, 8_000


def pytest_configure(config: pytest.Config) -> None:
    # What the person at the keyboard has set must not reach the tests, nor the processes that they start.
    for name in [name for name in os.environ if name.startswith("GOSPULSE_")]:
        del os.environ[name]
    # No deadlines: timings are no verdict. The same examples in every run on a build server: what fails there fails for
    # everybody, and new examples are found at developers' desks.
    settings.register_profile("gospulse", deadline=None, derandomize="CI" in os.environ)
    settings.load_profile("gospulse")
    if (memory := _folder_in_memory()) is not None:
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(memory))


def _folder_in_memory() -> Path | None:
    """Where data of the tests' servers stand in memory; None where there is not enough of it.

    The engine makes and removes thousands of small files: on a disk it waits for them most of the time.
    """
    try:
        room = os.statvfs("/dev/shm")
        available = re.search(r"MemAvailable:\s+(\d+) kB", Path("/proc/meminfo").read_text(encoding="ascii"))
        if room.f_bavail * room.f_frsize < SCRATCH_MB << 20 or not available or int(available[1]) < MEMORY_MB << 10:
            return None
        folder = Path(f"/dev/shm/gospulse-tests-{os.getuid()}")
        folder.mkdir(mode=0o700, exist_ok=True)
        # Not a folder that somebody else has put there.
        return folder if folder.stat().st_uid == os.getuid() and not folder.is_symlink() else None
    except OSError:
        return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    # The quick ones first: a mistake shows within seconds, before any server is started.
    parallel = hasattr(config, "workerinput")
    items.sort(key=lambda item: _weight(item, parallel=parallel))


#: Files that share what takes long to make: the stack of tests/stack/conftest.py, the country of tests/dashboards.
SHARING = {
    "tests/stack/test_faults_of_servers.py": "stack",
    "tests/stack/test_faults_and_personal_data.py": "stack",
    "tests/dashboards/preview/test_browser.py": "country",
    "tests/dashboards/test_figures.py": "country",
}


class ByServers(LoadScopeScheduling):  # type: ignore[misc]
    """Gives whole files to processes: the tests of a file share servers, and some files share theirs."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return SHARING.get(file, file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByServers:
    return ByServers(config, log)


#: Files that take longest, and all of tests/stack: side by side they begin before all else that needs servers, in this
#: order, so that no process is left alone with one of them at the end.
LONGEST = (
    "stack/test_chaos.py",
    "stack/test_webhook.py",
    "streams/spikes/test_service.py",
    "streams/refresh/test_refresh.py",
    "dashboards/preview/test_browser.py",
    "streams/refresh/test_identity.py",
    "stack/test_up_and_down.py",
    "stack/",
    "schemas/clickhouse/test_share_and_totals.py",
    "schemas/clickhouse/test_flat_appeals.py",
    "streams/verify/",
)
TESTS = Path(__file__).parent


def _weight(item: pytest.Item, *, parallel: bool) -> int:
    fixtures = getattr(item, "fixturenames", ())
    file = Path(item.path).relative_to(TESTS).as_posix()
    if parallel:
        for order, longest in enumerate(LONGEST):
            if file.startswith(longest):
                return 10 + order
    elif file.startswith("stack/"):
        return 100
    if "clickhouse_server" in fixtures or "clickhouse_factory" in fixtures:
        return 40
    return 30 if "kafka_bootstrap" in fixtures else 0


class ClickHouseServer:
    """A ClickHouse endpoint of the tests: its process can be ended and started again with the same data and port."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.process: Process
        self._tables = PreparedTables()

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

    def prepare(self) -> None:
        """Leaves it with the tables and views of generation 1, as right after ``gospulse migrate``."""
        with open_clickhouse(self.connection, timeout_s=60) as client:
            self._tables.give(client)

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


def _on_another_port(start: Callable[[], Started]) -> Started:
    """Start a server again where another test run has taken its port between choosing and binding."""
    for _ in range(4):
        with suppress(PortLostError):
            return start()
    return start()


@pytest.fixture(scope="session")
def kafka_broker(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """The session's broker. A test that kills it must start one of its own instead."""

    def start() -> Process:
        folder = tmp_path_factory.mktemp("kafka")
        return start_broker(
            folder / "kafka", HOST, free_port(), cache=cache, run=folder / "run", log=folder / "kafka.log", heap_mb=384
        )

    process = _on_another_port(start)
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
        server = ClickHouseServer(folder, free_port())
        server.start()
        started.append(server)
        return server

    yield lambda: _on_another_port(start)
    stop([server.process for server in started], CLICKHOUSE_PATIENCE_S)


@pytest.fixture(scope="session")
def clickhouse_server(clickhouse_factory: Callable[[], ClickHouseServer]) -> ClickHouseServer:
    """The session's endpoint. A test that kills it must take one of its own from ``clickhouse_factory`` instead."""
    return clickhouse_factory()


@pytest.fixture
def clickhouse(clickhouse_server: ClickHouseServer) -> ClickHouseConnection:
    """The login that writes on the session's endpoint, without any table of an earlier test."""
    with open_clickhouse(clickhouse_server.connection) as client:
        drop(client)
    return clickhouse_server.connection


@pytest.fixture
def tables(clickhouse_server: ClickHouseServer) -> ClickHouseConnection:
    """The login that writes on the session's endpoint, with the tables of generation 1 as ``gospulse migrate`` does."""
    clickhouse_server.prepare()
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
