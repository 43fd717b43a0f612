"""Messages of citizens: how many, against the usual, by topic, by state."""

from __future__ import annotations

from dashboards.builders.targets import Query
from dashboards.queries.comparison import two_periods
from dashboards.queries.filters import BEFORE, BY_ALL, BY_PLACE, FROM, TO, Filters, label
from schemas.metric_catalogue import metric

#: Names of the states in the words of the field.
STATES = (
    ("Новое", "state = 'received'"),
    ("Направлено исполнителю", "state IN ('assigned', 'reopened')"),
    ("Промежуточный ответ", "state = 'interim'"),
    ("Дан ответ", "state = 'answered'"),
    ("Закрыто", "state = 'closed' AND first_answer_at IS NOT NULL"),
    ("Без ответа", "state IN ('closed', 'withdrawn', 'removed') AND first_answer_at IS NULL"),
    ("Снято после ответа", "state IN ('withdrawn', 'removed') AND first_answer_at IS NOT NULL"),
)


def messages(filters: Filters) -> Query:
    """Messages of the period and of the one before."""
    return two_periods(
        "messages", lambda when: f"sumIf(appeals, {when})", "gospulse.appeals_5min", "time", filters, BY_ALL
    )


def against_usual(filters: Filters) -> Query:
    """Messages by hour against the same hour of the eight weeks before: median and quartiles."""
    sql = f"""
SELECT
  at AS time,
  sumIf(appeals, week = 0) AS {label("messages")},
  quantileExactInclusiveIf(0.5)(appeals, week > 0) AS {label("usual")},
  quantileExactInclusiveIf(0.25)(appeals, week > 0) AS {label("usual_low")},
  quantileExactInclusiveIf(0.75)(appeals, week > 0) AS {label("usual_high")}
FROM
(
  SELECT at, week, sum(n) AS appeals
  FROM
  (
    SELECT arrayJoin(range(0, 9)) AS week, hour + toIntervalDay(7 * week) AS at, sum(appeals) AS n
    FROM gospulse.place_hour
    WHERE hour >= {FROM} - toIntervalDay(56) AND hour < {TO}
    {filters.where(BY_PLACE)}
    GROUP BY week, at
  )
  WHERE at >= toStartOfHour({FROM}) AND at < {TO}
  GROUP BY at, week
)
GROUP BY time
ORDER BY time
"""
    names = [metric(key).title for key in ("messages", "usual", "usual_low", "usual_high")]
    return Query(
        sql=sql,
        columns=(("time", "time"), *((name, "number") for name in names)),
        filters=filters.obeyed(BY_PLACE),
        series=True,
    )


def topics(filters: Filters, limit: int = 10) -> Query:
    """Topics with most messages of the period, and how they changed."""
    sql = f"""
SELECT
  coalesce(t.name, 'Тема не определена') AS "Тема",
  m.now AS {label("messages")},
  if(m.before = 0, NULL, m.now / m.before - 1) AS {label("change")},
  m.topic AS "Код темы"
FROM
(
  SELECT
    topic,
    sumIf(appeals, time >= {FROM}) AS now,
    sumIf(appeals, time < {FROM}) AS before
  FROM gospulse.appeals_5min
  WHERE time >= {BEFORE} AND time < {TO}
  {filters.where(BY_ALL)}
  GROUP BY topic
) AS m
LEFT JOIN gospulse.topics AS t ON m.topic = t.topic
WHERE now > 0
ORDER BY now DESC, "Тема"
LIMIT {limit}
SETTINGS join_use_nulls = 1
"""
    return Query(
        sql=sql,
        columns=(
            ("Тема", "text"),
            (metric("messages").title, "number"),
            (metric("change").title, "number"),
            ("Код темы", "text"),
        ),
        filters=filters.obeyed(BY_ALL),
    )


def states(filters: Filters) -> Query:
    """Messages of the period by what became of them, in the order of their way."""
    names = ", ".join(f"'{name}'" for name, _ in STATES)
    counts = ", ".join(f"countIf({condition})" for _, condition in STATES)
    sql = f"""
SELECT tupleElement(state, 1) AS "Состояние", tupleElement(state, 2) AS {label("status")}
FROM
(
  SELECT arrayJoin(arrayZip([{names}], [{counts}])) AS state
  FROM gospulse.appeals
  WHERE received_at >= {FROM} AND received_at < {TO}
  {filters.where(BY_ALL)}
)
"""
    return Query(
        sql=sql,
        columns=(("Состояние", "text"), (metric("status").title, "number")),
        filters=filters.obeyed(BY_ALL),
    )
