"""The share through public pages, and how much the figures cover."""

from __future__ import annotations

from typing import Final

from schemas.metrics.metric import LOCAL_DAY, MOSCOW, Metric

SHARES: Final[tuple[Metric, ...]] = (
    Metric(
        key="share",
        title="Доля через госпаблики",
        definition="Какая часть сообщений жителей в соцсетях пришла на официальные страницы.",
        formula="через госпаблики / (через госпаблики + прочие сообщения в соцсетях) за дни, которые затронул период; "
        "пусто, где о прочих сообщениях никто не сообщает",
        unit="share",
        zone=LOCAL_DAY,
        view="share_region_day",
        columns=("day", "numerator", "denominator", "share", "others_heard"),
        not_for="для сравнения с долями от всех обращений: телефон, порталы и приём сюда не входят",
    ),
    Metric(
        key="share_numerator",
        title="Через госпаблики",
        definition="Сообщения жителей, пришедшие на официальные страницы: числитель доли.",
        formula="сумма numerator за дни",
        unit="count",
        zone=LOCAL_DAY,
        view="share_region_day",
        columns=("day", "numerator"),
        not_for="вместо показателя «Сообщения жителей»: здесь и чужие итоги, а день местный",
    ),
    Metric(
        key="share_denominator",
        title="Всего в соцсетях",
        definition="Сообщения жителей на официальных страницах и помимо них: знаменатель доли.",
        formula="сумма denominator за дни",
        unit="count",
        zone=LOCAL_DAY,
        view="share_region_day",
        columns=("day", "denominator"),
        not_for="как число всех обращений: телефон, порталы и приём сюда не входят",
    ),
    Metric(
        key="coverage",
        title="Учтено госпабликов",
        definition="Какая часть страниц реестра подала признаки жизни, в среднем за день периода.",
        formula="сумма по дням страниц реестра хотя бы с одним событием / сумма по дням действовавших страниц",
        unit="share",
        zone=LOCAL_DAY,
        view="coverage",
        columns=("day", "pages_registered", "pages_registered_heard"),
        not_for="как доля ведомых страниц: тихая страница может быть исправной",
    ),
    Metric(
        key="complete_until",
        title="Данные полны до",
        definition="Всё, что источники передали до этого времени, уже в показателях.",
        formula="наименьшее complete_until по частям потока событий",
        unit="moment",
        zone=MOSCOW,
        view="freshness",
        columns=("complete_until",),
        not_for="как отметка работы каждого источника: молчащий источник виден только по покрытию",
    ),
)
