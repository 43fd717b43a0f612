"""Answers: in time, how soon, who waits. Unanswered messages are part of every figure.

In time and how soon are asked of the messages whose limit ended in the period: of younger ones it is not known yet.
"""

from __future__ import annotations

from itertools import pairwise

from dashboards.builders.targets import Query
from dashboards.queries.comparison import two_periods
from dashboards.queries.filters import BEFORE, BY_ALL, FROM, TO, Filters, label
from schemas.metric_catalogue import metric

#: Ages of waiting: name and upper end in hours.
AGES = (("< 4 ч", 4), ("4–9 ч", 9), ("9–24 ч", 24), ("1–3 д", 72), ("3–7 д", 168), ("7–30 д", 720))
OLDEST = "> 30 д"
#: The limit ended in a period where the receipt lies so much before it.
EARLIER = " - toIntervalHour((SELECT answer_limit_h FROM gospulse.settings))"


def in_time_ratio(condition: str = "1") -> str:
    """The share in time over the rows of `answer_times` that fulfil a condition."""
    return f"avgIf(in_time, {condition})"


def in_time(filters: Filters) -> Query:
    """Share with an answer in time among messages whose limit ended in the period, and in the one before."""
    return two_periods(
        "in_time", in_time_ratio, "gospulse.answer_times", "received_at", filters, BY_ALL, earlier=EARLIER
    )


def how_soon(filters: Filters) -> Query:
    """Hours within which half and nine tenths got an answer; NULL where they have none."""
    sql = f"""
SELECT
  if(isFinite(p50), p50 / 3600, NULL) AS {label("answer_p50")},
  if(isFinite(p90), p90 / 3600, NULL) AS {label("answer_p90")}
FROM
(
  SELECT quantileExact(0.5)(answer_s) AS p50, quantileExact(0.9)(answer_s) AS p90
  FROM gospulse.answer_times
  WHERE received_at >= {FROM}{EARLIER} AND received_at < {TO}{EARLIER} AND in_time IS NOT NULL
  {filters.where(BY_ALL)}
)
"""
    return Query(
        sql=sql,
        columns=tuple((metric(key).title, "number") for key in ("answer_p50", "answer_p90")),
        filters=filters.obeyed(BY_ALL),
    )


def waiting(filters: Filters) -> Query:
    """Messages without an answer at the end of the period, and at its beginning."""

    def open_at(moment: str) -> str:
        return f"countIf(received_at < {moment} AND (ended_at IS NULL OR ended_at >= {moment}))"

    sql = f"""
SELECT tupleElement(period, 1) AS time, tupleElement(period, 2) AS {label("waiting")}
FROM
(
  SELECT arrayJoin([({BEFORE}, {open_at(FROM)}), ({FROM}, {open_at(TO)})]) AS period
  FROM gospulse.answer_times
  WHERE received_at < {TO}
  {filters.where(BY_ALL)}
)
ORDER BY time
"""
    return Query(
        sql=sql,
        columns=(("time", "time"), (metric("waiting").title, "number")),
        filters=filters.obeyed(BY_ALL),
        series=True,
    )


def waiting_by_age(filters: Filters) -> Query:
    """Messages without an answer at the end of the period, by how long they have waited."""
    names = [name for name, _ in AGES] + [OLDEST]
    ends = [0, *(end for _, end in AGES)]
    counts = [f"countIf(age_h >= {low} AND age_h < {high})" for low, high in pairwise(ends)]
    counts.append(f"countIf(age_h >= {ends[-1]})")
    sql = f"""
SELECT tupleElement(age, 1) AS "Ждут", tupleElement(age, 2) AS {label("waiting")}
FROM
(
  SELECT arrayJoin(arrayZip([{", ".join(f"'{name}'" for name in names)}], [{", ".join(counts)}])) AS age
  FROM
  (
    SELECT dateDiff('second', received_at, {TO}) / 3600 AS age_h
    FROM gospulse.answer_times
    WHERE received_at < {TO} AND (ended_at IS NULL OR ended_at >= {TO})
    {filters.where(BY_ALL)}
  )
)
"""
    return Query(
        sql=sql,
        columns=(("Ждут", "text"), (metric("waiting").title, "number")),
        filters=filters.obeyed(BY_ALL),
    )
