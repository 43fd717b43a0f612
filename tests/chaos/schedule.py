"""What is done to the stack and when: a schedule drawn from a seed, triggered by progress and not by the clock."""

from __future__ import annotations

import random
from typing import Literal

from msgspec import Struct

Action = Literal[
    "kill_worker",
    "kill_broker",
    "kill_engine",
    "crash_between_inserts",
    "freeze_worker",
    "thaw_worker",
    "rebuild",
    "trim",
]


class Step(Struct, frozen=True, order=True):
    """One step: when ``at`` events are acknowledged, do ``action`` (to worker number ``worker``, where it matters)."""

    at: int
    action: Action
    worker: int = 1


class Dose(Struct, frozen=True, kw_only=True):
    """How much of everything."""

    workers: int = 3
    worker_kills: int = 10
    broker_kills: int = 3
    engine_kills: int = 3
    crashes_between_inserts: int = 1
    zombies: int = 1
    rebuild: bool = True
    trim: bool = True


def schedule(seed: int, events: int, dose: Dose) -> list[Step]:
    """Steps in the order of their triggers, between 3 % and 85 % of the events; equal seeds give equal steps.

    A frozen worker is thawed at least 4 % of the events later: long enough for the group to give its partitions away.
    """
    draw = random.Random(seed)
    singles: list[Action] = ["kill_worker"] * dose.worker_kills
    singles += ["kill_broker"] * dose.broker_kills
    singles += ["kill_engine"] * dose.engine_kills
    singles += ["crash_between_inserts"] * dose.crashes_between_inserts
    draw.shuffle(singles)
    width = 0.82 / max(1, len(singles))
    steps = [
        Step(int(events * (0.03 + width * (slot + draw.random() * 0.9))), action, draw.randint(1, dose.workers))
        for slot, action in enumerate(singles)
    ]
    for _ in range(dose.zombies):
        at, worker = draw.uniform(0.2, 0.6), draw.randint(1, dose.workers)
        steps.append(Step(int(events * at), "freeze_worker", worker))
        steps.append(Step(int(events * (at + draw.uniform(0.04, 0.12))), "thaw_worker", worker))
    if dose.rebuild:
        steps.append(Step(int(events * draw.uniform(0.3, 0.5)), "rebuild"))
    if dose.trim:
        steps.append(Step(int(events * draw.uniform(0.6, 0.8)), "trim"))
    return sorted(steps)
