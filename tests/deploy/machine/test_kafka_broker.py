from __future__ import annotations

import os
import re
import signal
import socket
import time
from pathlib import Path

import pytest
from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.errors import KafkaError

from deploy import topics
from deploy.machine.kafka_broker import configuration, jars
from deploy.machine.kafka_broker import process as broker_process
from deploy.machine.kafka_broker.process import STOP_PATIENCE_S, cluster_id, start_broker
from deploy.machine.processes import PortLostError, Process, StartError, stop
from schemas.connections import KafkaConnection
from tests.servers.ports import free_port


def _program(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of PATH but the shell."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return tmp_path


def test_a_java_that_is_missing_or_too_old_is_named_with_what_to_install(programs: Path) -> None:
    with pytest.raises(jars.PrerequisiteError, match="Kafka needs Java: install a JRE 17 or newer"):
        jars.java()
    _program(programs, "java", """echo 'openjdk version "11.0.20" 2023-07-18' >&2""")
    with pytest.raises(jars.PrerequisiteError, match=r"Kafka needs Java 17, .*/java is 11"):
        jars.java()
    _program(programs, "java", """echo 'java version "1.8.0_392"' >&2""")
    with pytest.raises(jars.PrerequisiteError, match="is 8"):
        jars.java()
    _program(programs, "java", """echo 'openjdk version "21.0.1" 2023-10-17' >&2""")
    assert jars.java() == str(programs / "java")


def test_a_maven_that_is_missing_or_fails_leaves_nothing_that_looks_complete(programs: Path) -> None:
    cache = programs / "cache"
    with pytest.raises(jars.PrerequisiteError, match="mvn was not found: install it"):
        jars.fetch(cache, lambda _line: None)
    _program(programs, "mvn", "echo '[INFO] working'; echo '[ERROR] Could not transfer artifact'; exit 1")
    with pytest.raises(StartError, match="Maven Central") as caught:
        jars.fetch(cache, lambda _line: None)
    assert caught.value.lines == ("[ERROR] Could not transfer artifact",)
    assert not jars.folder(cache).exists()


def test_a_port_that_is_taken_is_one_sentence(cache: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(StartError, match=rf"kafka cannot listen on 127.0.0.1:{port}: the port is in use"):
            start_broker(tmp_path / "kafka", "127.0.0.1", port, cache=cache, run=tmp_path, log=tmp_path / "kafka.log")


@pytest.mark.long
def test_a_port_lost_to_another_server_is_not_the_broker(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Free when it was looked at, taken when the broker binds.
    monkeypatch.setattr(broker_process, "demand_free", lambda *_: None)
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        port = stranger.getsockname()[1]
        with pytest.raises(PortLostError, match="another process has taken the port"):
            start_broker(tmp_path / "kafka", "127.0.0.1", port, cache=cache, run=tmp_path, log=tmp_path / "kafka.log")


def test_topics_of_another_cluster_are_not_taken_for_ours(kafka: KafkaConnection) -> None:
    with pytest.raises(topics.TopicsError, match="and this data directory has the cluster gOURS: another broker has"):
        topics.apply(kafka, 1, cluster="gOURS")
    assert topics.existing(kafka) == {}


@pytest.mark.parametrize("name", ["Документы", "a folder", "a\\b=c#d!e:f", "😀"])
def test_properties_are_read_back_as_java_reads_them(name: str) -> None:
    text = configuration.server_properties(Path(f"/{name}"), "127.0.0.1", 1, 2)
    assert text.isascii()
    (line,) = [line for line in text.splitlines() if line.startswith("log.dirs=")]
    value = line.removeprefix("log.dirs=")
    # JLS 3.3 and Properties.load: \uXXXX is a unit of UTF-16, a backslash takes the next character as it is.
    units = re.sub(r"\\u([0-9a-f]{4})|\\(.)", lambda found: chr(int(found[1], 16)) if found[1] else found[2], value)
    assert units.encode("utf-16", "surrogatepass").decode("utf-16") == f"/{name}"


@pytest.mark.long
@pytest.mark.parametrize("name", ["Мои документы", "with space"])
def test_data_in_any_directory_in_any_locale(
    name: str, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_ALL", "C")
    data, port = tmp_path / name / "kafka", free_port()
    kafka = KafkaConnection(bootstrap=(f"127.0.0.1:{port}",))
    ids: list[dict[str, topics.Existing]] = []
    for _ in range(2):
        process = start_broker(
            data, "127.0.0.1", port, cache=cache, run=tmp_path / "run", log=tmp_path / "kafka.log", heap_mb=256
        )
        try:
            topics.apply(kafka, 1, cluster=cluster_id(data))
            ids.append(topics.existing(kafka))
        finally:
            assert stop([process], STOP_PATIENCE_S) == []
    assert ids[0] == ids[1] and len(ids[0]) == 3
    assert (data / "log" / "events-0").is_dir()
    assert sorted(path.name for path in (tmp_path / name).iterdir()) == ["kafka"]
    assert {path.name for path in tmp_path.iterdir()} == {name, "run", "kafka.log"}


def test_a_directory_with_a_comma_is_one_sentence(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(StartError, match="Kafka takes a comma for the end of a directory's name"):
        start_broker(
            tmp_path / "a,b", "127.0.0.1", free_port(), cache=cache, run=tmp_path / "run", log=tmp_path / "kafka.log"
        )


def test_a_broker_that_cannot_write_its_data_says_so_in_its_own_words(cache: Path, tmp_path: Path) -> None:
    data = tmp_path / "kafka"
    (data / "log").mkdir(parents=True)
    (data / "log" / "meta.properties").write_text("version=7\n")  # another format than this broker knows
    with pytest.raises(StartError, match="kafka ended by itself") as caught:
        start_broker(data, "127.0.0.1", free_port(), cache=cache, run=tmp_path / "run", log=tmp_path / "kafka.log")
    assert any("meta.properties" in line for line in caught.value.lines)


@pytest.mark.long
def test_acknowledged_records_outlive_kill_9_and_topics_never_make_themselves(cache: Path, tmp_path: Path) -> None:
    port = free_port()
    kafka = KafkaConnection(bootstrap=(f"127.0.0.1:{port}",))

    def start() -> Process:
        return start_broker(
            tmp_path / "kafka",
            "127.0.0.1",
            port,
            cache=cache,
            run=tmp_path / "run",
            log=tmp_path / "kafka.log",
            heap_mb=256,
        )

    process = start()
    try:
        topics.apply(kafka, 1)
        ids = topics.existing(kafka)
        producer = KafkaProducer(bootstrap_servers=list(kafka.bootstrap), acks="all", max_block_ms=1500)
        stamps = [producer.send("events", b"%d" % number, partition=0).get(10).timestamp for number in range(20)]
        assert all(stamp > 1_700_000_000_000 for stamp in stamps)  # given by the broker: LogAppendTime
        with pytest.raises(KafkaError):
            producer.send("evnets", b"x").get(5)
        producer.close()
        os.kill(process.pid, signal.SIGKILL)
        while process.is_alive():
            time.sleep(0.01)
        process = start()
        assert topics.existing(kafka) == ids
        consumer = KafkaConsumer(bootstrap_servers=list(kafka.bootstrap), auto_offset_reset="earliest")
        consumer.assign([TopicPartition("events", 0)])
        read: list[bytes] = []
        while len(read) < 20:
            for records in consumer.poll(timeout_ms=500).values():
                read += [record.value for record in records]
        assert read == [b"%d" % number for number in range(20)]
        assert "evnets" not in consumer.topics()
        consumer.close()
    finally:
        assert stop([process], STOP_PATIENCE_S) == []  # SIGTERM is enough
