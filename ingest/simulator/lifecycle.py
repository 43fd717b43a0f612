"""The life of an appeal as citizens and pages make it: messages, answers at every level, changes, removals, returns."""

from __future__ import annotations

from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ingest.simulator.rows import ENTRANCE, KIND, NATURE_COUNT, RESPONDERS, TOPICS, UNKNOWN, Rows, no_rows
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
    # Citizens rate twice, and reopened appeals are answered again.
    Step("appeal_rated", "appeal_rated", 0.1, 20 * HOUR_MS),
    Step("appeal_answered", "appeal_reopened", 0.7, 9 * HOUR_MS),
)
#: Further messages are removed more often than whole appeals.
MESSAGE_STEPS: Final = (
    Step("appeal_withdrawn", "appeal_received", 0.1, 1 * HOUR_MS),
    Step("appeal_removed", "appeal_received", 0.1, 2 * HOUR_MS),
    Step("appeal_restored", "appeal_removed", 0.5, 2 * HOUR_MS),
)
#: Of the appeals in social networks, those whose author writes again there on the same day.
_FURTHER: Final = 0.08
_SOCIAL_ENTRANCES: Final = 2
#: Of the appeals on pages, those whose author starts another one in the same thread, on a later day.
_RETURNS: Final = 0.12
#: Of the removals and restorations on pages, those that name a message.
_BY_MESSAGE: Final = 0.7
#: What answers on pages name, as shares: the appeal, the citizen's message, his thread; on the wrong level the message
#: of another citizen, the post, or nothing known.
_LEVELS: Final = (0.35, 0.25, 0.24, 0.06, 0.06, 0.04)
_APPEAL, _MESSAGE, _THREAD, _ANOTHER, _POST, _NOTHING = range(len(_LEVELS))
_ANSWERS: Final = (KIND["appeal_interim"], KIND["appeal_answered"])
_OF_MESSAGES: Final = (KIND["appeal_withdrawn"], KIND["appeal_removed"], KIND["appeal_restored"])


def returns(appeals: Rows, end_ms: int, rng: np.random.Generator) -> Rows:
    """Further appeals of citizens in the same threads, on later Moscow days before ``end_ms`` (milliseconds UTC).

    Their numbers are still to be set.
    """
    on_page = appeals["entrance"] == ENTRANCE["public_page"]
    before = appeals[on_page & (rng.random(len(appeals)) < _RETURNS)]
    rows = before.copy()
    rows["at"] += rng.lognormal(np.log(DAY_MS), 0.8, size=len(rows)).astype(np.int64)
    rows["topic"] = rng.integers(len(TOPICS), size=len(rows))
    later_day = (rows["at"] + _MOSCOW_MS) // DAY_MS > (before["at"] + _MOSCOW_MS) // DAY_MS
    found: Rows = rows[later_day & (rows["at"] < end_ms)]
    return found


def further_messages(appeals: Rows, end_ms: int, rng: np.random.Generator) -> Rows:
    """Further messages of appeals in social networks; the originals are marked as tracked.

    They are copies: the same fact at a later moment of the same Moscow day, before ``end_ms`` (milliseconds UTC). Their
    message numbers are still to be set.
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


def consequences(appeals: Rows, further: Rows, end_ms: int, rng: np.random.Generator) -> Rows:
    """What follows from appeals and their further messages before ``end_ms`` (milliseconds UTC).

    Fact numbers are still to be set.
    """
    followers = [*_steps(STEPS, appeals, rng), *_steps(MESSAGE_STEPS, further, rng)]
    rows = np.concatenate(followers)
    rows = rows[rows["at"] < end_ms]
    _name_less(rows, appeals, rng)
    return rows


def _steps(steps: tuple[Step, ...], received: Rows, rng: np.random.Generator) -> list[Rows]:
    done: dict[str, Rows] = {"appeal_received": received}
    followers = []
    for step in steps:
        rows = _follow(done.get(step.after, no_rows()), step, rng)
        done[step.kind] = rows
        followers.append(rows)
    return followers


def _follow(before: Rows, step: Step, rng: np.random.Generator) -> Rows:
    """The rows of one step. They still name all that they could name."""
    rows = before[rng.random(len(before)) < step.share].copy()
    count = len(rows)
    delay = rng.lognormal(np.log(step.median_ms), step.sigma, size=count)
    rows["at"] += np.minimum(delay, 60 * DAY_MS).astype(np.int64) + 1
    rows["kind"] = KIND[step.kind]
    for column in ("author", "post", "topic", "nature", "rating", "responder"):
        rows[column] = -1
    rows["urgent"] = False
    rows["tracked"] = False
    if step.kind not in ("appeal_withdrawn", "appeal_rated"):
        rows["responder"] = _responders(count, rng)
    if step.kind == "appeal_reclassified":
        # A new topic, a new nature, or both.
        draw = rng.random(count)
        rows["topic"] = np.where(draw < 0.8, rng.integers(len(TOPICS), size=count), -1)
        rows["nature"] = np.where(draw >= 0.4, rng.integers(NATURE_COUNT, size=count), -1)
    if step.kind == "appeal_rated":
        rows["rating"] = rng.integers(1, 6, size=count)
    return rows


def _name_less(rows: Rows, appeals: Rows, rng: np.random.Generator) -> None:
    """Leave each row what its source would name: see ``_LEVELS`` for answers, the message alone for many removals."""
    of_messages = np.isin(rows["kind"], _OF_MESSAGES)
    whole_message = (rows["message"] >= 0) & of_messages & (rng.random(len(rows)) < _BY_MESSAGE)
    for column in ("appeal", "thread"):
        rows[column][whole_message] = -1
    answers = np.isin(rows["kind"], _ANSWERS)
    own = rows["message"].copy()
    rows["message"][~whole_message] = -1
    level = rng.choice(len(_LEVELS), size=len(rows), p=_LEVELS)
    level[~answers | (own < 0)] = _APPEAL
    rows["appeal"][level != _APPEAL] = -1
    by_message = level == _MESSAGE
    rows["reply"][by_message] = own[by_message]
    another = level == _ANOTHER
    rows["reply"][another] = _messages_of_others(rows[another], appeals)
    post = level == _POST
    rows["reply"][post] = UNKNOWN + (rows["page"][post].astype(np.int64) << 24) + rows["at"][post] // (8 * HOUR_MS)
    # Of the answers on the wrong level, half name the citizen's thread besides.
    bare = (another | post) & (rng.random(len(rows)) < 0.5)
    rows["thread"][bare] = -1
    nothing = level == _NOTHING
    rows["thread"][nothing] = UNKNOWN + np.arange(int(nothing.sum())) + rows["at"][nothing]


def _messages_of_others(rows: Rows, appeals: Rows) -> NDArray[np.int64]:
    """For each row a message that another citizen wrote on its page; an unknown one where nobody did."""
    written = appeals[appeals["message"] >= 0]
    written = written[np.argsort(written["page"], kind="stable")]
    begin = np.searchsorted(written["page"], rows["page"])
    end = np.searchsorted(written["page"], rows["page"], side="right")
    found = UNKNOWN + rows["at"]
    for number, (low, high) in enumerate(zip(begin.tolist(), end.tolist(), strict=True)):
        others = written[low:high]
        others = others[others["thread"] != rows["thread"][number]]
        if len(others):
            found[number] = others["message"][int(rows["at"][number]) % len(others)]
    return found


def _responders(count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    return rng.choice(len(RESPONDERS), size=count, p=[0.55, 0.2, 0.15, 0.1])
