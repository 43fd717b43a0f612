"""``gospulse import`` as a person uses it: exit codes, sentences, what is shown, stopping with a signal."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from deploy import topics
from deploy.cli.main import main
from deploy.clickhouse.client import clickhouse as open_clickhouse
from schemas.connections import ClickHouseConnection, KafkaConnection
from schemas.contract.topics import EVENTS
from tests.ingest.conftest import Records
from tests.servers.ports import free_port

MAPPING = """
shape = "appeals"
source = "import:office"
key = ["number"]
time = { zone = "Europe/Moscow" }
[fields]
channel = { constant = "counter" }
entrance = { column = "how", values = { "came" = "office", "wrote" = "email" } }
place = { column = "oktmo" }
[[events]]
kind = "appeal_received"
at = "day"
"""
HEADER = "number,how,oktmo,day\n"

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs ``gospulse import appeals``; gives exit code, standard output and standard error."""
    monkeypatch.setenv("GOSPULSE_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    Path("m.toml").write_text(MAPPING)

    def run(*arguments: str, kafka: KafkaConnection | None = None) -> tuple[int, str, str]:
        address = kafka.bootstrap[0] if kafka else f"127.0.0.1:{free_port()}"
        monkeypatch.setenv("GOSPULSE_KAFKA", address)
        monkeypatch.setenv("GOSPULSE_TOPIC_PREFIX", kafka.topic_prefix if kafka else "")
        try:
            code = main(["import", "appeals", *arguments])
        except SystemExit as error:
            code = int(str(error.code))
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def office(path: str, rows: list[str]) -> str:
    Path(path).write_text(HEADER + "".join(rows))
    return path


def test_a_good_file(command: Command, topics: KafkaConnection, read_topic: Callable[[str], Records]) -> None:
    file = office("a.csv", ["1,came,45000000,2026-10-01\n", "2,wrote,45000000,2026-10-02\n"])
    code, out, err = command(file, "--mapping", "m.toml", "--load", "first", kafka=topics)
    assert (code, err) == (0, "")
    assert "rows read" in out and "first" in out
    assert {json.loads(value)["load"] for _, _, value in read_topic(EVENTS)} == {"first"}
    code, out, _ = command(file, "--mapping", "m.toml", "--load", "first", "--resume", kafka=topics)
    assert code == 0 and "is complete" in out
    assert len(read_topic(EVENTS)) == 2


def test_some_rejected_rows_are_a_note_and_only_rejected_rows_a_failure(
    command: Command, topics: KafkaConnection
) -> None:
    bad = "2,Анна Иванова,45000000,2026-10-02\n"
    file = office("a.csv", ["1,came,45000000,2026-10-01\n", bad])
    code, out, err = command(file, "--mapping", "m.toml", "--rejects", "bad.jsonl", kafka=topics)
    assert code == 0 and "bad.jsonl" in out and "entrance" in out
    assert json.loads(Path("bad.jsonl").read_text())["line"] == 3
    code, out, err = command(office("b.csv", [bad, bad]), "--mapping", "m.toml", kafka=topics)
    assert code == 1 and "every row was rejected" in err
    assert "Анна" not in out + err + Path("bad.jsonl").read_text()


def test_a_header_without_rows_is_no_failure(command: Command, topics: KafkaConnection) -> None:
    code, out, _ = command(office("a.csv", []), "--mapping", "m.toml", kafka=topics)
    assert code == 0 and "The file has no rows: nothing was imported." in out


def test_rows_that_share_a_key_are_told(command: Command, topics: KafkaConnection) -> None:
    keys = ["A1", "1,01E+11", "A2", "1,01E+11", "A1", "1,01E+11"]
    file = office("a.csv", [f'"{key}",came,45000000,2026-10-01\n' for key in keys])
    code, out, _ = command(file, "--mapping", "m.toml", kafka=topics)
    assert code == 0
    assert "3 rows have the key of an earlier row (such keys: 2; the key of line 3 is in 3 rows)." in out
    assert "Keys such as 1,01E+11 are long numbers that a spreadsheet has shortened" in out
    code, out, _ = command(office("b.csv", ["A1,came,45000000,2026-10-01\n"]), "--mapping", "m.toml", kafka=topics)
    assert code == 0 and "key" not in out


@pytest.mark.parametrize("name", ["моё.toml", "my map.toml"])
def test_a_mapping_may_have_any_name(name: str, command: Command, topics: KafkaConnection) -> None:
    Path(name).write_text(MAPPING)
    file = office("a.csv", ["1,came,45000000,2026-10-01\n"])
    code, out, err = command(file, "--mapping", name, kafka=topics)
    assert (code, err) == (0, "") and "rows read" in out


def test_a_place_outside_the_alphabet_is_rejected_with_the_alphabet(command: Command, topics: KafkaConnection) -> None:
    file = office("a.csv", ["1,came,округ:7,2026-10-01\n", "2,came,45000000,2026-10-01\n"])
    code, out, _ = command(file, "--mapping", "m.toml", "--rejects", "bad.jsonl", kafka=topics)
    assert code == 0 and "rows rejected" in out
    reason = json.loads(Path("bad.jsonl").read_text())["reason"]
    assert "Column `oktmo`: a place is eight digits of OKTMO, or `namespace:code`" in reason and "округ" not in reason


def test_a_file_that_is_cut_off(command: Command, topics: KafkaConnection) -> None:
    rows = [f"{n},came,45000000,2026-10-{1 + n * n % 27:02}\n" for n in range(5_000)]
    Path("a.csv.gz").write_bytes(gzip.compress((HEADER + "".join(rows)).encode())[:-500])
    code, out, err = command("a.csv.gz", "--mapping", "m.toml", kafka=topics)
    assert code == 1 and "a.csv.gz is cut off" in err and "All rows up to line" in err and "Traceback" not in err
    assert "rows read" in out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["absent.csv", "--mapping", "m.toml"], "There is no file absent.csv"),
        (["a.csv", "--mapping", "absent.toml"], "There is no mapping absent.toml; these come with Gospulse"),
        (["a.csv", "--mapping", "service-requests-311"], "has no column SRNumber, "),
        (["a.csv", "--mapping", "bad.toml"], "The mapping bad.toml: unknown key `colour`"),
        (["a.csv", "--mapping", "m.toml", "--as-of", "2026-10-01"], "imports appeals one by one"),
        (["a.csv", "--mapping", "m.toml", "--timeout", "0"], "argument --timeout"),
        (["a.csv", "--mapping", "m.toml", "--resume"], "leave --resume out"),
        (["empty.csv", "--mapping", "m.toml"], "empty.csv is empty"),
        (["a.csv"], "--mapping"),
    ],
)
def test_wrong_use_is_one_sentence_and_two(command: Command, arguments: list[str], sentence: str) -> None:
    office("a.csv", ["1,came,45000000,2026-10-01\n"])
    Path("empty.csv").touch()
    Path("bad.toml").write_text('colour = "red"\n' + MAPPING)
    code, out, err = command(*arguments)
    assert (code, out) == (2, "") and sentence in err and "Traceback" not in err


