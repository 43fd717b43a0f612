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


def _latest(member: str) -> str:
    """What a later change says, else the fact."""
    return f"coalesce({_life(member)}, {_fact(member)})"


def _few(text: str, where: str = "") -> str:
    """A text of few values in the type of its column, NULL where a condition does not hold: a union keeps that type."""
    return f"toLowCardinality(if({where}, {text}, NULL))" if where else f"toLowCardinality({text})"


#: How the wait for a reply ended. A removal by the page does not end it: only a reply, the author or a closing does.
_OUTCOME: Final = (
    f"multiIf({_life('state')} = 'withdrawn', 'withdrawn', "
    f"{_life('state')} = 'removed' AND {_life('first_answer_at')} IS NOT NULL, 'removed', "
    f"{_life('first_answer_at')} IS NOT NULL, 'answered', "
    f"{_life('closed_at')} IS NOT NULL AND {_life('state')} != 'removed', 'closed', 'waiting')"
)

#: Column of ``appeal_rows`` -> expression over ``appeal``, ``place``, the standing copy ``f`` and ``life``, whose
#: version is 0 where nothing but the receipt is known. Absent values of page, post, rating and times have
#: defaults: an empty text, 0, 1970.
FLAT: Final[Mapping[str, str]] = {
    "received_at": _fact("at"),
    "appeal": "appeal",
    "first_seen_at": _fact("appended"),
    "region": _few(region_of_place()),
    "place": _few(_fact("place")),
    "page": f"ifNull({_fact('page')}, '')",
    "network": _few(f"splitByChar(':', assumeNotNull({_fact('page')}))[1]", f"{_fact('page')} IS NOT NULL"),
    "channel": _few(_fact("channel")),
    "entrance": _few(_fact("entrance")),
    "topic": _few(_latest("topic")),
    "nature": _few(_latest("nature")),
    "rating": f"ifNull({_latest('rating')}, 0)",
    "urgent": _fact("urgent"),
    "state": _few(f"if({_life('version')} = 0, 'received', {_life('state')})"),
    **{
        moment: f"ifNull({_life(moment)}, {_NEVER})"
        for moment in ("first_answer_at", "answered_at", "closed_at", "withdrawn_at")
    },
    "outcome": _few(_OUTCOME),
    "ended_at": (
        f"if(({_OUTCOME}) = 'waiting', {_NEVER}, ifNull(coalesce({_life('first_answer_at')}, {_life('withdrawn_at')}, "
        f"{_life('closed_at')}), {_NEVER}))"
    ),
    "replied": f"toBool({_life('first_answer_at')} IS NOT NULL)",
    "source": _few(_fact("source")),
    "responder": _few(_latest("responder")),
    "post": f"ifNull({_fact('object')}, '')",
    "load": _few(_fact("load")),
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


def _each(array: str) -> str:
    """A set of an array's elements for IN.

    Without a name of its own the column is named by its place: the engine takes equal texts for different ones then,
    and computes the scalars around it once for each.
    """
    return f"(SELECT arrayJoin({array}) AS one)"


def shown_appeals() -> str:
    """A subquery of all appeals of a generation in their flat form, each once, for the views.

    An appeal with a copy that the refresher has not read yet is taken from the facts, and its rows are passed over: in
    every hour that a copy of it names. Facts stand first: the scalars are computed with them, and the rows are as they
    are after that. So a refresher that ends an hour meanwhile takes no appeal away and shows none twice.
    """
    # A scalar is computed once a query, however often its text stands there, and folds away where it is empty.
    late = (
        "(SELECT groupArray(m.hour) FROM (SELECT hour, sum(t.high) AS marks "
        "FROM gospulse_data.touched_g{generation} AS t FINAL GROUP BY hour) AS m "
        "LEFT JOIN (SELECT period, max(version) AS head FROM gospulse_data.refreshed_g{generation} "
        "WHERE rollup = 'place_hour' GROUP BY period) AS h ON m.hour = h.period WHERE m.marks > h.head)"
    )
    late_hours = _each(late)
    fresh = (
        "(SELECT groupUniqArray(key) FROM gospulse_data.fact_hours_g{generation} "
        f"WHERE fact = 'appeals' AND hour IN {late_hours} AND tupleElement(first, 'log') < 65535 "
        "AND (hour, key) NOT IN (SELECT toDateTime(toStartOfHour(received_at), 'UTC'), appeal "
        f"FROM gospulse_data.appeal_rows_g{{generation}} WHERE toStartOfHour(received_at) IN {late_hours}))"
    )
    # Rows of such an appeal in any hour that a copy names: they are passed over, the facts stand for them.
    hidden = (
        "(SELECT arraySort(groupArray((toDateTime(hour, 'UTC'), appeal))) FROM "
        "(SELECT appeal, groupUniqArrayArray(hours) AS of_all "
        f"FROM gospulse_data.appeals_g{{generation}} WHERE appeal IN {_each(fresh)} GROUP BY appeal) "
        "ARRAY JOIN of_all AS hour)"
    )
    columns = ", ".join(FLAT)
    facts = flat("gospulse_data.appeals_g{generation}", "gospulse_data.lives_g{generation}", _each(fresh))
    rows = f"SELECT {columns} FROM gospulse_data.appeal_rows_g{{generation}} FINAL"
    # Most rows lie before the first of these hours: they are read without a look at their identities.
    since = f"tupleElement({hidden}[1], 1)"
    return (
        f"(SELECT {columns} FROM ({facts}) UNION ALL {rows} WHERE empty({hidden}) OR received_at < {since} "
        f"UNION ALL {rows} WHERE notEmpty({hidden}) AND received_at >= {since} "
        f"AND (toDateTime(toStartOfHour(received_at), 'UTC'), appeal) NOT IN {_each(hidden)})"
    )
