"""Marks: which hours the records of a partition change, and when each feed was last heard; recounted and compared."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

from streams.verify.findings import Findings

HOURS: Final = "touched"
FEEDS: Final = "sources"


class Heard(Struct, gc=False):
    """A feed in one partition: its last record (offset, append time) and the latest time it told of; ms UTC."""

    off: int = -1
    appended: int = 0
    happened: int = 0


class Marks:
    """What the marks of one partition must say.

    ``hours``: hour (seconds UTC) to the next offset after its last record below the acknowledged offset that certainly
    changed it (0: none), and after its last record at all that may have. ``feeds``: likewise, by name.
    """

    def __init__(self) -> None:
        self.hours: dict[int, list[int]] = {}
        self.feeds: dict[str, tuple[Heard, Heard]] = {}

    def touch(self, hour: int, next_offset: int, sure: bool) -> None:
        """A record that may have changed an hour; ``sure``: acknowledged, and it did. In the order of the log."""
        marks = self.hours.get(hour)
        if marks is None:
            marks = self.hours[hour] = [0, 0]
        marks[1] = next_offset
        if sure:
            marks[0] = next_offset

    def hear(self, source: str, off: int, appended: int, happened: int, acknowledged: bool) -> None:
        """An accepted record of a feed, in the order of the log."""
        feed = self.feeds.get(source)
        if feed is None:
            feed = self.feeds[source] = (Heard(), Heard())
        for heard in feed if acknowledged else feed[1:]:
            heard.off, heard.appended = off, appended
            if happened > heard.happened:
                heard.happened = happened


def compare_hours(
    findings: Findings,
    where: str,
    marks: Marks,
    stored: dict[int, int],
    moved: dict[int, int],
    judged_from: int,
    kept_from: int,
) -> None:
    """Compare the marks of hours, read before the end of the log that ``marks`` reach was asked for.

    ``moved`` are the marks that the refresher may have set where a copy in another hour stands. What lies before
    ``judged_from`` (offset) was not recounted; hours before ``kept_from`` may be gone.
    """
    remaining = dict(stored)
    for hour, (low, high) in marks.hours.items():
        found = remaining.pop(hour, 0)
        if low <= found <= max(high, moved.get(hour, 0)):
            findings.count(findings.compared if low == high else findings.bracketed, HOURS)
        elif found < low and hour < kept_from:
            findings.count(findings.expired, HOURS)
        elif found <= judged_from and not low:
            findings.count(findings.gone, HOURS)
        else:
            findings.differ(HOURS, f"{where} {_hour(hour)}", high if low == high else f"{low} to {high}", found or None)
    for hour, found in remaining.items():
        if found <= judged_from:
            findings.count(findings.gone, HOURS)
        elif found <= moved.get(hour, 0):
            findings.count(findings.compared, HOURS)
        else:
            findings.differ(HOURS, f"{where} {_hour(hour)}", None, found)


def compare_feeds(findings: Findings, where: str, marks: Marks, stored: dict[str, Heard], judged_from: int) -> None:
    """Compare when feeds were last heard; ``stored`` was read before the end of the log was asked for.

    Where records are gone or rows were carried over, a feed may have told of later times, or in records that do not
    count any more.
    """
    remaining = dict(stored)
    for source, (low, high) in marks.feeds.items():
        found = remaining.pop(source, Heard())
        same = {heard.off: heard.appended for heard in (low, high)}.get(found.off, found.appended) == found.appended
        latest = high.off if not judged_from else max(high.off, found.off)
        told = high.happened if not judged_from else max(high.happened, found.happened)
        if same and low.off <= found.off <= latest and low.happened <= found.happened <= told:
            findings.count(findings.compared if low == high and not judged_from else findings.bracketed, FEEDS)
        else:
            findings.differ(FEEDS, f"{where} {source}", _shown(high), _shown(found))
    for source, found in remaining.items():
        if judged_from:
            findings.count(findings.gone, FEEDS)
        else:
            findings.differ(FEEDS, f"{where} {source}", None, _shown(found))


def _hour(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:00}"


def _shown(heard: Heard) -> str | None:
    if heard.off < 0:
        return None
    return f"offset {heard.off}, told of {datetime.fromtimestamp(heard.happened / 1000, UTC):%Y-%m-%d %H:%M:%S}"
