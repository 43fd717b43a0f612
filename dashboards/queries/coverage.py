"""How much the figures cover and until when they are complete."""

from __future__ import annotations

from dashboards.builders.targets import Query
from dashboards.queries.comparison import two_spans_of_days
from dashboards.queries.filters import BY_PLACE, DAYS, Filters
from schemas.metric_catalogue import metric


def ratio(condition: str = "1") -> str:
    """The coverage over the rows of `coverage` that fulfil a condition."""
    return f"sumIf(pages_registered_heard, {condition}) / nullIf(sumIf(pages_registered, {condition}), 0)"


def coverage(filters: Filters) -> Query:
    """Registered pages that were heard, as a share, over the days of the period and over as many before."""
    return two_spans_of_days("coverage", ratio, "gospulse.coverage", filters, BY_PLACE)


def line(filters: Filters) -> str:
    """SQL of one sentence: pages that count, and until when everything is complete."""
    return f"""
SELECT concat(
  multiIf(
    registered = 0, 'реестр госпабликов не загружен',
    concat('учтено ', if(heard = round(heard), '', 'в среднем '),
      replaceAll(concat(toString(heard), ' из ', toString(registered)), '.', ','), ' госпабликов')
  ),
  ' · {metric("complete_until").title.lower()} ',
  coalesce(
    (
      SELECT formatDateTime(min(complete_until), '%H:%i %d.%m', 'Europe/Moscow')
      FROM gospulse.freshness
      WHERE topic = 'events'
    ),
    'начала приёма'
  )
) AS line
FROM
(
  SELECT
    uniqExactIf(day, pages_registered > 0) AS days,
    if(sum(pages_registered) < 20 * days, 1, 0) AS digits,
    if(days = 0, 0, round(sum(pages_registered_heard) / days, digits)) AS heard,
    if(days = 0, 0, round(sum(pages_registered) / days, digits)) AS registered
  FROM gospulse.coverage
  WHERE {DAYS}
  {filters.where(BY_PLACE)}
)
"""
