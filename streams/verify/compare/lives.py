"""Compares what the refresher recorded of appeals with an independent replay of their conversations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from operator import itemgetter
from typing import Final

from streams.verify.findings import Findings
from streams.verify.recount.replay import Fact, Fate, replay
from streams.verify.stored.lives import StoredFate

TABLE: Final = "lives"


def compare_lives(
    findings: Findings, conversations: Iterable[tuple[str, Fact, list[StoredFate]]], some_expired: bool
) -> None:
    """Compare every appeal. Facts come as ``stored_lives.conversations`` gives them: they were compared with the log.

    ``some_expired``: retention may have let facts go; where more were known than there are, nothing can be said.
    """
    for _name, rows in groupby(conversations, key=itemgetter(0)):
        facts: list[Fact] = []
        recorded: list[tuple[str, StoredFate]] = []
        for _, fact, fates in rows:
            facts.append(fact)
            recorded += [(fact.id, fate) for fate in fates]
        if not recorded:
            continue
        # An identity under two days is one appeal with two receipts.
        known = len(facts) + len(recorded) - len({appeal for appeal, _ in recorded})
        fates_now = replay(facts)
        for appeal, fate in recorded:
            if some_expired and fate.version > known:
                findings.count(findings.expired, TABLE)
                continue
            findings.count(findings.compared, TABLE)
            unlike = list(_unlike(fates_now[appeal], fate))
            if unlike:
                expected, found = (", ".join(sides) for sides in zip(*unlike, strict=True))
                findings.differ(TABLE, f"{fate.day} {appeal}", expected, found)


def _unlike(expected: Fate, found: StoredFate) -> Iterator[tuple[str, str]]:
    if not found.version:
        yield "a life", "none"
        return
    for name in Fate.__struct_fields__:
        value, stored = getattr(expected, name), getattr(found, name)
        if value != stored:
            yield f"{name}={_shown(value)}", f"{name}={_shown(stored)}"


def _shown(value: str | int | None) -> str:
    if isinstance(value, int):
        return f"{datetime.fromtimestamp(value / 1000, UTC):%Y-%m-%d %H:%M:%S}"
    return value or "none"
