"""A figure of the chosen period and of the one before it: two rows, so that a panel shows the change."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from dashboards.builders.targets import Kind, Query
from dashboards.queries.filters import BEFORE, DAYS_BEFORE, FIRST_DAY, FROM, LAST_DAY, TO, Filters, label
from schemas.metric_catalogue import metric


def two_periods(
    key: str,
    value: Callable[[str], str],
    source: str,
    when: str,
    filters: Filters,
    by: Iterable[str],
    *,
    earlier: str = "",
) -> Query:
    """``value`` makes an aggregate out of a condition; ``when`` is the time column.

    ``earlier`` is taken from the ends of both periods, never added to the column: so the column's order is used.
    """
    sql = f"""
SELECT tupleElement(period, 1) AS time, tupleElement(period, 2) AS {label(key)}
FROM
(
  SELECT arrayJoin([
    ({BEFORE}, toNullable({value(f"{when} < {FROM}{earlier}")})),
    ({FROM}, toNullable({value(f"{when} >= {FROM}{earlier}")}))
  ]) AS period
  FROM {source}
  WHERE {when} >= {BEFORE}{earlier} AND {when} < {TO}{earlier}
  {filters.where(by)}
)
ORDER BY time
"""
    return Query(sql=sql, columns=_columns(key), filters=filters.obeyed(by), series=True)


def two_spans_of_days(key: str, value: Callable[[str], str], source: str, filters: Filters, by: Iterable[str]) -> Query:
    """The same over the local days that the period touches, and over as many days before them."""
    sql = f"""
SELECT tupleElement(period, 1) AS time, tupleElement(period, 2) AS {label(key)}
FROM
(
  SELECT arrayJoin([
    ({BEFORE}, toNullable({value(f"day < {FIRST_DAY}")})),
    ({FROM}, toNullable({value(f"day >= {FIRST_DAY}")}))
  ]) AS period
  FROM {source}
  WHERE day >= {DAYS_BEFORE} AND day <= {LAST_DAY}
  {filters.where(by)}
)
ORDER BY time
"""
    return Query(sql=sql, columns=_columns(key), filters=filters.obeyed(by), series=True)


def _columns(key: str) -> tuple[tuple[str, Kind], ...]:
    return (("time", "time"), (metric(key).title, "number"))
