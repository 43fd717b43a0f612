"""Territories side by side: regions of the country, municipalities of a region."""

from __future__ import annotations

from dashboards.builders.targets import Query
from dashboards.queries import answers, share
from dashboards.queries.answers import EARLIER
from dashboards.queries.filters import BY_ALL, BY_PLACE, BY_REGION, DAYS, FROM, TO, Filters, label
from schemas.metric_catalogue import metric


def regions(filters: Filters) -> Query:
    """Regions with messages in the period, the most messages first."""
    return _territories(
        filters,
        "region",
        "Регион",
        f"SELECT region AS code, name, population FROM ({_PEOPLE}) AS p",
    )


def municipalities(filters: Filters) -> Query:
    """Municipalities of a region, the most messages first."""
    return _territories(
        filters, "place", "Муниципалитет", "SELECT place AS code, name, population FROM gospulse.places"
    )


_PEOPLE = (
    "SELECT r.region AS region, any(r.name) AS name, sum(p.population) AS population "
    "FROM gospulse.regions AS r LEFT JOIN gospulse.places AS p ON r.region = p.region GROUP BY r.region"
)


def _territories(filters: Filters, by: str, title: str, names: str) -> Query:
    """One row a territory: messages, per head, share, answers in time, who waits."""
    population = by == "place"
    shares = "gospulse.share_day" if population else "gospulse.share_region_day"
    per_head = (
        f"if(coalesce(n.population, 0) < 1000, NULL, m.now / n.population * 10000) AS {label('per_10k')},"
        if population
        else ""
    )
    # One reading for the messages of the period, for those whose limit ended in it, and for those that wait.
    waits = f"(ended_at IS NULL OR ended_at >= {TO})"
    sql = f"""
SELECT
  coalesce(n.name, m.code) AS "{title}",
  m.now AS {label("messages")},
  {per_head}
  s.share AS {label("share")},
  m.in_time AS {label("in_time")},
  m.waiting AS {label("waiting")},
  m.overdue AS {label("overdue")},
  m.code AS "Код"
FROM
(
  SELECT coalesce(key, '') AS code, now, in_time, waiting, overdue
  FROM
  (
    SELECT
      {by} AS key,
      countIf(received_at >= {FROM}) AS now,
      {answers.in_time_ratio(f"received_at >= {FROM}{EARLIER} AND received_at < {TO}{EARLIER}")} AS in_time,
      countIf({waits}) AS waiting,
      countIf({waits} AND received_at < {TO}{EARLIER}) AS overdue
    FROM gospulse.answer_times
    WHERE received_at < {TO} AND (received_at >= {FROM}{EARLIER} OR {waits})
    {filters.where(BY_ALL)}
    GROUP BY key
    HAVING now > 0
  )
) AS m
LEFT JOIN ({names}) AS n ON m.code = n.code
LEFT JOIN
(
  SELECT coalesce({by}, '') AS code, {share.ratio()} AS share
  FROM {shares}
  WHERE {DAYS}
  {filters.where(BY_PLACE if population else BY_REGION)}
  GROUP BY code
) AS s ON m.code = s.code
ORDER BY m.now DESC, "{title}"
LIMIT 500
SETTINGS join_use_nulls = 1
"""
    keys = ["messages", *(["per_10k"] if population else []), "share", "in_time", "waiting", "overdue"]
    return Query(
        sql=sql,
        columns=((title, "text"), *((metric(key).title, "number") for key in keys), ("Код", "text")),
        filters=filters.obeyed(BY_ALL),
    )
