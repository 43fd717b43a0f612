"""Public pages: what they publish, how citizens engage, how far they reach."""

from __future__ import annotations

from dashboards.builders.targets import Query
from dashboards.queries.filters import BY_ALL, BY_PAGE, DAYS, FROM, LAST_DAY, TO, Filters, label
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
    """Networks: posts, actions, views, actions by view, subscribers and reach."""
    sql = f"""
SELECT
  {NETWORKS} AS "Площадка",
  any(posts) AS {label("posts")},
  any(actions) AS {label("interactions")},
  if(any(views) = 0, NULL, any(actions) / any(views)) AS {label("er_views")},
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
    FROM gospulse.page_day
    WHERE page IS NOT NULL AND {DAYS}
    {filters.where(BY_PAGE)}
    GROUP BY network
    UNION ALL
    SELECT assumeNotNull(network) AS network, 0, 0, sumIf(value, metric = 'views'), 0,
      sumIf(value, metric = 'reach' AND day = {LAST_DAY} - 1)
    FROM gospulse.page_readings
    WHERE metric IN ('views', 'reach') AND {DAYS}
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
  p.last_post_day AS {label("last_post")},
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
    """Public posts under which citizens wrote in the period, the most messages first, with their addresses."""
    number = "splitByChar('_', m.post)[-1]"
    sql = f"""
SELECT
  concat({NETWORKS.replace("network", "m.network")}, ', запись ', {number}) AS "Запись",
  coalesce(p.name, m.page) AS "Госпаблик",
  m.messages AS {label("post_messages")},
  m.waiting AS {label("post_waiting")},
  m.latest AS {label("post_latest")},
  multiIf(
    m.network = 'vk', concat('https://vk.com/wall-', m.page_id, '_', {number}),
    m.network = 'ok', concat('https://ok.ru/group/', m.page_id, '/topic/', {number}),
    m.network = 'tg', concat('https://t.me/', m.page_id, '/', {number}),
    ''
  ) AS "Адрес"
FROM
(
  SELECT
    assumeNotNull(post) AS post,
    any(assumeNotNull(page)) AS page,
    splitByChar(':', page)[1] AS network,
    splitByChar(':', page)[2] AS page_id,
    count() AS messages,
    countIf(first_answer_at IS NULL AND withdrawn_at IS NULL AND closed_at IS NULL) AS waiting,
    max(received_at) AS latest
  FROM
  (
    SELECT post, page, first_answer_at, withdrawn_at, closed_at, received_at
    FROM gospulse.appeals
    WHERE received_at >= {FROM} AND received_at < {TO} AND post IS NOT NULL AND page IS NOT NULL
    {filters.where(BY_ALL)}
  )
  GROUP BY post
) AS m
LEFT JOIN gospulse.page_history AS p ON m.page = p.page AND p.in_force
ORDER BY m.messages DESC, m.latest DESC, "Запись"
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
            (metric("post_latest").title, "time"),
            ("Адрес", "text"),
        ),
        filters=filters.obeyed(BY_ALL),
    )
