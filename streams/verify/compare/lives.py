"""Compares what the refresher recorded of appeals with an independent replay of their conversations."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby
from operator import attrgetter
from typing import Final

from streams.verify.findings import Findings
from streams.verify.recount.replay import Fate, replay
from streams.verify.stored.lives import Told

TABLE: Final = "lives"
MATCHES: Final = "matches"


def compare_lives(
    findings: Findings, conversations: Iterable[Told], strangers: Iterable[tuple[str, str]], some_expired: bool
) -> None:
    """Compare every appeal, and which appeal every answer and change belongs to.

    Facts come as ``stored.lives.conversations`` gives them: they were compared with the log. ``strangers`` are rows
    that no fact explains. ``some_expired``: retention may have removed facts; then a difference says nothing.
    """
    for _name, rows in groupby(conversations, key=attrgetter("conversation")):
        told = list(rows)
        fates, matches = replay([each.fact for each in told])
        for each in told:
            identity = each.fact.id
            if each.fact.kind == "appeal_received":
                unlike = list(_unlike(fates[identity], each.fates))
                _judge(findings, TABLE, identity, unlike, some_expired)
            elif each.fact.kind != "message":
                expected = matches[identity]
                unlike = [] if expected == each.match else [(expected or "no appeal", each.match or "no appeal")]
                _judge(findings, MATCHES, identity, unlike, some_expired)
    for table, identity in strangers:
        _judge(findings, table, identity, [("none", "a row")], some_expired)


def _judge(findings: Findings, table: str, where: str, unlike: list[tuple[str, str]], some_expired: bool) -> None:
    if unlike and some_expired:
        findings.count(findings.expired, table)
        return
    findings.count(findings.compared, table)
    if unlike:
        expected, found = (", ".join(sides) for sides in zip(*unlike, strict=True))
        findings.differ(table, where, expected, found)


def _unlike(expected: Fate, fates: list[Fate]) -> Iterator[tuple[str, str]]:
    if not fates:
        yield "a life", "none"
        return
    for name in Fate.__struct_fields__:
        value, stored = getattr(expected, name), getattr(fates[0], name)
        if value != stored:
            yield f"{name}={_shown(name, value)}", f"{name}={_shown(name, stored)}"


def _shown(name: str, value: str | int | None) -> str:
    if isinstance(value, int) and name.endswith("_at"):
        return f"{datetime.fromtimestamp(value / 1000, UTC):%Y-%m-%d %H:%M:%S}"
    return str(value or "none")
