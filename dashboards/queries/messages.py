"""Messages of citizens: how many, against the usual, by topic, by state."""

from __future__ import annotations

from dashboards.builders.targets import Query
from dashboards.queries.comparison import two_periods
from dashboards.queries.filters import (
    BEFORE,
    BY_ALL,
    BY_PLACE,
    BY_REGION,
    FIRST_DAY,
    FROM,
    LAST_DAY,
    TO,
    Filters,
    label,
)
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
    return two_periods("messages", lambda when: f"countIf({when})", "gospulse.appeals", "received_at", filters, BY_ALL)


def against_usual(filters: Filters) -> Query:
    """Messages by hour against the same hour of the eight weeks before: median and quartiles.

    An hour without any message counts as none, but weeks before the first message ever do not count. The hour that has
    not ended yet has no figure: it would look like a fall.
    """
    at, begin = "hour + toIntervalDay(7 * week)", f"toStartOfHour({FROM})"
    return _against_usual(
        filters,
        ("messages", "usual", "usual_low", "usual_high"),
        source="gospulse.region_hour",
        by=BY_REGION,
        column="hour",
        at=at,
        begin=begin,
        complete=f"at + toIntervalHour(1) <= {TO}",
        step="toIntervalHour",
    )


def against_usual_day(filters: Filters) -> Query:
    """Messages by local day against the same day of the eight weeks before, in the same way."""
    return _against_usual(
        filters,
        ("messages_day", "usual_day", "usual_day_low", "usual_day_high"),
        source="gospulse.place_day",
        by=BY_PLACE,
        column="day",
        at="day + 7 * week",
        begin=FIRST_DAY,
        complete=f"at < {LAST_DAY}",
        step="toIntervalDay",
    )


def _against_usual(
    filters: Filters,
    keys: tuple[str, str, str, str],
    *,
    source: str,
    by: tuple[str, ...],
    column: str,
    at: str,
    begin: str,
    complete: str,
    step: str,
) -> Query:
    end = TO if column == "hour" else f"{LAST_DAY} + 1"
    steps = f"toUInt32(dateDiff('{column}', {begin}, {end}) + 1)"
    time = "at" if column == "hour" else "toDateTime(at, 'Europe/Moscow')"
    fact, middle, low, high = (label(key) for key in keys)
    sql = f"""
SELECT {time} AS time, fact AS {fact}, middle AS {middle}, low AS {low}, high AS {high}
FROM
(
  SELECT
    at,
    if({complete}, toNullable(sumIf(n, week = 0)), NULL) AS fact,
    greatest(0, least(8, intDiv(dateDiff('day', first, at), 7))) AS weeks,
    arrayResize(arrayReverseSort(groupArrayIf(n, week > 0)), weeks, 0) AS before,
    if(weeks = 0, NULL, arrayReduce('quantileExactInclusive(0.5)', before)) AS middle,
    if(weeks = 0, NULL, arrayReduce('quantileExactInclusive(0.25)', before)) AS low,
    if(weeks = 0, NULL, arrayReduce('quantileExactInclusive(0.75)', before)) AS high
  FROM
  (
    SELECT week, at, sum(n) AS n
    FROM
    (
      SELECT arrayJoin(range(0, 9)) AS week, {at} AS at, appeals AS n
      FROM {source}
      WHERE {column} >= {begin} - toIntervalDay(56) AND {column} < {end}
      {filters.where(by)}
      UNION ALL
      SELECT 0, arrayJoin(arrayMap(i -> {begin} + {step}(i), range({steps}))), 0
    )
    WHERE at >= {begin} AND at < {end}
    GROUP BY week, at
  ) AS n
  CROSS JOIN (SELECT min({column}) AS first FROM {source}) AS f
  GROUP BY at, first
)
ORDER BY time
"""
    return Query(
        sql=sql,
        columns=(("time", "time"), *((metric(key).title, "number") for key in keys)),
        filters=filters.obeyed(by),
        series=True,
    )


def topics(filters: Filters, limit: int = 9) -> Query:
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
    countIf(received_at >= {FROM}) AS now,
    countIf(received_at < {FROM}) AS before
  FROM gospulse.appeals
  WHERE received_at >= {BEFORE} AND received_at < {TO}
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
