"""Kafka and ClickHouse go away, commands are stopped, things are done twice: one sentence each, and nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from deploy.machine.clickhouse_process import start_clickhouse
from deploy.machine.kafka_broker.process import start_broker
from deploy.machine.processes import StartError
from tests.servers.machine import Machine
from tests.servers.ports import free_port
from tests.stack.builders.folding import until

pytestmark = pytest.mark.long

HOST = "127.0.0.1"
MAPPING = """
shape = "appeals"
source = "import:office"
key = ["number"]
time = { zone = "Europe/Moscow" }
[fields]
channel = { constant = "counter" }
entrance = { column = "how", values = { "came" = "office" } }
place = { column = "oktmo" }
[[events]]
kind = "appeal_received"
at = "day"
"""
ROWS = 30_000
#: Counts itself, too.
ASKED = "SELECT count() FROM system.processes WHERE query LIKE '%sleepEach%'"
LONG_QUERY = "SELECT sum(sleepEachRow(0.1)) FROM numbers(300) SETTINGS max_block_size = 1"


@pytest.fixture(scope="module", autouse=True)
def office(stack: Machine) -> None:
    """A file of appeals and its mapping."""
    (stack.folder / "m.toml").write_text(MAPPING)
    with (stack.folder / "office.csv").open("w") as file:
        file.write("number,how,oktmo,day\n")
        file.writelines(f"{n},came,45000000,2026-10-{1 + n % 28:02}\n" for n in range(ROWS))


def start(stack: Machine, *arguments: str) -> subprocess.Popen[str]:
    """The command in a session of its own, so that a signal reaches it alone and what it leaves can be counted."""
    return subprocess.Popen(
        stack.command(*arguments),
        cwd=stack.folder,
        env=stack.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    said, _ = process.communicate(timeout=300)
    assert "Traceback" not in said, said
    left = subprocess.run(["ps", "-s", str(process.pid), "-o", "stat="], capture_output=True, text=True, check=False)
    assert all(state.startswith("Z") for state in left.stdout.split()), "it left processes behind"
    return process.returncode, said


def last_sentence(said: str) -> str:
    lines = [line for line in said.splitlines() if line.startswith("gospulse: ")]
    assert len(lines) == 1, said
    return lines[0]


def test_the_broker_dies_in_the_middle_of_an_import_and_a_simulation(stack: Machine) -> None:
    arguments = ["import", "appeals", "office.csv", "--mapping", "m.toml", "--load", "a"]
    before = stack.folded() or 0
    simulating = start(
        stack, "simulate", "--seed", "3", "--events", "100000", "--rate", "3000", "--timeout", "2", "--force"
    )
    until(lambda: (stack.folded() or 0) > before, "the first records arrive")
    importing = start(stack, *arguments, "--timeout", "2")
    until(lambda: list((stack.data / "imports").glob("a-*.json")), "the first rows are confirmed")
    stack.signal("kafka", signal.SIGKILL)
    recounting = start(stack, "verify")
    code, said = end(importing)
    assert code == 1
    assert "did not confirm" in last_sentence(said) and "All rows up to line" in last_sentence(said)
    code, said = end(simulating)
    assert (code, "did not confirm" in last_sentence(said)) == (1, True), said
    code, said = end(recounting)
    assert (code, said.count("\n"), last_sentence(said).endswith("Is it running?")) == (1, 1, True), said
    assert "kafka is up" in stack.run("up")
    assert "resumed after line" in stack.run(*arguments, "--resume")
    of_the_file = "SELECT count() FROM gospulse.appeals WHERE load = 'a'"
    until(lambda: stack.query(of_the_file) == [(ROWS,)], "every row of the file is an appeal")


def test_the_engine_dies_in_the_middle_of_a_question(stack: Machine) -> None:
    asking = start(stack, "query", LONG_QUERY)
    until(lambda: stack.query(ASKED)[0][0] > 1, "the query runs")
    stack.signal("clickhouse", signal.SIGKILL)
    away = "gospulse: The connection to ClickHouse was lost: see `gospulse status`, then run the query again.\n"
    assert end(asking) == (1, away)
    code, said = end(start(stack, "report"))
    assert (code, said.count("\n")) == (1, 1)
    assert "does not answer: start it with `gospulse up`" in last_sentence(said)
    assert "clickhouse is up" in stack.run("up")


@pytest.mark.parametrize("number", [pytest.param(signal.SIGINT, marks=pytest.mark.chaos), signal.SIGTERM])
def test_a_signal_ends_every_long_command_without_a_trace(stack: Machine, number: signal.Signals) -> None:
    running = {
        "simulate": start(stack, "simulate", "--seed", f"9{number}", "--events", "1000000", "--rate", "50", "--force"),
        "query": start(stack, "query", LONG_QUERY),
        "worker": start(stack, "worker", "--name", f"passing-{number}"),
        "import": start(stack, "import", "appeals", "office.csv", "--mapping", "m.toml", "--load", f"s{number}"),
        "logs": start(stack, "logs", "clickhouse", "--follow"),
    }
    until(lambda: list((stack.data / "imports").glob(f"s{number}-*.json")), "the import sends")
    running["import"].send_signal(number)
    # Each of the others has begun as well; none of them ends by itself.
    until(lambda: f"passing-{number}" in {row["worker"] for row in stack.partitions()}, "the worker owns partitions")
    sent = f"SELECT count() FROM gospulse.appeals WHERE source = 'synthetic:9{number}'"
    until(lambda: stack.query(sent)[0][0] > 0, "the simulator sends")
    until(lambda: stack.query(ASKED)[0][0] > 1, "the query runs")
    logs = running["logs"].stdout
    assert logs is not None and logs.readline()
    for name, process in running.items():
        if name != "import":
            assert process.poll() is None, name
            process.send_signal(number)
    ended = {name: end(process) for name, process in running.items()}
    assert {name: code for name, (code, _) in ended.items()} == {
        "simulate": 130,
        "query": 130,
        "worker": 0,
        "import": 130,
        "logs": 130,
    }, ended
    assert not list(stack.data.glob("verify-*"))
    # After the kills of the tests before, and of this one's worker and import: every row is right.
    stack.verified()


def test_a_data_directory_is_used_once(stack: Machine, cache: Path, tmp_path: Path) -> None:
    with pytest.raises(StartError, match="another broker runs on the data directory"):
        start_broker(stack.data / "kafka", HOST, free_port(), cache=cache, run=tmp_path, log=tmp_path / "kafka.log")
    with pytest.raises(StartError) as caught:
        start_clickhouse(
            stack.data / "clickhouse",
            HOST,
            free_port(),
            passwords=stack.data / "passwords",
            run=tmp_path,
            log=tmp_path / "clickhouse.log",
            environ=os.environ | {"PYTHONPATH": stack.environ["PYTHONPATH"]},
        )
    assert any("another process works on the data directory" in line for line in caught.value.lines)
    assert stack.outcome("status")[0] == 0


def test_a_password_that_others_can_read_is_refused(stack: Machine) -> None:
    file = stack.data / "passwords" / "gospulse"
    file.chmod(0o644)
    try:
        code, said = stack.outcome("verify")
        assert (code, last_sentence(said)) == (2, f"gospulse: {file} can be read by others: run `chmod 600 {file}`")
    finally:
        file.chmod(0o600)
