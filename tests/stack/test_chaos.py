"""The small chaos run: every part is killed while 150,000 events with faults flow, and every number is right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.controls import run_controls, without_rewind
from tests.chaos.run import Course, run
from tests.chaos.schedule import Dose
from tests.machine import machine

SMALL = Course(
    seed=20261121,
    events=150_000,
    rate=9_000,
    chunk=1_024,
    dose=Dose(worker_kills=3, broker_kills=1, engine_kills=1, crashes_between_inserts=1, rebuild=False, trim=False),
)


@pytest.mark.timeout(400)
def test_every_number_is_right_after_kills_of_every_part(tmp_path: Path) -> None:
    with machine(tmp_path, {"WORKERS": "3"}) as made:
        outcome = run(SMALL, made, print)
        assert outcome.differences == (), outcome.done
        assert outcome.verify_code == 0, outcome.verify_report
        # Else the green above would mean nothing.
        assert run_controls(made) == {"a dropped chunk": True, "a doubled chunk": True}


@pytest.mark.timeout(200)
def test_a_worker_that_does_not_go_back_to_the_start_of_its_chunk_is_noticed(tmp_path: Path) -> None:
    with machine(tmp_path) as made:
        assert without_rewind(made)
