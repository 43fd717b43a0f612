"""Filters of a board as conditions, and the periods that figures are counted over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import Struct

from schemas.metric_catalogue import metric

FROM: Final = "$__fromTime"
TO: Final = "$__toTime"
SECONDS: Final = f"dateDiff('second', {FROM}, {TO})"
#: The period of the same length right before.
BEFORE: Final = f"({FROM} - {SECONDS})"
#: Local days that the period touches. They are taken by Moscow's calendar, as the boards show time.
FIRST_DAY: Final = f"toDate({FROM}, 'Europe/Moscow')"
LAST_DAY: Final = f"toDate({TO}, 'Europe/Moscow')"
DAYS: Final = f"day >= {FIRST_DAY} AND day <= {LAST_DAY}"
#: Periods of these days begin within a day of them, in whatever zone: so only their months are read.
PERIODS: Final = f"period_from >= {FROM} - toIntervalDay(2) AND period_from < {TO} + toIntervalDay(2)"
DAYS_BEFORE: Final = f"({FIRST_DAY} - dateDiff('day', {FIRST_DAY}, {LAST_DAY}) - 1)"

#: Conditions by variable; where a view has no such column, the filter does not act and the panel says so.
_CONDITIONS: Final = {
    "channel": "channel IN (${channel:singlequote})",
    # The kind of a page, else that of its organisation, as in the view pages, which reads much more.
    "kind": (
        "page IN (SELECT page FROM gospulse.page_history WHERE in_force AND (kind IN (${kind:singlequote}) OR (kind IS "
        "NULL AND organisation IN (SELECT organisation FROM gospulse.organisation_history WHERE in_force AND kind IN "
        "(${kind:singlequote})))))"
    ),
    "topic": "topic IN (${topic:singlequote})",
    "region": "region IN (${region:singlequote})",
    "place": "place IN (${place:singlequote})",
}

#: What a view can be filtered by.
BY_ALL: Final = ("region", "place", "channel", "kind", "topic")
BY_REGION: Final = ("region",)
BY_PLACE: Final = ("region", "place")
BY_PAGE: Final = ("region", "place", "kind")
BY_POST: Final = ("region", "place", "channel", "kind")


class Filters(Struct, frozen=True):
    """The variables of a board: those with one value, and those with several or all."""

    one: tuple[str, ...] = ()
    many: tuple[str, ...] = ()

    def where(self, by: Iterable[str]) -> str:
        """The conditions that a view with these columns obeys, each with AND before it."""
        parts = [f"AND {_CONDITIONS[name]}" for name in by if name in self.one]
        parts += [f"AND $__conditionalAll({_CONDITIONS[name]}, ${name})" for name in by if name in self.many]
        return "\n  ".join(parts)

    def obeyed(self, by: Iterable[str]) -> frozenset[str]:
        """Names of the variables that act on such a view. A board of one municipality names its region by that too."""
        acting = {name for name in by if name in self.one or name in self.many}
        return frozenset(acting | ({"region"} if "place" in self.one and "place" in acting else set()))


def quoted(name: str) -> str:
    """A column's name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def label(key: str) -> str:
    """The title of a metric as a column's name in SQL."""
    return quoted(metric(key).title)
