"""The share through public pages: numerator, denominator, and nothing where the denominator is silent."""

from __future__ import annotations

from msgspec import structs

from dashboards.builders.targets import Query
from dashboards.queries.comparison import two_spans_of_days
from dashboards.queries.filters import BY_PLACE, BY_REGION, DAYS, Filters, label
from schemas.metric_catalogue import metric


def ratio(condition: str = "1") -> str:
    """The share over the rows of a view of shares that fulfil a condition and have a denominator."""
    fed = f"others_heard AND {condition}"
    return f"sumIf(numerator, {fed}) / nullIf(sumIf(denominator, {fed}), 0)"


def rows(filters: Filters) -> tuple[str, tuple[str, ...]]:
    """The view that knows the denominator of a board's area, and what it can be filtered by.

    A region's own totals say nothing of its municipalities, so a region is read as a whole unless some of its
    municipalities are chosen.
    """
    if "place" in filters.one:
        return "gospulse.share_day", BY_PLACE
    if "place" not in filters.many:
        return "gospulse.share_region_day", BY_REGION
    columns = "day, region, numerator, denominator, others_heard"
    everything = "$__conditionalAll(1 = 0, $place)"
    return (
        f"""(
    SELECT {columns} FROM gospulse.share_region_day WHERE {everything}
    UNION ALL
    SELECT {columns} FROM gospulse.share_day WHERE NOT ({everything}) {filters.where(("place",))}
  )""",
        BY_REGION,
    )


def share(filters: Filters) -> Query:
    """The share of the days that the period touches, and of as many days before."""
    source, by = rows(filters)
    found = two_spans_of_days("share", ratio, source, filters, by)
    return structs.replace(found, filters=filters.obeyed(BY_PLACE))


def share_by_day_counts(filters: Filters) -> Query:
    """Numerator and denominator by local day."""
    source, by = rows(filters)
    sql = f"""
SELECT
  formatDateTime(day, '%d.%m') AS "День",
  if(countIf(others_heard) = 0, NULL, sumIf(numerator, others_heard)) AS {label("share_numerator")},
  if(countIf(others_heard) = 0, NULL, sumIf(denominator, others_heard)) AS {label("share_denominator")}
FROM {source}
WHERE {DAYS}
  {filters.where(by)}
GROUP BY day
ORDER BY day
LIMIT 400
"""
    return Query(
        sql=sql,
        columns=(
            ("День", "text"),
            (metric("share_numerator").title, "number"),
            (metric("share_denominator").title, "number"),
        ),
        filters=filters.obeyed(BY_PLACE),
    )


def share_map(filters: Filters) -> Query:
    """The share by region with the place of its tile; a region without a denominator has no share."""
    sql = f"""
SELECT
  t.region AS "Код",
  r.name AS "Регион",
  t.short_name AS "Плитка",
  s.share AS {label("share")},
  coalesce(s.through_pages, 0) AS {label("share_numerator")},
  t.latitude AS "Широта плитки",
  t.longitude AS "Долгота плитки"
FROM gospulse.region_tiles AS t
LEFT JOIN gospulse.regions AS r ON t.region = r.region
LEFT JOIN
(
  SELECT region, {ratio()} AS share, sum(numerator) AS through_pages
  FROM gospulse.share_region_day
  WHERE {DAYS}
  {filters.where(BY_REGION)}
  GROUP BY region
) AS s ON t.region = s.region
ORDER BY t.region
LIMIT 100
SETTINGS join_use_nulls = 1
"""
    return Query(
        sql=sql,
        columns=(
            ("Код", "text"),
            ("Регион", "text"),
            ("Плитка", "text"),
            (metric("share").title, "number"),
            (metric("share_numerator").title, "number"),
            ("Широта плитки", "number"),
            ("Долгота плитки", "number"),
        ),
        filters=filters.obeyed(BY_PLACE),
    )
