"""The demonstration's export of another system fits the mapping that is imported with it, and invents nothing twice."""

from __future__ import annotations

import csv
from pathlib import Path

import msgspec

from deploy.cli.demo.command import demo_settings, without_detector
from deploy.cli.demo.live import MAPPING, write_export
from deploy.cli.demo.phases import Phases
from deploy.settings_sources import load
from ingest.mapping.file import load_mapping


def test_the_export_has_the_columns_of_its_mapping_and_a_row_an_appeal(tmp_path: Path) -> None:
    settings = msgspec.structs.replace(load({}, tmp_path), data=tmp_path)
    mapping = load_mapping(MAPPING)
    assert mapping.source.startswith("synthetic:")
    with write_export(settings).open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    assert rows
    assert {"id", "created", "network", "place", "topic"} == set(rows[0])
    assert len({row["id"] for row in rows}) == len(rows)


def test_the_stack_of_the_demonstration_has_a_webhook_and_a_detector_only_after_its_history(tmp_path: Path) -> None:
    settings = demo_settings(load({"GOSPULSE_WEBHOOK_PROCESSES": "0"}, tmp_path))
    assert settings.webhook_processes == 1
    assert settings.workers >= 2
    assert settings.spikes
    assert not without_detector(settings).spikes


def test_phases_add_up_in_the_order_of_their_beginning() -> None:
    moments = iter([0.0, 1.0, 4.0, 4.0, 5.0, 5.0, 9.0, 10.0])
    phases = Phases(lambda: next(moments))
    for name in ("history", "verify", "history"):
        with phases.phase(name):
            pass
    assert phases.line() == "Took 10 s: history 7 s, verify 1 s."
