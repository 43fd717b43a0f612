"""The small chaos run: every part is killed while 150,000 events with faults flow, and every number is right.

A green verification means something: ``tests/streams/verify/test_wrong_rows.py`` tampers with rows in many ways and
folds without the rewind. ``make chaos`` damages whole chunks, and runs a worker that forgets the start of its chunk.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.run import Course, run
from tests.chaos.schedule import Dose
from tests.servers.machine import machine

SMALL = Course(
    seed=20261121,
    events=150_000,
    rate=7_500,
    chunk=1_024,
    dose=Dose(worker_kills=3, broker_kills=1, engine_kills=1, crashes_between_inserts=1, rebuild=False, trim=False),
)
#: The group gives away sooner what a dead worker owned.
QUICK = {"SESSION_TIMEOUT_S": "3"}


@pytest.mark.long
@pytest.mark.timeout(900)
def test_every_number_is_right_after_kills_of_every_part(tmp_path: Path) -> None:
    with machine(tmp_path, QUICK | {"WORKERS": "3"}) as made:
        outcome = run(SMALL, made, print)
        assert outcome.differences == (), outcome.done
        assert outcome.verify_code == 0, outcome.verify_report
