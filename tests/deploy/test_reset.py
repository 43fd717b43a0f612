"""Deleting a data directory: only with consent, only what Gospulse made, and never under a running process."""

from __future__ import annotations

import io
import os
import re
import sys
from pathlib import Path

import msgspec
import pytest

from deploy.cli.demo.command import _alone, demo_settings
from deploy.cli.main import main
from deploy.errors import UserError
from deploy.machine import data_directory
from deploy.machine.processes import spawn
from deploy.settings_sources import load

ROOT = Path(__file__).parents[2]


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data directory with something of Gospulse and a file of somebody else."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / ".gospulse"
    for name in ("kafka/log", "keys", "run", "verify-x1"):
        (folder / name).mkdir(parents=True)
    (folder / "keys" / "identity").write_bytes(b"x" * 32)
    (folder / "notes.txt").write_text("mine")
    return folder


class Terminal(io.StringIO):
    """Standard input of a person."""

    def isatty(self) -> bool:
        return True


def test_without_an_answer_nothing_is_deleted(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    assert main(["reset"]) == 2
    assert f"all data in {data} would be deleted: confirm with --yes" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", Terminal("\n"))
    assert main(["reset"]) == 1
    asked = capsys.readouterr().out
    assert "kafka" in asked and "Without the identity key" in asked and asked.endswith("Nothing was deleted.\n")
    assert (data / "keys" / "identity").exists()


def test_with_a_yes_all_of_gospulse_goes_and_nothing_else(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    assert main(["reset"]) == 0
    assert [path.name for path in data.iterdir()] == ["notes.txt"]
    assert "kept, because Gospulse did not make it: notes.txt" in capsys.readouterr().out
    (data / "notes.txt").unlink()
    (data / "run").mkdir()
    assert main(["reset", "--yes"]) == 0
    assert not data.exists()
    assert main(["reset", "--yes"]) == 0
    assert "there is nothing of Gospulse in" in capsys.readouterr().out


def test_a_running_process_is_stopped_first(data: Path) -> None:
    process = spawn(
        "worker-1",
        [sys.executable, "-c", "import time; time.sleep(60)"],
        run=data / "run",
        log=data / "logs" / "worker-1.log",
        environ=os.environ,
    )
    assert main(["reset", "--yes"]) == 0
    assert not process.is_alive()


def test_every_entry_of_the_data_directory_is_known() -> None:
    written = set()
    for folder in ("deploy", "ingest", "streams"):
        for source in (ROOT / folder).rglob("*.py"):
            text = source.read_text(encoding="utf-8")
            written |= set(re.findall(r'(?:settings|self|config)\.data / "([^"]+)"', text))
    assert {"kafka", "clickhouse", "imports", "keys", "logs"} <= written
    assert written <= set(data_directory.ENTRIES)


def test_the_demo_has_a_directory_and_servers_of_its_own(tmp_path: Path) -> None:
    settings = load({"GOSPULSE_WORKERS": "1"}, tmp_path)
    demo = demo_settings(settings)
    assert (demo.data, demo.workers) == (tmp_path / ".gospulse-demo", 2)
    for name, address in (("KAFKA", "k:1"), ("CLICKHOUSE", "http://c:1")):
        with pytest.raises(UserError, match=f"the demo uses servers of its own, and GOSPULSE_{name} names an existing"):
            demo_settings(load({f"GOSPULSE_{name}": address}, tmp_path))
    assert msgspec.structs.replace(demo, data=settings.data, workers=1) == settings


def test_a_second_demo_does_not_empty_the_directory_of_the_first(tmp_path: Path) -> None:
    second = _alone(tmp_path / "demo")
    with _alone(tmp_path / "demo"), pytest.raises(UserError, match="another demo runs in"), second:
        pytest.fail("two demos at once")
    with _alone(tmp_path / "demo"):
        pass
