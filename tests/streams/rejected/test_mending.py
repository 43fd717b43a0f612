"""Rejected records: what is shown of them, and mended ones that are sent once, on real parts through the command."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import given
from hypothesis import strategies as st

from deploy.cli.main import main
from deploy.clickhouse.client import clickhouse as open_clickhouse
from schemas.clickhouse.generations import record_state
from schemas.connections import ClickHouseConnection, KafkaConnection
from schemas.contract.events import Event, EventValidator
from streams.positions import Position
from streams.rejected.mending import MendingError, mend, mended_id, parse_line, parse_origin, structure
from tests.streams.builders.folded_log import START_MS, FoldedLog, some_events, some_rejections

RECORD = {
    "v": 1,
    "kind": "comment_added",
    "at": START_MS,
    "source": "vk-callback",
    "place": "75701000",
    "channel": "vk",
    "entrance": "public_page",
    "page": "vk:77",
    "author": "5" * 32,
}


def test_the_structure_names_fields_and_no_values() -> None:
    value = json.dumps({"phone": "+79991234567", "at": 17908, "tags": ["Иванов"], "deep": {"urgent": True}}).encode()
    fields = structure(value)
    assert fields is not None
    assert {(f.path, f.type, f.length) for f in fields} == {
        ("(record)", "object", 4),
        ("phone", "text", 12),
        ("at", "whole number", 5),
        ("tags", "list", 1),
        ("tags[0]", "text", 6),
        ("deep", "object", 1),
        ("deep.urgent", "true or false", None),
    }
    assert structure(b"\xff") is None


SCALARS = st.none() | st.booleans() | st.integers() | st.text()


@given(st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_any_json_has_a_structure_without_its_texts(content: Any) -> None:
    fields = structure(json.dumps(content).encode())
    assert fields is not None
    assert len(fields) <= 200
    if isinstance(content, str) and len(content) > 20:
        assert all(content not in f.path for f in fields)


def test_a_mended_record_has_the_id_of_its_origin() -> None:
    origin = Position(1, 3, 4711)
    once, again = mend(origin, RECORD), mend(origin, RECORD | {"id": "f" * 32})
    assert once == again
    assert once.id == mended_id(origin) != mended_id(Position(1, 3, 4712))
    assert (once.topic, once.key) == ("events", "vk:77")
    accepted = EventValidator()(once.value)
    assert getattr(accepted, "id", None) == once.id


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        (b"{}", "origin"),
        (b'{"origin": "1:2", "record": {}}', "not a position"),
        (b'{"origin": "1:2:3", "record": {"v": 1, "kind": "nothing"}}', "rejected too"),
        (b'{"origin": "1:2:3", "record": 5}', "record"),
        (b"\xff", "not JSON"),
    ],
)
def test_a_line_that_cannot_be_used_says_why(line: bytes, sentence: str) -> None:
    with pytest.raises(MendingError, match=sentence):
        parse_line(line)


def test_positions_are_read_strictly() -> None:
    assert parse_origin("1:3:4711") == Position(1, 3, 4711)
    for text in ("1:3", "1:3:x", "1:3:-1", "1:3:4:5", "", "1: 3:4"):
        with pytest.raises(MendingError):
            parse_origin(text)


@pytest.fixture
def client(tables: ClickHouseConnection) -> Iterator[Client]:
    with open_clickhouse(tables) as client:
        yield client


@pytest.fixture
def command(
    kafka: KafkaConnection, tables: ClickHouseConnection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ``gospulse`` command finds the tests' servers."""
    monkeypatch.setenv("GOSPULSE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("GOSPULSE_KAFKA", kafka.bootstrap[0])
    monkeypatch.setenv("GOSPULSE_TOPIC_PREFIX", kafka.topic_prefix)
    monkeypatch.setenv("GOSPULSE_CLICKHOUSE", f"http://{tables.host}:{tables.port}")
    monkeypatch.setenv("GOSPULSE_CLICKHOUSE_PASSWORD", tables.password.reveal())
    monkeypatch.chdir(tmp_path)


def test_list_show_replay_verify_and_trim(
    kafka: KafkaConnection, client: Client, command: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = FoldedLog(kafka, client, 1)
    record_state(client, 1, "active")
    secret = b'{"v": 1, "name": "Marked Name", "place": "75701000"}'
    good = [value for value in some_events(random.Random(1), 400) if isinstance(EventValidator()(value), Event)]
    log.send("events", 0, [*good[:300], secret])
    log.send("rejected", 0, some_rejections(2))
    log.fold()
    number = log.logs["events"]

    assert main(["rejected", "list"]) == 0
    listed = capsys.readouterr().out
    assert f"{number}:0:300" in listed
    assert "Too long." in listed
    assert main(["rejected", "show", f"{number}:0:300"]) == 0
    masked = capsys.readouterr().out
    assert "name" in masked
    assert "Marked" not in masked
    assert main(["rejected", "show", f"{number}:0:300", "--raw"]) == 0
    assert "Marked Name" in capsys.readouterr().out
    assert main(["rejected", "show", f"{number}:0:9999"]) == 1
    assert main(["rejected", "show", "here"]) == 2

    mended = tmp_path / "mended.jsonl"
    lines = [
        {"origin": f"{number}:0:300", "record": RECORD},
        {"origin": f"{number}:0:1", "record": RECORD},
        {"origin": f"{number}:0:300", "record": {"v": 1}},
    ]
    mended.write_text("\n".join(json.dumps(line) for line in lines))
    capsys.readouterr()
    assert main(["rejected", "replay", str(mended)]) == 1
    said = capsys.readouterr().out
    assert "1 mended records sent" in said
    assert "no rejected record at" in said
    assert main(["rejected", "replay", str(mended)]) == 1
    assert "0 mended records sent, 1 were sent before" in capsys.readouterr().out
    log.read_again()
    sent = [value for part in (0, 1) for value in log.batch("events", part).values if value and b"vk:77" in value]
    assert len(sent) == 1
    assert mended_id(Position(number, 0, 300)).encode() in sent[0]
    assert main(["rejected", "replay", str(tmp_path / "absent")]) == 2

    log.fold()
    assert main(["verify", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["green"]
    assert main(["trim", "--before-offset", "250", "--dry-run"]) == 0
    assert "deleted" in capsys.readouterr().out
    assert main(["trim", "--before-offset", "250"]) == 2
    assert main(["trim", "--before-offset", "250", "--yes"]) == 0
    assert main(["verify"]) == 0
    assert "judged from offset" in capsys.readouterr().out
    assert main(["trim", "--dry-run"]) == 0
    assert main(["trim", "--keep-days", "1", "--dry-run"]) == 0
    assert "No record can be deleted" in capsys.readouterr().out
