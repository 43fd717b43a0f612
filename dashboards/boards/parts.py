"""Panels that more than one board has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from dashboards.builders.links import POSTS, outside
from dashboards.builders.panels import Column, Panel, Place, bars, lines, table
from dashboards.builders.units import BAD, CONTEXT, IN_TIME, OVERDUE, SHARE, WATCH, thresholds
from dashboards.queries import answers, messages, pages
from dashboards.queries.filters import Filters
from schemas.metric_catalogue import metric

#: Growth of a topic is worth a look, a fall is not: no red, no green.
CHANGE = thresholds(CONTEXT, (0.25, WATCH), (1.0, BAD))


def against_usual(number: int, at: Place, filters: Filters) -> Panel:
    """Messages by hour against what is usual."""
    titles = {key: metric(key).title for key in ("messages", "usual", "usual_low", "usual_high")}
    return Panel(
        id=number,
        at=at,
        title="Сообщения по часам против обычного",
        what="Больше или меньше сообщений, чем обычно в этот час недели; серая полоса — обычный разброс.",
        to_do="если линия несколько часов выше полосы, найдите тему и территорию всплеска; последний час ещё не полон.",
        queries=(messages.against_usual(filters),),
        metrics=("messages", "usual", "usual_low", "usual_high"),
        body=lines("messages", titles["messages"], (titles["usual_low"], titles["usual"], titles["usual_high"])),
    )


def against_usual_day(number: int, at: Place, filters: Filters) -> Panel:
    """Messages by local day against what is usual."""
    keys = ("messages_day", "usual_day", "usual_day_low", "usual_day_high")
    fact, middle, low, high = (metric(key).title for key in keys)
    return Panel(
        id=number,
        at=at,
        title="Сообщения по дням против обычного",
        what="Больше или меньше сообщений, чем обычно в этот день недели; серая полоса — обычный разброс.",
        to_do="если линия выше полосы, найдите тему всплеска; текущий день появится, когда кончится.",
        queries=(messages.against_usual_day(filters),),
        metrics=keys,
        body=lines("messages_day", fact, (low, middle, high)),
    )


def topics(number: int, at: Place, filters: Filters, links: Sequence[Mapping[str, Any]]) -> Panel:
    """Topics with most messages and their change."""
    return Panel(
        id=number,
        at=at,
        title="О чём пишут",
        what="Темы с наибольшим числом сообщений и их изменение против прошлого периода.",
        to_do="нажмите на тему, которая выросла, чтобы увидеть, где и под какими записями о ней пишут.",
        queries=(messages.topics(filters),),
        metrics=("messages", "change"),
        body=table(
            [
                Column(name="Тема", links=tuple(links)),
                Column(name=metric("messages").title, metric="messages", gauge=True, width=105),
                Column(name=metric("change").title, metric="change", colours=CHANGE, width=110),
                Column(name="Код темы", hidden=True),
            ]
        ),
    )


def ages(number: int, at: Place, filters: Filters, links: Sequence[Mapping[str, Any]]) -> Panel:
    """Who waits, by how long."""
    return Panel(
        id=number,
        at=at,
        title="Ждут ответа: сколько времени",
        what="Сообщения без ответа по времени ожидания.",
        to_do="правые столбцы — забытые сообщения: нажмите на столбец, чтобы увидеть записи, под которыми их написали.",
        queries=(answers.waiting_by_age(filters),),
        metrics=("waiting",),
        body=bars("waiting", "Ждут", links=links),
    )


def states(number: int, at: Place, filters: Filters, links: Sequence[Mapping[str, Any]]) -> Panel:
    """What became of the messages."""
    return Panel(
        id=number,
        at=at,
        title=metric("status").title,
        what="Путь сообщений периода: от «Новое» до «Закрыто».",
        to_do="много «Новое» — некому разбирать; много «Без ответа» — закрывают, не ответив.",
        queries=(messages.states(filters),),
        metrics=("status",),
        body=bars("status", "Состояние", horizontal=True, links=links),
    )


def territories(
    number: int, at: Place, query: Any, title: str, name: str, links: Sequence[Mapping[str, Any]], *, per_head: bool
) -> Panel:
    """Territories side by side."""
    columns = [
        Column(name=name, links=tuple(links)),
        Column(name=metric("messages").title, metric="messages", gauge=True, width=120),
    ]
    if per_head:
        columns.append(Column(name=metric("per_10k").title, metric="per_10k", width=85))
    columns += [
        Column(name=metric("share").title, metric="share", colours=SHARE, width=95),
        Column(name=metric("in_time").title, metric="in_time", colours=IN_TIME, width=75),
        Column(name=metric("waiting").title, metric="waiting", width=65),
        Column(name=metric("overdue").title, metric="overdue", colours=OVERDUE, width=72),
        Column(name="Код", hidden=True),
    ]
    return Panel(
        id=number,
        at=at,
        title=title,
        what="Где пишут больше всего и где хуже отвечают.",
        to_do="нажмите на название, чтобы открыть его доску; оранжевые и красные значения — с кого начать.",
        queries=(query,),
        metrics=("messages", *(["per_10k"] if per_head else []), "share", "in_time", "waiting", "overdue"),
        body=table(columns, sort=metric("messages").title),
    )


def posts(number: int, at: Place, filters: Filters) -> Panel:
    """The public posts behind the messages."""
    keys = ("post_messages", "post_waiting", "post_published")
    return Panel(
        id=number,
        at=at,
        title=POSTS,
        what="Публичные записи периода и сообщения жителей под ними, сначала те, под которыми пишут больше всего.",
        to_do="откройте запись и ответьте на сообщения без ответа, начиная с верхних.",
        queries=(pages.posts_behind(filters),),
        metrics=keys,
        body=table(
            [
                Column(name="Запись", links=(outside("Открыть запись", "Адрес"),), wrap=True),
                Column(name="Госпаблик", wrap=True),
                Column(name=metric("post_messages").title, metric="post_messages", gauge=True, width=100),
                Column(name=metric("post_waiting").title, metric="post_waiting", colours=OVERDUE, width=75),
                Column(name=metric("post_published").title, metric="post_published", width=130),
                Column(name="Адрес", hidden=True),
            ]
        ),
    )


def page_table(number: int, at: Place, filters: Filters, links: Sequence[Mapping[str, Any]]) -> Panel:
    """Public pages with what they did."""
    keys = ("share_numerator", "posts", "interactions", "subscribers", "last_post")
    return Panel(
        id=number,
        at=at,
        title="Госпаблики",
        what="Страницы: сколько им пишут, что они публикуют, как на это отвечают жители.",
        to_do="страницы без записей дольше недели напомните владельцу; нажмите на название, чтобы открыть страницу.",
        queries=(pages.page_table(filters),),
        metrics=keys,
        body=table(
            [
                Column(name="Госпаблик", links=tuple(links)),
                *(
                    Column(name=metric(key).title, metric=key, gauge=key == "share_numerator", width=130)
                    for key in keys[:-1]
                ),
                Column(name=metric("last_post").title, metric="last_post", width=105),
                Column(name="Адрес", hidden=True),
            ]
        ),
    )
