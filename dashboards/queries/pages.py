"""Public pages: what they publish, how citizens engage, how far they reach."""

from __future__ import annotations

from dashboards.builders.targets import Query
from dashboards.queries.filters import (
    BY_ALL,
    BY_PAGE,
    BY_PLACE,
    BY_POST,
    DAYS,
    FROM,
    LAST_DAY,
    PERIODS,
    TO,
    Filters,
    label,
)
from schemas.metric_catalogue import metric

ACTIONS = (
    "toInt64(reaction_added + comment_added + repost_added + vote_added) - toInt64(reaction_removed + comment_removed)"
)
_ADDRESS = """multiIf(
    p.network = 'vk', concat('https://vk.com/club', splitByChar(':', page)[2]),
    p.network = 'ok', concat('https://ok.ru/group/', splitByChar(':', page)[2]),
    p.network = 'tg', concat('https://t.me/', splitByChar(':', page)[2]),
    p.network = 'max', concat('https://max.ru/', splitByChar(':', page)[2]),
    ''
  )"""

#: Networks in the words of the field.
NETWORKS = "transform(network, ['vk', 'ok', 'tg', 'max'], ['ВКонтакте', 'Одноклассники', 'Telegram', 'MAX'], network)"


def engagement(filters: Filters) -> Query:
    """Networks: posts, actions, views, actions by view, subscribers and reach.

    Days by network know no kinds of pages: where kinds are chosen, days by page are read.
    """
    every_kind = "$__conditionalAll(1 = 0, $kind)" if "kind" in filters.many else "1 = 1"
    sql = f"""
SELECT
  {NETWORKS} AS "Площадка",
  any(posts) AS {label("posts")},
  any(actions) AS {label("interactions")},
  if(any(views) = 0, NULL, any(actions) / any(views) * 1000) AS {label("er_views")},
  nullIf(any(subscribers), 0) AS {label("subscribers")},
  nullIf(any(reach), 0) AS {label("reach")}
FROM
(
  SELECT network, sum(posts) AS posts, sum(actions) AS actions, sum(views) AS views, sum(subscribers) AS subscribers,
    sum(reach) AS reach
  FROM
  (
    SELECT assumeNotNull(network) AS network, sum(post_published) AS posts, sum({ACTIONS}) AS actions,
      toUInt64(0) AS views, toUInt64(0) AS subscribers, toUInt64(0) AS reach
    FROM gospulse.network_day
    WHERE {every_kind} AND network IS NOT NULL AND {DAYS}
    {filters.where(BY_PLACE)}
    GROUP BY network
    UNION ALL
    SELECT assumeNotNull(network) AS network, sum(post_published) AS posts, sum({ACTIONS}) AS actions, 0, 0, 0
    FROM gospulse.page_day
    WHERE NOT ({every_kind}) AND page IS NOT NULL AND {DAYS}
    {filters.where(BY_PAGE)}
    GROUP BY network
    UNION ALL
    SELECT assumeNotNull(network) AS network, 0, 0, sumIf(value, metric = 'views'), 0,
      sumIf(value, metric = 'reach' AND day = {LAST_DAY} - 1)
    FROM gospulse.page_readings
    WHERE metric IN ('views', 'reach') AND {DAYS} AND {PERIODS}
    {filters.where(BY_PAGE)}
    GROUP BY network
    UNION ALL
    SELECT network, 0, 0, 0, sum(coalesce(subscribers, 0)), 0
    FROM gospulse.pages
    WHERE 1
    {filters.where(BY_PAGE)}
    GROUP BY network
  )
  GROUP BY network
)
GROUP BY network
HAVING network != ''
ORDER BY {label("subscribers")} DESC
LIMIT 20
"""
    keys = ("posts", "interactions", "er_views", "subscribers", "reach")
    return Query(
        sql=sql,
        columns=(("Площадка", "text"), *((metric(key).title, "number") for key in keys)),
        filters=filters.obeyed(BY_PAGE),
    )


