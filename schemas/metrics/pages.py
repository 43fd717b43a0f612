"""Public pages: what they publish, how citizens engage, how far they reach."""

from __future__ import annotations

from typing import Final

from schemas.metrics.metric import LOCAL_DAY, MOSCOW, Metric

PAGES: Final[tuple[Metric, ...]] = (
    Metric(
        key="posts",
        title="Публикации",
        definition="Записи, опубликованные госпабликами.",
        formula="сумма post_published за дни, которые затронул период",
        unit="count",
        zone=LOCAL_DAY,
        view="page_day",
        columns=("day", "post_published"),
        not_for="для оценки качества страниц",
    ),
    Metric(
        key="interactions",
        title="Реакции, комментарии, репосты",
        definition="Действия жителей на госпабликах за вычетом снятых реакций и удалённых комментариев.",
        formula="реакции + комментарии + репосты + голоса − снятые за дни, которые затронул период",
        unit="count",
        zone=LOCAL_DAY,
        view="page_day",
        columns=("day", "reaction_added", "comment_added", "repost_added", "vote_added"),
        not_for="для счёта людей: один человек действует много раз",
    ),
    Metric(
        key="views",
        title="Просмотры",
        definition="Показы страниц, о которых сообщили площадки.",
        formula="сумма views за дни, которые затронул период",
        unit="count",
        zone=LOCAL_DAY,
        view="page_readings",
        columns=("metric", "day", "value"),
        not_for="для счёта людей: один человек смотрит много раз",
    ),
    Metric(
        key="er_views",
        title="Действий на 1000 просмотров",
        definition="Сколько действий жителей приходится на тысячу просмотров.",
        formula="сумма действий / сумма просмотров × 1000 по одним и тем же страницам и дням; пусто без просмотров",
        unit="per_1k",
        zone=LOCAL_DAY,
        view="page_day",
        columns=("day", "page"),
        not_for="для сравнения с ER от подписчиков или охвата: это другой показатель",
    ),
    Metric(
        key="subscribers",
        title="Подписчики, сумма с пересечениями",
        definition="Подписчики страниц по последнему сообщению площадки; человек подписан в среднем на 3,3 страницы.",
        formula="сумма последних значений subscribers по страницам",
        unit="count",
        zone=MOSCOW,
        view="pages",
        columns=("subscribers",),
        not_for="как число жителей: люди пересекаются",
    ),
    Metric(
        key="reach",
        title="Охват за день, сумма с пересечениями",
        definition="Охват страниц за последний день периода, о котором сообщили площадки.",
        formula="сумма reach по страницам за последний полный день периода",
        unit="count",
        zone=LOCAL_DAY,
        view="page_readings",
        columns=("metric", "day", "value"),
        not_for="как число жителей и для сложения по дням: люди пересекаются",
    ),
    Metric(
        key="last_post",
        title="Последняя запись",
        definition="День, когда страница последний раз опубликовала запись.",
        formula="последний местный день с post_published",
        unit="date",
        zone=LOCAL_DAY,
        view="pages",
        columns=("last_post_day",),
        not_for="как признак молчания на сообщения: ответы записями не считаются",
    ),
)
