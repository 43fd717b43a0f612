"""Spikes: the queue of open ones, history with aftermath, one territory against its band, quality of the detector."""

from __future__ import annotations

from typing import Final

from dashboards.builders.targets import Query
from dashboards.queries.filters import FROM, TO, Filters, label
from schemas.metric_catalogue import metric

LEVELS: Final = (
    "transform(level, ['municipality', 'region', 'district', 'country'], "
    "['Муниципалитет', 'Регион', 'Округ', 'Страна'], level)"
)
DECISIONS: Final = (
    "transform(coalesce(decision, ''), ['', 'accept', 'confirm', 'dismiss', 'hand_over'], "
    "['Новый', 'Принят', 'Подтверждён', 'Отклонён', 'Передан'], '')"
)
#: Territories that the variable ``spike`` names.
_CHOSEN: Final = (
    "(place IN (${spike:singlequote}) OR region IN (${spike:singlequote}) OR 'RU' IN (${spike:singlequote}) "
    "OR region IN (SELECT region FROM gospulse.regions WHERE federal_district IN (${spike:singlequote})))"
)
#: Episodes of the regions that the filter names; those above a region always show.
_OF_REGION: Final = "AND $__conditionalAll((region IN (${region:singlequote}) OR region IS NULL), $region)"

FILTERS: Final = Filters(many=("region",))
_BY_REGION: Final = frozenset({"region"})


_OPEN: Final = f"push AND since < {TO} AND (closed_at IS NULL OR closed_at > {TO})"


def number(key: str, expression: str, where: str) -> Query:
    """One number over the episodes that opened in the period, or are open at its end."""
    sql = f"""
SELECT {expression} AS {label(key)}
FROM gospulse.spikes
WHERE {where}
  {_OF_REGION}
"""
    return Query(sql=sql, columns=((metric(key).title, "number"),), filters=_BY_REGION)


def opened() -> Query:
    """Spikes that are open."""
    return number("spikes_open", "count()", _OPEN)


def found() -> Query:
    """Spikes that opened in the period."""
    return number("spikes_found", "count()", f"push AND since >= {FROM} AND since < {TO}")


def confirmed() -> Query:
    """Of the decided ones of 90 days, those that were confirmed."""
    return number(
        "spikes_confirmed",
        "if(countIf(decision IN ('confirm', 'dismiss')) = 0, NULL, "
        "countIf(decision = 'confirm') / countIf(decision IN ('confirm', 'dismiss')))",
        f"push AND since >= {TO} - toIntervalDay(90) AND since < {TO}",
    )


def calibration() -> Query:
    """Episodes over expected ones of the last week."""
    sql = f"""
SELECT calibration AS {label("spikes_calibration")}
FROM gospulse.spike_health
WHERE {TO} > {FROM}
"""
    return Query(sql=sql, columns=((metric("spikes_calibration").title, "number"),))


def silence() -> Query:
    """Minutes since the latest evaluation."""
    sql = f"""
SELECT if(evaluated_at IS NULL, NULL, greatest(0, dateDiff('minute', evaluated_at, {TO}))) AS {label("spikes_silence")}
FROM gospulse.spike_health
"""
    return Query(sql=sql, columns=((metric("spikes_silence").title, "number"),))


def queue() -> Query:
    """Open spikes: the most unusual first, then the more inhabitants, then the newer."""
    sql = f"""
SELECT
  coalesce(name, series) AS "Территория",
  {LEVELS} AS "Уровень",
  observed AS {label("spike_observed")},
  expected AS {label("spike_usual")},
  window_h AS {label("spike_window")},
  since AS "С какого времени",
  {DECISIONS} AS "Решение",
  reason AS "Что произошло",
  series AS "Код"
FROM gospulse.spikes
WHERE {_OPEN}
  {_OF_REGION}
ORDER BY log10(greatest(best_alarms, 1e-300)) - log10(1 + coalesce(population, 0)) / 3, since DESC
LIMIT 100
"""
    return Query(
        sql=sql,
        columns=(
            ("Территория", "text"),
            ("Уровень", "text"),
            *((metric(key).title, "number") for key in ("spike_observed", "spike_usual", "spike_window")),
            ("С какого времени", "time"),
            ("Решение", "text"),
            ("Что произошло", "text"),
            ("Код", "text"),
        ),
        filters=_BY_REGION,
        may_be_empty=True,
    )  # fmt: skip


def band() -> Query:
    """One territory by hour against what is usual there."""
    keys = ("spike_hourly", "spike_hourly_usual", "spike_hourly_low", "spike_hourly_high")
    fact, usual, low, high = (label(key) for key in keys)
    sql = f"""
SELECT e.hour AS time, toFloat64(coalesce(o.n, 0)) AS {fact}, e.expected AS {usual}, e.low AS {low}, e.high AS {high}
FROM
(
  SELECT hour, any(expected) AS expected, any(low) AS low, any(high) AS high
  FROM gospulse.spike_expected
  WHERE series IN (${{spike:singlequote}}) AND hour >= {FROM} AND hour + toIntervalHour(1) <= {TO}
  GROUP BY hour
) AS e
LEFT JOIN
(
  SELECT toStartOfHour(time) AS hour, sum(appeals) AS n
  FROM gospulse.place_5min
  WHERE time >= {FROM} AND time < {TO} AND {_CHOSEN}
  GROUP BY hour
) AS o ON e.hour = o.hour
ORDER BY time
"""
    return Query(
        sql=sql,
        columns=(("time", "time"), *((metric(key).title, "number") for key in keys)),
        filters=frozenset({"spike"}),
        series=True,
    )


def history() -> Query:
    """Closed episodes of the period with what became of them, the latest first."""
    keys = ("spike_peak", "spike_hours", "spike_first_post", "spike_silent", "spike_answered")
    sql = f"""
SELECT
  coalesce(name, series) AS "Территория",
  since AS "Начало",
  closed_at AS "Конец",
  peak AS {label("spike_peak")},
  hours AS {label("spike_hours")},
  first_post_h AS {label("spike_first_post")},
  if(after_appeals IS NULL, NULL, length(silent_pages)) AS {label("spike_silent")},
  if(coalesce(after_appeals, 0) = 0, NULL, answered / after_appeals) AS {label("spike_answered")},
  multiIf(
    nature = 'one_author', 'Один автор', nature = 'bulk_entry', 'Массовый ввод', NOT push, 'Мало авторов', {DECISIONS}
  ) AS "Решение",
  series AS "Код"
FROM gospulse.spikes
WHERE closed_at IS NOT NULL AND since >= {FROM} AND since < {TO}
  {_OF_REGION}
ORDER BY since DESC
LIMIT 100
"""
    return Query(
        sql=sql,
        columns=(
            ("Территория", "text"),
            ("Начало", "time"),
            ("Конец", "time"),
            *((metric(key).title, "number") for key in keys),
            ("Решение", "text"),
            ("Код", "text"),
        ),
        filters=_BY_REGION,
        may_be_empty=True,
    )
