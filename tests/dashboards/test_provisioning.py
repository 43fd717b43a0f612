"""Provisioning files: the data source and the folder are those that the boards and `apply` name."""

from __future__ import annotations

import json
import re
from pathlib import Path

from dashboards.builders.targets import DATASOURCE_TYPE, DATASOURCE_UID
from dashboards.grafana.wanted import DATASOURCE_NAME, FOLDER_TITLE, Reached, datasource

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "grafana" / "provisioning"


def test_the_data_source_is_the_one_of_the_boards() -> None:
    text = (FOLDER / "datasources" / "gospulse.yaml").read_text(encoding="utf-8")
    found = dict(re.findall(r"^\s+(?:- )?(\w+): (.+)$", text, re.MULTILINE))
    assert (found["name"], found["uid"], found["type"]) == (DATASOURCE_NAME, DATASOURCE_UID, DATASOURCE_TYPE)
    wanted = datasource(Reached("h", 1, "u"))["jsonData"]
    assert {found[key] for key in ("host", "port", "username")} == {
        "$GOSPULSE_CLICKHOUSE_HOST",
        "$GOSPULSE_CLICKHOUSE_PORT",
        "$GOSPULSE_ANALYST_USER",
    }
    for key in ("protocol", "defaultDatabase", "dialTimeout", "queryTimeout"):
        assert found[key].strip('"') == wanted[key]
    assert "\n      database:" not in text, "the back end ignores it"
    assert "password: $GOSPULSE_ANALYST_PASSWORD" in text, "a secret does not stand in the file"


def test_the_folder_is_the_one_of_apply() -> None:
    text = (FOLDER / "dashboards" / "gospulse.yaml").read_text(encoding="utf-8")
    assert f"folder: {FOLDER_TITLE}" in text
    assert "folderUid:" not in text, "Grafana would make a second folder of this title for the alert rules"
    rules = json.loads((FOLDER / "alerting" / "gospulse.json").read_text(encoding="utf-8"))
    assert [each["folder"] for each in rules["groups"]] == [FOLDER_TITLE]
