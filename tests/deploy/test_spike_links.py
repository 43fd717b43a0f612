"""Signed links: what they permit, that they expire and work once, and the audit that they leave."""

from __future__ import annotations

import http.client
import os
import re
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from deploy.cli.main import main
from deploy.cli.spikes.links import answering, link_key
from deploy.clickhouse.client import clickhouse as open_clickhouse
from deploy.settings_sources import load
from streams.spikes.episodes import write_episodes
from streams.spikes.links import VALID_S, Link, LinkError, sign, verify
from tests.conftest import ClickHouseServer
from tests.deploy.test_spikes_command import episode

KEY = b"k" * 32
SINCE = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=3)
EPISODE = episode("57703000", SINCE)


def test_a_token_says_what_was_signed_until_it_expires() -> None:
    link = Link("9f2c41d07ab35e88", "hand_over", 1_000_000, "abcdef")
    token = sign(link, KEY)
    assert verify(token, KEY, 999_999) == link
    with pytest.raises(LinkError, match="истёк"):
        verify(token, KEY, 1_000_000)


def test_a_changed_token_is_not_valid() -> None:
    token = sign(Link("9f2c41d07ab35e88", "dismiss", 1_000_000, "abcdef"), KEY)
    for at in range(len(token)):
        changed = token[:at] + ("x" if token[at] != "x" else "y") + token[at + 1 :]
        with pytest.raises(LinkError, match="недействительна"):
            verify(changed, KEY, 0)
    for other in ("", ".", "a.b.c.d.e", token * 50, token.replace("dismiss", "confirm")):
        with pytest.raises(LinkError, match="недействительна"):
            verify(other, KEY, 0)
    with pytest.raises(LinkError, match="недействительна"):
        verify(token, b"l" * 32, 0)


def test_only_what_a_link_may_decide_is_signed() -> None:
    with pytest.raises(ValueError, match="letters and digits"):
        sign(Link("9f2c", "confirm", 1, "ab"), KEY)
    with pytest.raises(ValueError, match="letters and digits"):
        sign(Link("9f.2c", "accept", 1, "ab"), KEY)
    with pytest.raises(ValueError, match="32 bytes"):
        sign(Link("9f2c", "accept", 1, "ab"), b"short")


@pytest.fixture
def client(
    clickhouse_server: ClickHouseServer, tables: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Client]:
    login = clickhouse_server.connection
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GOSPULSE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("GOSPULSE_CLICKHOUSE", f"http://{login.host}:{login.port}")
    monkeypatch.setenv("GOSPULSE_CLICKHOUSE_PASSWORD", login.password.reveal())
    with open_clickhouse(tables) as opened:
        write_episodes(opened, [EPISODE])
        yield opened


@pytest.fixture
def address(client: Client, tmp_path: Path) -> Iterator[tuple[str, int]]:
    settings = load(os.environ, tmp_path)
    server = answering(settings, link_key(settings.data), "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield "127.0.0.1", server.server_address[1]
    server.shutdown()
    thread.join()
    server.server_close()


def ask(address: tuple[str, int], method: str, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(*address, timeout=120)
    connection.request(method, path)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


def links_of(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    capsys.readouterr()
    assert main(["spikes", "links", EPISODE.id, "--url", "https://spikes.example.org/"]) == 0
    return dict(re.findall(r"(\w+) +https://spikes\.example\.org(/spikes/\S+)", capsys.readouterr().out))


def decisions(client: Client) -> list[tuple[Any, ...]]:
    rows = client.query("SELECT id, decision, by FROM gospulse_data.spike_decisions ORDER BY at").result_rows
    return [tuple(row) for row in rows]


def test_a_link_decides_once_and_leaves_an_audit(
    client: Client, address: tuple[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    links = links_of(capsys)
    assert sorted(links) == ["accept", "dismiss", "hand_over"]
    # Opening it decides nothing, however often: messengers open links to preview them.
    for _ in range(2):
        status, page = ask(address, "GET", links["accept"])
        assert status == 200 and "Принять в работу" in page and EPISODE.reason in page
    assert decisions(client) == []
    assert ask(address, "POST", links["accept"])[0] == 200
    nonce = links["accept"].split(".")[3]
    assert decisions(client) == [(EPISODE.id, "accept", f"link {nonce}")]
    for method in ("GET", "POST"):
        status, page = ask(address, method, links["accept"])
        assert status == 403 and "решение уже принято" in page
    # Whoever opens another link sees what a colleague has decided.
    assert "Уже решено: принят в работу" in ask(address, "GET", links["hand_over"])[1]
    assert ask(address, "POST", links["hand_over"])[0] == 200
    assert [row[1] for row in decisions(client)] == ["accept", "hand_over"]


def test_other_requests_decide_nothing(
    client: Client, address: tuple[str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    link = links_of(capsys)["dismiss"]
    assert ask(address, "POST", link[:-1] + ("A" if link[-1] != "A" else "B"))[0] == 403
    assert ask(address, "POST", link.replace("/spikes/", "/other/"))[0] == 404
    assert ask(address, "GET", "/health")[0] == 200
    settings = load(os.environ, Path.cwd())
    old = sign(Link(EPISODE.id, "dismiss", 1, "abcd"), link_key(settings.data))
    status, page = ask(address, "POST", f"/spikes/{old}")
    assert status == 403 and "истёк" in page
    assert decisions(client) == []


def test_the_key_is_for_its_owner_only(client: Client, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert VALID_S == 24 * 3600
    links_of(capsys)
    path = tmp_path / "data" / "spike-links.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    assert main(["spikes", "links", EPISODE.id, "--url", "https://spikes.example.org"]) == 1
    assert f"chmod 600 {path}" in capsys.readouterr().err


def test_links_of_an_unknown_episode_and_a_wrong_address(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["spikes", "links", "0000000000000000", "--url", "https://spikes.example.org"]) == 1
    assert main(["spikes", "links", EPISODE.id, "--url", "spikes.example.org"]) == 2
    assert "not an address such as" in capsys.readouterr().err


def test_the_service_ends_on_sigterm(client: Client) -> None:
    command = [sys.executable, "-P", "-m", "deploy.cli.main", "spikes", "answer", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert "Links are answered at http://127.0.0.1:" in process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