def page_table(filters: Filters, limit: int = 200) -> Query:
    """Pages with what they did in the period, those with most messages first; addresses for links."""
    sql = f"""
SELECT
  coalesce(p.name, p.page) AS "Госпаблик",
  coalesce(d.messages, 0) AS {label("share_numerator")},
  coalesce(d.posts, 0) AS {label("posts")},
  coalesce(d.actions, 0) AS {label("interactions")},
  p.subscribers AS {label("subscribers")},
  CAST(p.last_post_day, 'Nullable(Date)') AS {label("last_post")},
  {_ADDRESS.replace("splitByChar(':', page)", "splitByChar(':', p.page)")} AS "Адрес"
FROM
(
  SELECT page, network, name, subscribers, last_post_day
  FROM gospulse.pages
  WHERE 1
  {filters.where(BY_PAGE)}
) AS p
LEFT JOIN
(
  SELECT assumeNotNull(page) AS page, sum(appeals_public_page) AS messages, sum(post_published) AS posts,
    sum({ACTIONS}) AS actions
  FROM gospulse.page_day
  WHERE page IS NOT NULL AND {DAYS}
  {filters.where(BY_PAGE)}
  GROUP BY page
) AS d ON p.page = d.page
ORDER BY {label("share_numerator")} DESC, {label("interactions")} DESC, "Госпаблик"
LIMIT {limit}
SETTINGS join_use_nulls = 1
"""
    keys = ("share_numerator", "posts", "interactions", "subscribers")
    return Query(
        sql=sql,
        columns=(
            ("Госпаблик", "text"),
            *((metric(key).title, "number") for key in keys),
            (metric("last_post").title, "time"),
            ("Адрес", "text"),
        ),
        filters=filters.obeyed(BY_PAGE),
    )


def posts_behind(filters: Filters, limit: int = 100) -> Query:
    """Public posts of the period, those with most messages under them first, with their addresses.

    Where a topic is chosen only posts with such messages are listed.
    """
    number = "splitByChar('_', m.post)[-1]"
    any_topic = "$__conditionalAll(1 = 0, $topic)" if "topic" in filters.many else "1 = 1"
    sql = f"""
SELECT
  concat({NETWORKS.replace("network", "m.network")}, ', запись ', {number}) AS "Запись",
  coalesce(p.name, m.page) AS "Госпаблик",
  m.messages AS {label("post_messages")},
  m.waiting AS {label("post_waiting")},
  m.published AS {label("post_published")},
  multiIf(
    m.network = 'vk', concat('https://vk.com/wall-', m.page_id, '_', {number}),
    m.network = 'ok', concat('https://ok.ru/group/', m.page_id, '/topic/', {number}),
    m.network = 'tg', concat('https://t.me/', m.page_id, '/', {number}),
    ''
  ) AS "Адрес"
FROM
(
  SELECT
    post,
    any(page) AS page,
    splitByChar(':', page)[1] AS network,
    splitByChar(':', page)[2] AS page_id,
    sum(written) AS messages,
    sum(open) AS waiting,
    max(at) AS published
  FROM
  (
    SELECT post, page, at, 0 AS written, 0 AS open
    FROM
    (
      SELECT post, page, region, place, published_at AS at, if(network = 'tg', 'telegram', network) AS channel
      FROM gospulse.posts
      WHERE published_at >= {FROM} AND published_at < {TO} AND removed_at IS NULL
    )
    WHERE 1
    {filters.where(BY_POST)}
    UNION ALL
    SELECT
      assumeNotNull(post),
      assumeNotNull(page),
      NULL,
      1,
      toUInt8(first_answer_at IS NULL AND withdrawn_at IS NULL AND closed_at IS NULL)
    FROM gospulse.appeals
    WHERE received_at >= {FROM} AND received_at < {TO} AND post IS NOT NULL AND page IS NOT NULL
    {filters.where(BY_ALL)}
  )
  GROUP BY post
  HAVING messages > 0 OR {any_topic}
) AS m
LEFT JOIN gospulse.page_history AS p ON m.page = p.page AND p.in_force
ORDER BY m.messages DESC, m.published DESC, "Запись"
LIMIT {limit}
SETTINGS join_use_nulls = 1
"""
    return Query(
        sql=sql,
        columns=(
            ("Запись", "text"),
            ("Госпаблик", "text"),
            (metric("post_messages").title, "number"),
            (metric("post_waiting").title, "number"),
            (metric("post_published").title, "time"),
            ("Адрес", "text"),
        ),
        filters=filters.obeyed(BY_ALL),
    )