def test_no_broker_is_one_sentence_and_one(command: Command) -> None:
    file = office("a.csv", ["1,came,45000000,2026-10-01\n"])
    code, _, err = command(file, "--mapping", "m.toml", "--timeout", "1")
    assert code == 1 and "Kafka does not answer" in err and "Nothing was imported" in err


def test_missing_topics_are_one_sentence_and_one(command: Command, kafka: KafkaConnection) -> None:
    file = office("a.csv", ["1,came,45000000,2026-10-01\n"])
    code, _, err = command(file, "--mapping", "m.toml", "--timeout", "1", kafka=kafka)
    assert code == 1 and "gospulse topics apply" in err and "No row was imported" in err


def test_a_signal_stops_it_and_resume_goes_on(
    command: Command, topics: KafkaConnection, read_topic: Callable[[str], Records], tmp_path: Path
) -> None:
    rows = 25_000
    file = office("a.csv", [f"{n},came,45000000,2026-10-01\n" for n in range(rows)])
    environ = {
        **os.environ,
        "GOSPULSE_KAFKA": topics.bootstrap[0],
        "GOSPULSE_TOPIC_PREFIX": topics.topic_prefix,
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }
    call = [sys.executable, "-m", "deploy.cli.main", "import", "appeals", file, "--mapping", "m.toml", "--load", "l"]
    with subprocess.Popen(call, env=environ, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as process:
        progress = tmp_path / "data" / "imports"
        while not list(progress.glob("l-*.json")):
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=120)
    assert process.returncode == 130 and "Stopped. All rows up to line" in out and "--resume" in out
    sent = len(read_topic(EVENTS))
    assert 0 < sent < rows
    code, out, _ = command(file, "--mapping", "m.toml", "--load", "l", "--resume", kafka=topics)
    assert code == 0 and "resumed after line" in out
    values = [value for _, _, value in read_topic(EVENTS)]
    assert len(values) == rows == len({json.loads(value)["id"] for value in values})


def test_records_in_a_stopped_partition_are_a_failure(
    command: Command, kafka: KafkaConnection, tables: ClickHouseConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are safe in Kafka, but nobody counts them: the import says so and does not end with 0."""
    topics.apply(kafka, 1)
    monkeypatch.setenv("GOSPULSE_CLICKHOUSE", f"http://{tables.host}:{tables.port}")
    monkeypatch.setenv("GOSPULSE_CLICKHOUSE_PASSWORD", tables.password.reveal())
    with open_clickhouse(tables) as client:
        log = topics.register(client, topics.existing(kafka), datetime.now(UTC))[EVENTS]
        Path("f.csv").write_text(HEADER + "".join(f"{n},came,45382000,2026-03-02 10:00\n" for n in range(200)))
        heartbeat = (
            "INSERT INTO gospulse_data.progress_g1 (log, part, folded, latest) "
            f"SELECT {log}, number, 0, tuple(now64(3), 0, 'worker-1', if(number = 3, %(why)s, '')) FROM numbers(8)"
        )
        client.command(heartbeat, parameters={"why": ""})
        assert command("f.csv", "--mapping", "m.toml", kafka=kafka)[0] == 0
        client.command(heartbeat, parameters={"why": "Records were lost."})
        code, out, err = command("f.csv", "--mapping", "m.toml", kafka=kafka)
    assert code == 1
    assert "200" in out
    assert "some of them are not counted yet. Stopped events 3: Records were lost." in err
