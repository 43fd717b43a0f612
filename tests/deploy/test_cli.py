from __future__ import annotations

import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from deploy.cli import config
from deploy.cli.main import COMMANDS, commands, main
from deploy.errors import UserError

ROOT = Path(__file__).parents[2]


def _run(*arguments: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli.main", *arguments],
        cwd=cwd,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environ,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )


def test_every_command_says_what_it_does_with_examples() -> None:
    found = commands()
    for name, command in found.items():
        assert name == command.NAME
        assert "\n" not in command.HELP
        assert f"gospulse {name}" in command.EXAMPLES
    assert {"up", "down", "status", "logs", "config", "topics"} <= set(found) <= set(COMMANDS)


def test_a_mistake_is_one_sentence_and_its_exit_code(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_: object) -> int:
        raise UserError("no such file: x.csv", 2)

    monkeypatch.setattr(config, "run", refuse)
    assert main(["config"]) == 2
    assert capsys.readouterr().err == "gospulse: no such file: x.csv\n"


def test_an_unexpected_error_is_a_sentence_and_the_trace_is_one_variable_away(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> int:
        raise RuntimeError("the engine said no\nat line 3")

    monkeypatch.setattr(config, "run", fail)
    assert main(["config"]) == 1
    shown = capsys.readouterr().err
    assert shown == "gospulse: unexpected RuntimeError: the engine said no (set GOSPULSE_DEBUG=1 to see where)\n"
    monkeypatch.setenv("GOSPULSE_DEBUG", "1")
    assert main(["config"]) == 1
    assert "Traceback" in capsys.readouterr().err


def test_wrong_use_is_exit_code_two(tmp_path: Path) -> None:
    assert _run("config", "--jsn", cwd=tmp_path).returncode == 2
    unknown = _run("config", cwd=tmp_path, GOSPULSE_WORKRES="2")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert unknown.stderr == "gospulse: unknown setting GOSPULSE_WORKRES; did you mean GOSPULSE_WORKERS?\n"


def test_a_reader_that_goes_away_is_no_error(tmp_path: Path) -> None:
    log = tmp_path / ".gospulse" / "logs" / "kafka.log"
    log.parent.mkdir(parents=True)
    log.write_text("line\n" * 12_000)
    done = subprocess.run(
        f"'{sys.executable}' -m deploy.cli.main logs kafka -n 10000 | head -1",
        shell=True,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    assert (done.stdout, done.stderr) == ("line\n", "")


def test_ctrl_c_ends_quietly_with_130(tmp_path: Path) -> None:
    log = tmp_path / ".gospulse" / "logs" / "kafka.log"
    log.parent.mkdir(parents=True)
    log.write_text("the first line\n")
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "deploy.cli.main", "logs", "kafka", "--follow"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "the first line\n"
        with log.open("a") as file:
            file.write("and another\n")
        assert process.stdout.readline() == "and another\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=120)
    assert (process.returncode, errors) == (130, "")


def test_logs_names_what_there_is(tmp_path: Path) -> None:
    (tmp_path / ".gospulse" / "logs").mkdir(parents=True)
    (tmp_path / ".gospulse" / "logs" / "kafka.log").write_text("up\n")
    done = _run("logs", "worker-9", cwd=tmp_path)
    assert done.returncode == 2
    assert "there is no log of worker-9" in done.stderr
    assert "kafka" in done.stderr


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["statsu"], "'statsu' is not known; did you mean status?"),
        (["topics", "aply"], "'aply' is not known; did you mean apply?"),
        (["status", "--jsn"], "gospulse status: error: unrecognized arguments: --jsn; did you mean --json?"),
        (["query", "SELECT 1", "--login", "anlyst"], "'anlyst' is not known; did you mean analyst?"),
        (["xyzzy"], "'xyzzy' is not known; known are: demo, up, down, "),
    ],
)
def test_a_near_miss_gets_a_suggestion(command: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(command)
    assert caught.value.code == 2
    assert says in capsys.readouterr().err


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["--version"])
    assert caught.value.code == 0
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert capsys.readouterr().out == f"gospulse {project['version']}\n"


@pytest.mark.parametrize(
    ("data", "command", "says"),
    [
        ("file", "up", "the data directory {} cannot be created: File exists"),
        ("file/below", "up", "the data directory {} cannot be created: Not a directory"),
        ("file", "topics list", "{}/run/kafka.address: Not a directory"),
    ],
)
def test_a_data_directory_that_cannot_be_is_one_sentence(data: str, command: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = _run(*command.split(), cwd=tmp_path, GOSPULSE_DATA=data)
    assert (done.returncode, done.stderr) == (1, f"gospulse: {says.format(tmp_path / data)}\n")


def test_a_terminal_without_the_letters_of_a_name_is_no_error(tmp_path: Path) -> None:
    done = _run("config", cwd=tmp_path, PYTHONIOENCODING="ascii", GOSPULSE_DATA="Документы")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u0414\\u043e\\u043a" in done.stdout
