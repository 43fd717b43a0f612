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
    sql = f"""
SELECT
  coalesce(n.name, m.code) AS "{title}",
  m.now AS {label("messages")},
  {per_head}
  s.share AS {label("share")},
  a.in_time AS {label("in_time")},
  coalesce(w.waiting, 0) AS {label("waiting")},
  coalesce(w.overdue, 0) AS {label("overdue")},
  m.code AS "Код"
FROM
(
  SELECT coalesce(key, '') AS code, now
  FROM
  (
    SELECT {by} AS key, count() AS now
    FROM gospulse.appeals
    WHERE received_at >= {FROM} AND received_at < {TO}
    {filters.where(BY_ALL)}
    GROUP BY key
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
LEFT JOIN
(
  SELECT coalesce(key, '') AS code, in_time
  FROM
  (
    SELECT {by} AS key, {answers.in_time_ratio()} AS in_time
    FROM gospulse.answer_times
    WHERE received_at >= {FROM}{EARLIER} AND received_at < {TO}{EARLIER}
    {filters.where(BY_ALL)}
    GROUP BY key
  )
) AS a ON m.code = a.code
LEFT JOIN
(
  SELECT coalesce(key, '') AS code, waiting, overdue
  FROM
  (
    SELECT {by} AS key, count() AS waiting, countIf(received_at < {TO}{EARLIER}) AS overdue
    FROM gospulse.answer_times
    WHERE received_at < {TO} AND (ended_at IS NULL OR ended_at >= {TO})
    {filters.where(BY_ALL)}
    GROUP BY key
  )
) AS w ON m.code = w.code
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
