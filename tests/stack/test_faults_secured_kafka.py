"""Kafka behind passwords and TLS: every command and the worker get in with the settings, and nobody without."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from deploy.machine.kafka_broker.process import STOP_PATIENCE_S
from deploy.machine.processes import stop
from tests.servers.machine import Machine, machine
from tests.stack.builders.folding import until
from tests.stack.builders.secured_broker import PASSWORD, SecuredBroker

TRIM = ("--keep-days", "1", "--dry-run")

pytestmark = [
    pytest.mark.chaos,
    pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not here: no certificates"),
]


@pytest.fixture(scope="module")
def broker(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredBroker]:
    made = SecuredBroker(tmp_path_factory.mktemp("secured"), cache)
    yield made
    stop([made.process], STOP_PATIENCE_S)


@pytest.fixture(scope="module")
def stack(broker: SecuredBroker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """ClickHouse and a worker that reads over SASL_SSL."""
    with machine(tmp_path_factory.mktemp("stack"), broker.settings("SASL_SSL") | {"WORKERS": "1"}) as made:
        made.run("up")
        yield made


def use(stack: Machine, settings: dict[str, str]) -> None:
    for name in [name for name in stack.environ if name.startswith("GOSPULSE_KAFKA") and name != "GOSPULSE_KAFKA_PORT"]:
        del stack.environ[name]
    stack.environ |= {f"GOSPULSE_{name}": value for name, value in settings.items()}


@pytest.mark.parametrize("protocol", ["SASL_SSL", "SASL_PLAINTEXT", "SSL"])
def test_everything_works_over_every_protocol(stack: Machine, broker: SecuredBroker, protocol: str) -> None:
    # Each way in for itself: publisher, administrator, the worker's consumer, the recount's.
    use(stack, broker.settings(protocol))
    folded = stack.folded() or 0
    stack.run("simulate", "--seed", "5", "--events", "600", "--no-readings")
    stack.signal("worker-1", signal.SIGTERM)
    until(lambda: "worker-1" not in stack.processes(), "the worker left")
    stack.run("up")
    until(lambda: stack.folded() == folded + 600, f"records folded over {protocol}")
    assert "GREEN" in stack.run("verify")
    for log in (stack.data / "logs").iterdir():
        assert PASSWORD not in log.read_text()


def test_a_wrong_password_and_an_unknown_authority_are_one_sentence(stack: Machine, broker: SecuredBroker) -> None:
    stranger = broker.settings("SASL_SSL")
    del stranger["KAFKA_CA"]
    # Side by side: the library tries for some seconds before it gives up.
    with ThreadPoolExecutor(4) as pool:
        asked = []
        for settings in (broker.settings("SASL_PLAINTEXT", "wrong"), stranger):
            use(stack, settings)
            environ = dict(stack.environ)
            for command in (["simulate", "--seed", "5", "--events", "10", "--timeout", "3"], ["trim", *TRIM]):
                asked.append(pool.submit(run_with, stack, environ, command))
    use(stack, broker.settings("SASL_SSL"))
    for code, said in (answer.result() for answer in asked):
        assert (code, said.count("\n")) == (1, 1), said
        assert said.startswith("gospulse: Kafka at ") and "did not let us in: check user, password" in said
        assert "wrong" not in said


def run_with(stack: Machine, environ: dict[str, str], command: list[str]) -> tuple[int, str]:
    done = subprocess.run(
        stack.command(*command), cwd=stack.folder, env=environ, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr
