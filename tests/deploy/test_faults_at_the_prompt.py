"""What a stranger meets at the prompt: help with examples, wrong options, servers that are away, wrong logins."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.cli.main import COMMANDS, main
from schemas.connections import ClickHouseConnection
from tests.servers.ports import free_port

ROOT = Path(__file__).parents[2]
NESTED = ("import appeals", "topics apply", "partitions resume", "rejected replay", "rebuild list")
#: Commands that ask ClickHouse first.
ASK_CLICKHOUSE = (
    "migrate",
    "query 'SELECT 1'",
    "report",
    "verify",
    "partitions list",
    "partitions resume --log 1 --partition 3 --from 65536 --why x --yes",
    "rejected list",
    "rejected show 1:3:4711",
    "rebuild --yes",
    "rebuild list",
    "trim --keep-days 1 --dry-run",
)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder without a stack; the servers' addresses are those of nobody."""
    monkeypatch.chdir(tmp_path)
    nobody = free_port()
    monkeypatch.setenv("GOSPULSE_KAFKA", f"127.0.0.1:{nobody}")
    monkeypatch.setenv("GOSPULSE_CLICKHOUSE", f"http://127.0.0.1:{nobody}")
    for login in ("CLICKHOUSE", "ANALYST"):
        monkeypatch.setenv(f"GOSPULSE_{login}_PASSWORD", "guessed")


def run(command: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    capsys.readouterr()
    try:
        code = main(shlex.split(command))
    except SystemExit as error:
        code = int(str(error.code))
    shown = capsys.readouterr()
    assert "Traceback" not in shown.err
    return code, shown.out, shown.err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples_and_names_a_wrong_option(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(f"{command} --help", capsys)
    assert code == 0
    assert f"examples:\n  gospulse {command}" in out
    code, out, err = run(f"{command} --no-such-option", capsys)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1].startswith("gospulse")
    assert ": error: " in err.splitlines()[-1]


@pytest.mark.parametrize("command", NESTED)
def test_nested_commands_have_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(f"{command} --help", capsys)[0] == 0


@pytest.mark.parametrize("command", ASK_CLICKHOUSE)
def test_a_clickhouse_that_is_away_is_one_sentence(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(command, capsys)
    assert (code, out, err.count("\n")) == (1, "", 1), err
    assert "does not answer: start it with `gospulse up`, or set GOSPULSE_CLICKHOUSE" in err
    assert "guessed" not in err


def test_nothing_of_the_client_library_is_shown() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "deploy.cli.main", "report"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1), done.stderr
    assert done.stderr.startswith("gospulse: ClickHouse at ")


@pytest.mark.parametrize("command", ASK_CLICKHOUSE)
def test_a_wrong_login_is_one_sentence_without_the_password(
    command: str,
    capsys: pytest.CaptureFixture[str],
    clickhouse: ClickHouseConnection,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("GOSPULSE_CLICKHOUSE", f"http://127.0.0.1:{clickhouse.port}")
    code, out, err = run(command, capsys)
    assert (code, out, err.count("\n")) == (1, "", 1), err
    assert "rejects the login" in err and "check its password" in err
    assert "guessed" not in err


def test_a_kafka_that_is_away_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = run("simulate --seed 1 --events 10 --timeout 1", capsys)
    assert (code, err.count("\n")) == (1, 1), err
    assert "Kafka does not answer at" in err
    assert "start it with `gospulse up`, or set GOSPULSE_KAFKA" in err


def test_a_file_of_another_encoding_is_named_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    Path("a.csv").write_bytes("SRNumber,CreatedDate\n1,2026\n".encode("utf-16"))
    code, _, err = run("import appeals a.csv --mapping service-requests-311", capsys)
    assert (code, err.count("\n")) == (2, 1)
    assert "is a text in UTF-16: convert it to UTF-8, for example with `iconv -f UTF-16 -t UTF-8`" in err
