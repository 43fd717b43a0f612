"""``python -m tests.chaos``: the full chaos run, and the controls that must turn the verification red."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from pathlib import Path

from tests.chaos.controls import run_controls, without_rewind
from tests.chaos.run import Course, run
from tests.chaos.schedule import Dose
from tests.servers.machine import machine


def main() -> int:
    """Exit code 0 only if every number is right and every control is noticed."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument(
        "--seed", type=int, default=None, help="draws everything; printed, so that a run can be repeated"
    )
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rate", type=int, default=8_000, help="events a second")
    parser.add_argument("--workers", type=int, default=3)
    parser.add_argument("--kills", type=int, default=12, help="kill -9 of workers")
    parser.add_argument("--no-controls", action="store_true")
    given = parser.parse_args()
    seed = random.SystemRandom().randrange(1_000_000) if given.seed is None else given.seed
    print(f"seed {seed}", flush=True)
    dose = Dose(workers=given.workers, worker_kills=given.kills)
    course = Course(seed=seed, events=given.events, rate=given.rate, dose=dose)
    with tempfile.TemporaryDirectory() as folder, machine(Path(folder), {"WORKERS": str(given.workers)}) as made:
        outcome = run(course, made, lambda line: print(line, flush=True))
        print(outcome.verify_report)
        for difference in outcome.differences:
            print(f"NOT AS SENT: {difference}")
        truth = "differs" if outcome.differences else "equal"
        print(f"{outcome.seconds:.0f} s; verification: exit code {outcome.verify_code}; the simulator's truth: {truth}")
        if not outcome.green:
            return 1
        if given.no_controls:
            return 0
        noticed = run_controls(made)
    with tempfile.TemporaryDirectory() as folder, machine(Path(folder)) as made:
        noticed["no rewind to the start of the chunk"] = without_rewind(made)
    for name, red in noticed.items():
        print(f"control: {name}: {'noticed' if red else 'NOT NOTICED'}")
    return 0 if all(noticed.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
