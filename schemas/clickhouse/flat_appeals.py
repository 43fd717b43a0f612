"""The flat form of an appeal: its columns from the standing copy and the life, and the rows that views read.

The refresher writes this form to ``appeal_rows``; views read it there, and from the facts what is not written yet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from schemas.clickhouse.expressions import region_of_place

_NEVER: Final = "toDateTime64(0, 3, 'UTC')"


def _fact(member: str) -> str:
    return f"tupleElement(f, '{member}')"


def _life(member: str) -> str:
    return f"tupleElement(life, '{member}')"


def _latest(member: str, otherwise: str = "''") -> str:
    """What a later change says, else the fact."""
    return f"coalesce({_life(member)}, {_fact(member)}, {otherwise})"


#: Column of ``appeal_rows`` -> expression over ``appeal``, ``place``, the standing copy ``f`` and ``life``, whose
#: version is 0 where nothing but the receipt is known. Absent values have defaults: an empty text, 0, 1970.
FLAT: Final[Mapping[str, str]] = {
    "received_at": _fact("at"),
    "appeal": "appeal",
    "first_seen_at": _fact("appended"),
    "region": f"ifNull({region_of_place()}, '')",
    "place": _fact("place"),
    "page": f"ifNull({_fact('page')}, '')",
    "network": f"splitByChar(':', ifNull({_fact('page')}, ''))[1]",
    "channel": _fact("channel"),
    "entrance": _fact("entrance"),
    "topic": _latest("topic"),
    "nature": _latest("nature"),
    "rating": _latest("rating", "0"),
    "urgent": _fact("urgent"),
    "state": f"if({_life('version')} = 0, 'received', {_life('state')})",
    **{
        moment: f"ifNull({_life(moment)}, {_NEVER})"
        for moment in ("first_answer_at", "answered_at", "closed_at", "withdrawn_at")
    },
    "source": _fact("source"),
    "responder": _latest("responder"),
    "post": f"ifNull({_fact('object')}, '')",
    "load": f"ifNull({_fact('load')}, '')",
}


def flat(appeals: str, lives: str, among: str) -> str:
    """A question that gives the flat form of the appeals ``among`` (what stands right of IN), from these tables."""
    columns = ", ".join(f"{expression} AS {column}" for column, expression in FLAT.items() if column != "appeal")
    return (
        f"SELECT appeal, {columns} FROM ("
        f"SELECT a.appeal AS appeal, a.f AS f, tupleElement(a.f, 'place') AS place, l.life AS life FROM "
        f"(SELECT appeal, min(first) AS f FROM {appeals} WHERE appeal IN {among} GROUP BY appeal) AS a LEFT JOIN "
        f"(SELECT appeal, max(life) AS life FROM {lives} WHERE appeal IN {among} GROUP BY appeal) AS l "
        "ON a.appeal = l.appeal SETTINGS join_use_nulls = 0)"
    )


def shown_appeals() -> str:
    """A subquery of all appeals of a generation in their flat form, each once, for the views.

    An appeal with a copy that the refresher has not read yet is taken from the facts, and its rows are passed over: in
    the hours that any copy of it names, where there are several.
    """
    late = (
        "SELECT m.hour FROM (SELECT hour, sum(high) AS marks FROM (SELECT hour, log, part, max(high) AS high "
        "FROM gospulse_data.touched_g{generation} GROUP BY hour, log, part) GROUP BY hour) AS m "
        "LEFT JOIN (SELECT period, max(version) AS head FROM gospulse_data.refreshed_g{generation} "
        "WHERE rollup = 'place_hour' GROUP BY period) AS h ON m.hour = h.period WHERE m.marks > h.head"
    )
    news = (
        "SELECT key FROM gospulse_data.fact_hours_g{generation} "
        f"WHERE fact = 'appeals' AND hour IN ({late}) AND tupleElement(first, 'log') < 65535 "
        "AND (hour, key) NOT IN (SELECT toDateTime(toStartOfHour(received_at), 'UTC'), appeal "
        f"FROM gospulse_data.appeal_rows_g{{generation}} WHERE toStartOfHour(received_at) IN ({late}))"
    )
    several = (
        "SELECT appeal, groupUniqArrayArray(hours) AS all_hours FROM gospulse_data.appeals_g{generation} "
        f"WHERE appeal IN ({news}) GROUP BY appeal HAVING length(all_hours) > 1"
    )
    hours = f"SELECT arrayJoin(arrayMap(hour -> toDateTime(hour, 'UTC'), all_hours)) FROM ({several})"
    columns = ", ".join(FLAT)
    rows = f"SELECT {columns} FROM gospulse_data.appeal_rows_g{{generation}} FINAL"
    known = f"SELECT appeal FROM ({several})"
    fresh = flat("gospulse_data.appeals_g{generation}", "gospulse_data.lives_g{generation}", f"({news})")
    return (
        f"({rows} WHERE toStartOfHour(received_at) NOT IN ({hours}) "
        f"UNION ALL {rows} WHERE toStartOfHour(received_at) IN ({hours}) AND appeal NOT IN ({known}) "
        f"UNION ALL SELECT {columns} FROM ({fresh}))"
    )
