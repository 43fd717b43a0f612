"""``gospulse grafana apply | diff`` with the real grafana-client against a server that answers like Grafana's API.

grafana-client replaces urllib3 by a fork, so the command runs in an environment of its own (``make ready``).
"""

from __future__ import annotations

import copy
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dashboards.alerts.rules import RULES
from dashboards.boards import BOARDS
from tests.dashboards.builders.pretended_grafana import TOKEN, PretendedGrafana

ROOT = Path(__file__).resolve().parents[3]
PYTHON = ROOT / ".venv-grafana" / "bin" / "python"
pytestmark = pytest.mark.skipif(not PYTHON.exists(), reason="no .venv-grafana: make .venv-grafana/.ready makes it")


@pytest.fixture
def grafana() -> Iterator[PretendedGrafana]:
    server = PretendedGrafana()
    yield server
    server.close()


@pytest.fixture(scope="module")
def applied(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a Grafana holds after `apply`."""
    server = PretendedGrafana()
    try:
        assert run(tmp_path_factory.mktemp("applied"), server.url, "apply")[0] == 0
        return {name: copy.deepcopy(getattr(server, name)) for name in ("datasources", "folders", "boards", "rules")}
    finally:
        server.close()


@pytest.fixture
def filled(grafana: PretendedGrafana, applied: dict[str, Any]) -> PretendedGrafana:
    for name, held in applied.items():
        setattr(grafana, name, copy.deepcopy(held))
    return grafana


def run(folder: Path, url: str, *arguments: str, token: str = TOKEN) -> tuple[int, str, str]:
    """Exit code, output, complaints of ``gospulse grafana …``."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GOSPULSE_")}
    secret = folder / "token"
    secret.touch(mode=0o600)
    secret.write_text(token)
    environ |= {
        "PYTHONPATH": str(ROOT),
        "GOSPULSE_DATA": str(folder),
        "GOSPULSE_CLICKHOUSE": "http://clickhouse.internal:8123",
        "GOSPULSE_ANALYST_PASSWORD": "hidden-password",
        "GOSPULSE_GRAFANA_URL": url,
        "GOSPULSE_GRAFANA_TOKEN_FILE": str(secret),
    }
    done = subprocess.run(
        [str(PYTHON), "-m", "deploy.cli.main", "grafana", *arguments],
        check=False,
        cwd=folder,
        env=environ,
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert token not in done.stdout + done.stderr
    assert "hidden-password" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


def test_applying_twice_changes_nothing_the_second_time(grafana: PretendedGrafana, tmp_path: Path) -> None:
    assert run(tmp_path, grafana.url, "diff")[0] == 1
    assert not grafana.writes, "a diff writes nothing"
    code, out, _ = run(tmp_path, grafana.url, "apply")
    assert code == 0, out
    assert set(grafana.boards) == {board.uid for board in BOARDS}
    (rules,) = grafana.rules.values()
    assert len(rules["rules"]) == len(RULES)
    assert grafana.datasources["gospulse-ch"]["jsonData"]["defaultDatabase"] == "gospulse"
    assert grafana.datasources["gospulse-ch"]["secureJsonFields"] == {"password": True}
    written = list(grafana.writes)
    code, out, _ = run(tmp_path, grafana.url, "apply")
    assert (code, grafana.writes) == (0, written)
    assert out.count("is as it should be") == 3 + len(BOARDS)
    assert run(tmp_path, grafana.url, "diff")[0] == 0


def test_a_change_made_in_grafana_is_shown_and_undone(filled: PretendedGrafana, tmp_path: Path) -> None:
    stored = filled.boards["gospulse-country"]["dashboard"]
    stored["title"] = "Moved"
    code, out, _ = run(tmp_path, filled.url, "diff")
    assert code == 1
    assert ' "title": "Moved"' in out
    assert ' "title": "Страна сегодня"' in out
    assert run(tmp_path, filled.url, "apply")[0] == 0
    assert filled.boards["gospulse-country"]["dashboard"]["title"] == "Страна сегодня"


def test_an_update_leaves_the_default_data_source_the_default_one(filled: PretendedGrafana, tmp_path: Path) -> None:
    filled.datasources["gospulse-ch"] |= {"isDefault": True, "jsonData": {"host": "elsewhere"}}
    assert run(tmp_path, filled.url, "apply")[0] == 0
    assert filled.datasources["gospulse-ch"]["jsonData"]["host"] == "clickhouse.internal"
    assert filled.datasources["gospulse-ch"]["isDefault"] is True


def test_rules_that_stand_elsewhere_are_not_made_twice(filled: PretendedGrafana, tmp_path: Path) -> None:
    ((path, rules),) = filled.rules.items()
    filled.rules = {path.replace("/folder/gospulse/", "/folder/other/"): rules}
    before = list(filled.writes)
    for owner, advice in (("", "delete them there"), ("file", "a file provisions them into another folder")):
        filled.owner_of_rules = owner
        code, out, _ = run(tmp_path, filled.url, "apply")
        assert (code, filled.writes) == (1, before) and advice in out


def test_what_a_file_provisions_is_left_alone(filled: PretendedGrafana, tmp_path: Path) -> None:
    board = filled.boards["gospulse-region"]
    board["dashboard"]["title"] = "Own"
    board["meta"]["provisioned"] = True
    filled.boards.pop("gospulse-country")
    before = list(filled.writes)
    code, out, _ = run(tmp_path, filled.url, "apply")
    assert (code, filled.writes) == (1, before), "where one thing is refused nothing is written"
    assert "a file provisions it" in out
    assert "Nothing was changed." in out


def test_a_grafana_that_files_provision_is_as_it_should_be(filled: PretendedGrafana, tmp_path: Path) -> None:
    """Alert rules of a file make a folder with a uid of its own, and an only data source is the default one."""
    filled.folders = {"eg5oj28et2vb4f": {"uid": "eg5oj28et2vb4f", "title": "ГосПульс"}}
    ((path, rules),) = filled.rules.items()
    moved = [rule | {"folderUID": "eg5oj28et2vb4f"} for rule in rules["rules"]]
    filled.owner_of_rules = "file"
    filled.rules = {
        path.replace("/folder/gospulse/", "/folder/eg5oj28et2vb4f/"): rules
        | {"folderUid": "eg5oj28et2vb4f", "rules": moved}
    }
    for board in filled.boards.values():
        board["meta"] |= {"provisioned": True, "folderUid": "eg5oj28et2vb4f"}
    filled.datasources["gospulse-ch"] |= {"isDefault": True, "readOnly": True}
    before = list(filled.writes)
    code, out, _ = run(tmp_path, filled.url, "apply")
    assert (code, filled.writes) == (0, before), out
    assert out.count("is as it should be") == 3 + len(BOARDS)
    moved[0]["title"] = "Own"
    code, out, _ = run(tmp_path, filled.url, "apply")
    assert (code, filled.writes) == (1, before)
    assert "alert rules gospulse-spikes is left alone: a file provisions them" in out


def test_a_board_of_schema_version_2_is_left_alone(grafana: PretendedGrafana, tmp_path: Path) -> None:
    grafana.boards["gospulse-region"] = {"dashboard": {"elements": {}, "layout": {}}, "meta": {}}
    code, out, _ = run(tmp_path, grafana.url, "apply")
    assert code == 1
    assert "schema version 2" in out
    assert not grafana.writes


def test_failures_are_one_sentence(tmp_path: Path) -> None:
    old = PretendedGrafana("11.5.2")
    bare = PretendedGrafana(plugin=False)
    good = PretendedGrafana()
    try:
        for url, token, sentence in (
            (old.url, TOKEN, "Grafana 11.5.2 is too old: the boards need 11.6 or later"),
            (bare.url, TOKEN, "is not installed: run `grafana cli plugins install"),
            (good.url, "glsa_wrong", "rejects the token"),
            ("http://127.0.0.1:9", TOKEN, "does not answer: check the address"),
            ("ftp://x", TOKEN, "must be http(s)://host"),
        ):
            code, _, complaint = run(tmp_path, url, "diff", token=token)
            assert code == 1
            assert sentence in complaint
            assert complaint.count("\n") == 1
        good.refuse["/api/org"] = 403
        assert "role Admin" in run(tmp_path, good.url, "diff")[2]
        good.refuse = {"/api/folders": 500}
        assert "failed with status 500" in run(tmp_path, good.url, "diff")[2]
    finally:
        for server in (old, bare, good):
            server.close()
