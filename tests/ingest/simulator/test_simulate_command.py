"""``gospulse simulate``: into a real broker and into files, stopped in the middle, and used wrongly."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from deploy.cli.main import main
from ingest.kafka.partitioner import Partitioner
from ingest.simulator.federation import Federation
from ingest.simulator.spec import FederationSpec
from ingest.simulator.truth import load_truth, truth_of
from schemas.connections import KafkaConnection
from tests.ingest.simulator.builders.plain_truth import PlainTruth
from tests.ingest.simulator.test_truth import assert_true

ROOT = Path(__file__).resolve().parents[3]
PARTITIONS = {"events": 8, "readings": 4}


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOSPULSE_DATA", str(tmp_path / "data"))
    return tmp_path


def create_topics(kafka: KafkaConnection) -> None:
    admin = KafkaAdminClient(bootstrap_servers=list(kafka.bootstrap))
    wanted = {
        kafka.topic(name): {
            "num_partitions": number,
            "replication_factor": 1,
            "configs": {"message.timestamp.type": "LogAppendTime"},
        }
        for name, number in PARTITIONS.items()
    }
    admin.create_topics(wanted, wait_for_metadata=True)
    admin.close()


def read(kafka: KafkaConnection, name: str) -> dict[int, list[tuple[bytes, bytes]]]:
    consumer = KafkaConsumer(bootstrap_servers=list(kafka.bootstrap), enable_auto_commit=False)
    places = [TopicPartition(kafka.topic(name), number) for number in range(PARTITIONS[name])]
    consumer.assign(places)
    consumer.seek_to_beginning(*places)
    ends = consumer.end_offsets(places)
    found: dict[int, list[tuple[bytes, bytes]]] = {place.partition: [] for place in places}
    while any(len(found[place.partition]) < ends[place] for place in places):
        for place, records in consumer.poll(timeout_ms=500).items():
            found[place.partition] += [(record.key, record.value) for record in records]
    consumer.close()
    return found


def lines(path: Path) -> list[tuple[str, bytes, bytes]]:
    found = []
    for line in path.read_text(encoding="utf-8").splitlines():
        record: dict[str, Any] = json.loads(line)
        found.append((record["topic"], record["key"].encode(), json.dumps(record["value"]).encode()))
    return found


def test_the_broker_holds_what_the_truth_says(
    kafka: KafkaConnection, environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_topics(kafka)
    monkeypatch.setenv("GOSPULSE_KAFKA", ",".join(kafka.bootstrap))
    monkeypatch.setenv("GOSPULSE_TOPIC_PREFIX", kafka.topic_prefix)
    truth = environment / "truth"
    command = ["simulate", "--seed", "3", "--events", "4000", "--pages", "60", "--municipalities", "20"]
    assert main([*command, "--duplicates", "0.1", "--truth", str(truth)]) == 0
    summary = load_truth(truth).summary
    events = read(kafka, "events")
    assert sum(map(len, events.values())) == summary.events == 4000
    assert sum(map(len, read(kafka, "readings").values())) == summary.readings
    assert all(Partitioner(8)(key) == number for number, records in events.items() for key, _ in records)
    # Copies meet in one partition, so counting each partition alone finds every fact once.
    facts = Counter(kind for records in events.values() for kind in kinds_of_facts(records))
    assert facts == {kind: count for kind, count in summary.facts_by_kind.items() if count}


@pytest.mark.parametrize("at_the_end", [True, False])
def test_synthetic_data_are_not_sent_where_real_data_are(
    at_the_end: bool,
    kafka: KafkaConnection,
    environment: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    create_topics(kafka)
    monkeypatch.setenv("GOSPULSE_KAFKA", ",".join(kafka.bootstrap))
    monkeypatch.setenv("GOSPULSE_TOPIC_PREFIX", kafka.topic_prefix)
    command = ["simulate", "--seed", "3", "--events", "2000", "--no-readings"]
    real = b'{"v": 1, "source": "import:office", "kind": "appeal_received"}'
    assert main(command) == 0
    with KafkaProducer(bootstrap_servers=list(kafka.bootstrap)) as producer:
        for value in [real, b"not a record", *([] if at_the_end else [b'{"source": "synthetic:3"}'] * 50)]:
            producer.send(kafka.topic("events"), value, partition=5)
    capsys.readouterr()
    assert main([*command, "--seed", "4"]) == 2
    assert "events holds real data (source import:office)" in capsys.readouterr().err
    assert sum(map(len, read(kafka, "events").values())) == 2000 + (2 if at_the_end else 52)
    assert main([*command, "--seed", "4", "--force"]) == 0


def kinds_of_facts(records: list[tuple[bytes, bytes]]) -> list[str]:
    first = {event["id"]: event["kind"] for event in (json.loads(value) for _, value in reversed(records))}
    return list(first.values())


def test_a_file_holds_the_records_and_the_truth_beside_it(
    environment: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, truth = environment / "events.jsonl", environment / "truth"
    command = ["simulate", "--seed", "5", "--events", "2000", "--end", "2026-11-20", "--late", "0.1", "--no-readings"]
    assert main([*command, "--to-file", str(file), "--truth", str(truth)]) == 0
    said = capsys.readouterr().out
    assert "synthetic:5" in said
    assert "2026-11-20T00:00:00Z" in said
    read_back = load_truth(truth)
    assert_true(read_back, PlainTruth(read_back.summary.spec, lines(file)))


def test_a_dry_run_sends_nothing_and_needs_no_broker(environment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--seed", "5", "--events", "500", "--dry-run", "--spikes", "1"]) == 0
    said = capsys.readouterr().out
    assert "nowhere" in said
    assert "Spike in" in said


def test_stopped_in_the_middle_the_truth_is_that_of_what_was_written(environment: Path) -> None:
    file, truth = environment / "events.jsonl", environment / "truth"
    command = [
        sys.executable,
        "-m",
        "deploy.cli.main",
        "simulate",
        "--seed",
        "9",
        "--events",
        "100000",
        "--rate",
        "500",
    ]
    process = subprocess.Popen(
        [*command, "--to-file", str(file), "--truth", str(truth), "--no-readings", "--duplicates", "0.1"],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    while process.poll() is None and not (file.exists() and file.stat().st_size > 20_000):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 130, said
    assert "Stopped" in said
    assert "Traceback" not in said
    written = load_truth(truth)
    assert not written.summary.complete
    assert 0 < written.summary.events < 100_000
    assert_true(written, PlainTruth(written.summary.spec, lines(file)))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--end", "2050-01-01"], "10 minutes ahead"),
        (["--end", "yesterday", "--dry-run"], "is not a time"),
        (["--regions", "0", "--dry-run"], "Regions"),
        (["--duplicates", "3", "--dry-run"], "between 0 and 1"),
        (["--rate", "0", "--dry-run"], "--rate"),
        (["--timeout", "0", "--dry-run"], "--timeout"),
        (["--start", "2026-11-21", "--end", "2026-11-20", "--dry-run"], "span"),
    ],
)
def test_wrong_use_is_one_sentence_and_exit_code_2(
    environment: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    assert main(["simulate", "--seed", "1", *options]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert len(error.strip().splitlines()) == 1


def test_a_place_that_cannot_be_written_is_one_sentence(environment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["simulate", "--seed", "1", "--events", "10", "--to-file", str(environment / "no" / "file")]) == 1
    assert "cannot be written" in capsys.readouterr().err


def test_a_broker_that_is_not_there_is_one_sentence(
    environment: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GOSPULSE_KAFKA", "127.0.0.1:1")
    assert main(["simulate", "--seed", "1", "--events", "10", "--timeout", "1"]) == 1
    error = capsys.readouterr().err
    assert "127.0.0.1:1" in error
    assert len(error.strip().splitlines()) == 1


def test_the_spec_of_a_truth_gives_the_same_truth_again(environment: Path) -> None:
    """What the summary records is enough to repeat a run."""
    truth = environment / "truth"
    assert main(["simulate", "--seed", "8", "--events", "1500", "--dry-run", "--truth", str(truth)]) == 0
    first = load_truth(truth)
    spec: FederationSpec = first.summary.spec
    federation = Federation(spec)
    for _ in federation.records():
        pass
    assert truth_of(federation, complete=True).summary == first.summary
