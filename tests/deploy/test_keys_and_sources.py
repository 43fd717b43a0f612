"""The commands ``keys`` and ``sources``: what a person types, sees and may do wrong."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from deploy.cli.main import main
from ingest.platforms.vk import WANTED_TYPES
from ingest.sources import read_sources, sources_file


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / ".gospulse"


def said(capsys: pytest.CaptureFixture[str]) -> str:
    told = capsys.readouterr()
    return told.out + told.err


def test_a_page_is_added_confirmed_rotated_and_removed(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = sources_file(data / "sources", "vk")
    assert main(["sources", "add", "vk", "club123456"]) == 0
    (first,) = read_sources(path)["123456"].secrets
    told = said(capsys)
    assert first in told and "5.199" in told and all(name in told for name in WANTED_TYPES)
    assert "--confirmation-file" in told and path.stat().st_mode & 0o777 == 0o600
    Path("code.txt").write_text("1a2b3c4d\n")
    assert main(["sources", "add", "vk", "123456", "--confirmation-file", "code.txt"]) == 0
    assert read_sources(path)["123456"].confirmation == "1a2b3c4d"
    assert main(["sources", "rotate", "vk", "123456"]) == 0
    assert read_sources(path)["123456"].secrets[1] == first
    said(capsys)
    assert main(["sources", "list"]) == 0
    listed = said(capsys)
    assert "123456" in listed and first not in listed
    assert main(["sources", "rotate", "vk", "123456", "--finish"]) == 0
    assert len(read_sources(path)["123456"].secrets) == 1 and first not in path.read_text()
    assert main(["sources", "remove", "vk", "123456"]) == 0
    assert read_sources(path) == {}


def test_the_public_address_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("GOSPULSE_WEBHOOK_URL", "https://pulse.example.ru/hooks/")
    assert main(["sources", "add", "vk", "1"]) == 0
    assert "https://pulse.example.ru/hooks/vk" in said(capsys)


def test_a_confirmation_text_comes_from_standard_input(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("1a2b3c4d\n"))
    assert main(["sources", "add", "vk", "1", "--confirmation-file", "-"]) == 0
    assert read_sources(sources_file(data / "sources", "vk"))["1"].confirmation == "1a2b3c4d"
    Path("two-lines.txt").write_text("one\ntwo\n")
    assert main(["sources", "add", "vk", "1", "--confirmation-file", "two-lines.txt"]) == 2
    assert "one line" in said(capsys)


@pytest.mark.parametrize("action", ["test", "rotate", "remove"])
def test_an_unknown_page_is_named(action: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sources", action, "vk", "77"]) == 2
    assert "sources add" in said(capsys)


def test_a_page_is_tested_only_where_the_service_runs(capsys: pytest.CaptureFixture[str]) -> None:
    main(["sources", "add", "vk", "77"])
    assert main(["sources", "test", "vk", "77"]) == 1
    assert "gospulse up" in said(capsys)


def test_keys_are_made_listed_rotated_and_destroyed(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["keys", "create"]) == 0
    assert main(["keys", "create"]) == 0
    secrets = [(data / "keys" / "identity").read_text().strip(), (data / "keys" / "authors" / "1970-01-01").read_text()]
    assert main(["keys", "rotate"]) == 0
    assert main(["keys", "rotate", "--from", "2099-01-01"]) == 0
    assert main(["keys", "list"]) == 0
    told = said(capsys)
    assert "in force" in told and "2099-01-01" in told and "waits" in told
    assert not any(secret.strip() in told for secret in secrets)
    assert main(["keys", "rotate", "--from", "2001-01-01"]) == 2
    assert main(["keys", "destroy", "1970-01-01", "--yes"]) == 1
    assert "in force" in said(capsys)
    monkeypatch.setattr("builtins.input", lambda: "no")
    assert main(["keys", "destroy", "2099-01-01"]) == 1
    assert main(["keys", "destroy", "2099-01-01", "--yes"]) == 0
    assert main(["keys", "list"]) == 0
    assert "destroyed" in said(capsys)
