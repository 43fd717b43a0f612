"""The life of an appeal: assigned, answered, closed, now and then reopened, withdrawn or given another topic."""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ingest.simulator.rows import APPEAL_AND_THREAD, KIND, RESPONDERS, THREAD_ONLY, TOPICS, Rows, no_rows
from ingest.simulator.spec import DAY_MS, HOUR_MS

_MINUTE_MS: Final = 60_000
#: Moscow's day is that of UTC+3: no clock change since 2014.
_MOSCOW_MS: Final = 3 * HOUR_MS


class Step(Struct, frozen=True):
    """A step that follows another with some probability, after a log-normal delay with this median."""

    kind: str
    after: str
    share: float
    median_ms: float
    sigma: float = 1.0


STEPS: Final = (
    Step("appeal_assigned", "appeal_received", 0.7, 40 * _MINUTE_MS),
    Step("appeal_reclassified", "appeal_received", 0.04, 2 * HOUR_MS),
    Step("appeal_interim", "appeal_received", 0.15, 5 * HOUR_MS),
    Step("appeal_answered", "appeal_received", 0.85, 9 * HOUR_MS, 1.2),
    Step("appeal_withdrawn", "appeal_received", 0.02, 3 * HOUR_MS),
    Step("appeal_removed", "appeal_received", 0.012, 6 * HOUR_MS),
    Step("appeal_restored", "appeal_removed", 0.3, 4 * HOUR_MS),
    Step("appeal_closed", "appeal_answered", 0.6, 6 * HOUR_MS),
    Step("appeal_reopened", "appeal_closed", 0.05, 20 * HOUR_MS),
    Step("appeal_rated", "appeal_answered", 0.2, 8 * HOUR_MS),
)
#: Of the answers under a page, those that know only the conversation.
_BY_THREAD: Final = 0.3
#: Of the appeals in social networks, those whose author writes again there on the same day.
_FURTHER: Final = 0.08
_SOCIAL_ENTRANCES: Final = 2


def consequences(appeals: Rows, end_ms: int, rng: np.random.Generator) -> Rows:
    """What follows from these appeals before ``end_ms`` (milliseconds UTC). Its fact numbers are still to be set."""
    done: dict[str, Rows] = {"appeal_received": appeals}
    followers = []
    for step in STEPS:
        rows = _follow(done.get(step.after, no_rows()), step, rng)
        done[step.kind] = rows
        followers.append(rows[rows["at"] < end_ms])
    return np.concatenate(followers)


def further_messages(appeals: Rows, end_ms: int, rng: np.random.Generator) -> Rows:
    """Further messages of appeals in social networks; the originals are marked as tracked.

    They are copies: the same fact at a later moment of the same Moscow day, before ``end_ms`` (milliseconds UTC).
    """
    social = appeals["entrance"] < _SOCIAL_ENTRANCES
    numbers = np.flatnonzero(social & (rng.random(len(appeals)) < _FURTHER))
    rows = appeals[numbers].copy()
    rows["at"] += rng.exponential(30 * _MINUTE_MS, size=len(rows)).astype(np.int64) + 1000
    same_day = (rows["at"] + _MOSCOW_MS) // DAY_MS == (appeals["at"][numbers] + _MOSCOW_MS) // DAY_MS
    kept = same_day & (rows["at"] < end_ms)
    rows["tracked"] = True
    appeals["tracked"][numbers[kept]] = True
    messages: Rows = rows[kept]
    return messages


def _follow(before: Rows, step: Step, rng: np.random.Generator) -> Rows:
    rows = before[rng.random(len(before)) < step.share].copy()
    count = len(rows)
    delay = rng.lognormal(np.log(step.median_ms), step.sigma, size=count)
    rows["at"] += np.minimum(delay, 60 * DAY_MS).astype(np.int64) + 1
    rows["kind"] = KIND[step.kind]
    rows["author"] = -1
    rows["urgent"] = False
    rows["tracked"] = False
    rows["thread"] = APPEAL_AND_THREAD
    if step.kind not in ("appeal_withdrawn", "appeal_rated"):
        rows["responder"] = _responders(count, rng)
    if step.kind in ("appeal_interim", "appeal_answered"):
        alone = (rows["page"] >= 0) & (rng.random(count) < _BY_THREAD)
        rows["thread"][alone] = THREAD_ONLY
    if step.kind == "appeal_reclassified":
        rows["topic"] = rng.integers(len(TOPICS), size=count)
    return rows


def _responders(count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return rng.choice(len(RESPONDERS), size=count, p=[0.55, 0.2, 0.15, 0.1])
