"""The catalogue of metrics: the only source of labels, of panel descriptions and of ``docs/metrics.md``.

``python -m schemas.metric_catalogue`` writes ``docs/metrics.md``. Texts are in Russian: people read them on the boards.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, Literal

from msgspec import Struct

#: How a value is written: a number with separators of thousands, a share of 1 as per cent, hours, days, a moment.
Unit = Literal[
    "count",
    "share",
    "change",
    "hours",
    "days",
    "per_10k",
    "per_1k",
    "per_page",
    "moment",
    "text",
    "minutes",
    "ratio",
    "expected",
]

UNIT_NAMES: Final[dict[Unit, str]] = {
    "count": "штуки",
    "share": "доля, %",
    "change": "изменение, %",
    "hours": "часы",
    "days": "дни",
    "per_10k": "на 10 тыс. жителей",
    "per_1k": "на 1000 просмотров",
    "per_page": "на страницу",
    "moment": "дата и время",
    "text": "слово",
    "minutes": "минуты",
    "ratio": "отношение",
    "expected": "ожидаемое число",
}

MOSCOW: Final = "московское время"
LOCAL_DAY: Final = "местный день муниципалитета"


class Metric(Struct, frozen=True, kw_only=True):
    """A figure that people see: what it is called, what it means, where it comes from, what it must not be used for."""

    key: str
    title: str
    definition: str
    formula: str
    unit: Unit
    zone: str
    view: str
    columns: tuple[str, ...]
    not_for: str

    @property
    def explanation(self) -> str:
        """Definition, formula, time and limits of use: what a panel says before its «Что делать»."""
        return f"{self.definition} Как считается: {self.formula}. Время: {self.zone}. Не годится: {self.not_for}."


METRICS: Final[tuple[Metric, ...]] = (
    Metric(
        key="messages",
        title="Сообщения жителей",
        definition="Сообщения одного жителя за день в одном обсуждении, под одной записью или в одном диалоге: "
        "повторные реплики не прибавляются.",
        formula="сумма appeals по пятиминуткам, начало которых лежит в периоде; отозванные входят",
        unit="count",
        zone=MOSCOW,
        view="appeals_5min",
        columns=("time", "appeals"),
        not_for="для счёта обращений по 59-ФЗ: сообщение в соцсети таким обращением не является",
    ),
    Metric(
        key="change",
        title="К прошлому периоду",
        definition="Насколько показатель изменился против такого же по длине периода прямо перед выбранным.",
        formula="(сейчас − раньше) / раньше; пусто, где раньше было 0",
        unit="change",
        zone=MOSCOW,
        view="appeals_5min",
        columns=("time", "appeals"),
        not_for="для выводов по малым числам: с 2 до 4 — это тоже +100 %",
    ),
    Metric(
        key="usual",
        title="Обычно в этот час недели",
        definition="Сколько сообщений приходит в этот час недели: медиана восьми последних недель.",
        formula="медиана сумм сообщений за тот же час тех же дней недели",
        unit="count",
        zone=MOSCOW,
        view="place_hour",
        columns=("hour", "appeals"),
        not_for="для праздников и первых недель работы: обычное ещё не накоплено",
    ),
    Metric(
        key="usual_low",
        title="Обычно: нижний квартиль",
        definition="Ниже этого было каждую четвёртую неделю.",
        formula="первый квартиль тех же восьми сумм",
        unit="count",
        zone=MOSCOW,
        view="place_hour",
        columns=("hour", "appeals"),
        not_for="как порог тревоги: за ним бывает каждый четвёртый час",
    ),
    Metric(
        key="usual_high",
        title="Обычно: верхний квартиль",
        definition="Выше этого было каждую четвёртую неделю.",
        formula="третий квартиль тех же восьми сумм",
        unit="count",
        zone=MOSCOW,
        view="place_hour",
        columns=("hour", "appeals"),
        not_for="как порог тревоги: за ним бывает каждый четвёртый час",
    ),
    Metric(
        key="messages_day",
        title="Сообщения за день",
        definition="Сообщения жителей по местным дням муниципалитетов.",
        formula="сумма appeals за местный день; текущий день не показан, пока не кончился",
        unit="count",
        zone=LOCAL_DAY,
        view="place_day",
        columns=("day", "appeals"),
        not_for="вместо показателя «Сообщения жителей»: тот считает период, а не дни",
    ),
    Metric(
        key="usual_day",
        title="Обычно в этот день недели",
        definition="Сколько сообщений приходит в этот день недели: медиана восьми последних недель.",
        formula="медиана сумм сообщений за те же дни недели",
        unit="count",
        zone=LOCAL_DAY,
        view="place_day",
        columns=("day", "appeals"),
        not_for="для праздников и первых недель работы: обычное ещё не накоплено",
    ),
    Metric(
        key="usual_day_low",
        title="Обычный день: нижний квартиль",
        definition="Ниже этого была каждая четвёртая неделя.",
        formula="первый квартиль тех же восьми сумм",
        unit="count",
        zone=LOCAL_DAY,
        view="place_day",
        columns=("day", "appeals"),
        not_for="как порог тревоги: за ним бывает каждый четвёртый день",
    ),
    Metric(
        key="usual_day_high",
        title="Обычный день: верхний квартиль",
        definition="Выше этого была каждая четвёртая неделя.",
        formula="третий квартиль тех же восьми сумм",
        unit="count",
        zone=LOCAL_DAY,
        view="place_day",
        columns=("day", "appeals"),
        not_for="как порог тревоги: за ним бывает каждый четвёртый день",
    ),
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
        key="in_time",
        title="Дан ответ в срок",
        definition="Какая часть сообщений, срок ответа на которые истёк в периоде, получила ответ до срока.",
        formula="с ответом до срока / все, чей срок истёк в периоде; отозванные не входят",
        unit="share",
        zone=MOSCOW,
        view="answer_times",
        columns=("received_at", "limit_s", "in_time"),
        not_for="как доля решённых проблем: ответ — это ещё не решение",
    ),
    Metric(
        key="answer_p50",
        title="Половине жителей (p50)",
        definition="За сколько часов ответ получила половина жителей; без ответа считаются самыми долгими.",
        formula="медиана часов до первого ответа по сообщениям, срок которых истёк в периоде; пусто, если ответа нет у "
        "большей половины",
        unit="hours",
        zone=MOSCOW,
        view="answer_times",
        columns=("received_at", "limit_s", "answer_s", "outcome"),
        not_for="для оценки худших случаев: смотрите p90",
    ),
    Metric(
        key="answer_p90",
        title="Девяти из десяти (p90)",
        definition="За сколько часов ответ получили девять жителей из десяти; без ответа считаются самыми долгими.",
        formula="90-й процентиль часов до первого ответа по тем же сообщениям; пусто, если ответа нет у большего числа",
        unit="hours",
        zone=MOSCOW,
        view="answer_times",
        columns=("received_at", "limit_s", "answer_s", "outcome"),
        not_for="для единиц сообщений: нужны хотя бы тридцать",
    ),
    Metric(
        key="waiting",
        title="Ждут ответа",
        definition="Сообщения, на которые к концу периода никто официально не ответил и которые не отозваны.",
        formula="получены до конца периода, а первый ответ, отзыв и закрытие — не раньше него",
        unit="count",
        zone=MOSCOW,
        view="answer_times",
        columns=("received_at", "ended_at"),
        not_for="как число просроченных: часть ждёт в пределах срока",
    ),
    Metric(
        key="overdue",
        title="Ждут дольше срока",
        definition="Сообщения без ответа, срок ответа на которые к концу периода уже истёк.",
        formula="из ждущих ответа те, чей возраст больше срока",
        unit="count",
        zone=MOSCOW,
        view="answer_times",
        columns=("received_at", "ended_at", "limit_s"),
        not_for="как нарушение закона: срок — внутренняя цель",
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
    Metric(
        key="per_10k",
        title="На 10 тыс. жителей",
        definition="Сообщения жителей периода на десять тысяч населения.",
        formula="сообщения жителей / население × 10 000; пусто, где население не известно",
        unit="per_10k",
        zone=MOSCOW,
        view="appeals_5min",
        columns=("time", "appeals"),
        not_for="для территорий меньше тысячи жителей",
    ),
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
        unit="moment",
        zone=LOCAL_DAY,
        view="pages",
        columns=("last_post_day",),
        not_for="как признак молчания на сообщения: ответы записями не считаются",
    ),
    Metric(
        key="post_messages",
        title="Сообщений под записью",
        definition="Сообщения жителей периода под одной публичной записью.",
        formula="число сообщений с этой записью, полученных в периоде; отозванные входят",
        unit="count",
        zone=MOSCOW,
        view="appeals",
        columns=("received_at", "post"),
        not_for="вместо показателя «Сообщения жителей»: личные сообщения и обсуждения записи не имеют",
    ),
    Metric(
        key="post_waiting",
        title="Из них без ответа",
        definition="Сколько из этих сообщений ещё без официального ответа, не отозвано и не закрыто.",
        formula="из сообщений под записью те, где нет ответа, отзыва и закрытия",
        unit="count",
        zone=MOSCOW,
        view="appeals",
        columns=("first_answer_at", "withdrawn_at", "closed_at"),
        not_for="для прошлых периодов: состояние — нынешнее",
    ),
    Metric(
        key="post_published",
        title="Опубликована",
        definition="Когда госпаблик опубликовал запись.",
        formula="published_at; пусто, если запись вышла до периода",
        unit="moment",
        zone=MOSCOW,
        view="posts",
        columns=("published_at", "removed_at"),
        not_for="как время последнего сообщения под записью",
    ),
    Metric(
        key="status",
        title="Состояние сообщений",
        definition="Чем закончилось каждое сообщение периода: Новое, Направлено исполнителю, Промежуточный ответ, Дан "
        "ответ, Закрыто, Без ответа.",
        formula="число сообщений, полученных в периоде, по состоянию; «Без ответа» — закрыты или сняты без ответа",
        unit="count",
        zone=MOSCOW,
        view="appeals",
        columns=("received_at", "state", "first_answer_at"),
        not_for="как доля решённых проблем: закрыто — это ещё не решено",
    ),
    Metric(
        key="spikes_open",
        title="Открытые всплески",
        definition="Территории, где сообщений сейчас необычно много и пишут не меньше трёх человек.",
        formula="число эпизодов, открытых к концу периода",
        unit="count",
        zone=MOSCOW,
        view="spikes",
        columns=("since", "closed_at", "push"),
        not_for="как число проблем: один всплеск может говорить о нескольких",
    ),
    Metric(
        key="spikes_found",
        title="Всплески за период",
        definition="Эпизоды необычного числа сообщений, начавшиеся в периоде.",
        formula="число эпизодов с началом в периоде",
        unit="count",
        zone=MOSCOW,
        view="spikes",
        columns=("since", "push"),
        not_for="для сравнения регионов: где больше муниципалитетов, там больше и эпизодов",
    ),
    Metric(
        key="spikes_confirmed",
        title="Подтверждено за 90 дней",
        definition="Какая доля разобранных тревог оказалась настоящими событиями.",
        formula="подтверждённые / (подтверждённые + отклонённые)",
        unit="share",
        zone=MOSCOW,
        view="spikes",
        columns=("since", "decision", "push"),
        not_for="пока разобрано меньше двадцати тревог",
    ),
    Metric(
        key="spikes_calibration",
        title="Калибровка детектора",
        definition="Во сколько раз редкие отклонения случались чаще обещанного за последнюю неделю.",
        formula="ряды, опустившиеся ниже E = 0,01 / ожидаемое число таких рядов",
        unit="ratio",
        zone=MOSCOW,
        view="spike_health",
        columns=("calibration",),
        not_for="как доля ложных тревог: это свойство шкалы, а не тревог",
    ),
    Metric(
        key="spikes_silence",
        title="Минут с последней проверки",
        definition="Сколько минут назад детектор последний раз проверил счётчики.",
        formula="конец периода − время последней проверки",
        unit="minutes",
        zone=MOSCOW,
        view="spike_health",
        columns=("evaluated_at",),
        not_for="за прошлые периоды: время всегда считается от последней проверки",
    ),
    Metric(
        key="spike_observed",
        title="Сообщений",
        definition="Сообщения в самом необычном окне эпизода.",
        formula="сумма сообщений окна при последней проверке",
        unit="count",
        zone=MOSCOW,
        view="spikes",
        columns=("observed",),
        not_for="как число сообщений всего эпизода: окно короче",
    ),
    Metric(
        key="spike_usual",
        title="Обычно",
        definition="Сколько сообщений обычно приходит в таком окне в этот час недели с поправкой на соседей.",
        formula="ожидание детектора",
        unit="expected",
        zone=MOSCOW,
        view="spikes",
        columns=("expected",),
        not_for="как норма: это ожидание, а не цель",
    ),
    Metric(
        key="spike_window",
        title="Окно",
        definition="Длина окна, в котором отклонение самое необычное.",
        formula="1, 3, 6 или 24 часа",
        unit="hours",
        zone=MOSCOW,
        view="spikes",
        columns=("window_h",),
        not_for="как длительность всплеска",
    ),
    Metric(
        key="spike_hourly",
        title="Сообщения за час",
        definition="Сообщения жителей выбранной территории по часам.",
        formula="сумма appeals по часам",
        unit="count",
        zone=MOSCOW,
        view="appeals_5min",
        columns=("time", "appeals"),
        not_for="для последнего часа: он ещё не кончился и не показан",
    ),
    Metric(
        key="spike_hourly_usual",
        title="Обычно за час",
        definition="Сколько сообщений детектор ждал в этот час.",
        formula="профиль часа недели × уровень территории",
        unit="expected",
        zone=MOSCOW,
        view="spike_expected",
        columns=("hour", "expected"),
        not_for="как прогноз на недели вперёд: ожидание учится каждую ночь",
    ),
    Metric(
        key="spike_hourly_low",
        title="Обычно: нижняя граница",
        definition="Ниже лежат 2,5 % обычных часов.",
        formula="квантиль 0,025 отрицательного биномиального распределения",
        unit="expected",
        zone=MOSCOW,
        view="spike_expected",
        columns=("hour", "low"),
        not_for="как порог тревоги: тревогу решают все ряды вместе",
    ),
    Metric(
        key="spike_hourly_high",
        title="Обычно: верхняя граница",
        definition="Выше лежат 2,5 % обычных часов.",
        formula="квантиль 0,975 отрицательного биномиального распределения",
        unit="expected",
        zone=MOSCOW,
        view="spike_expected",
        columns=("hour", "high"),
        not_for="как порог тревоги: тревогу решают все ряды вместе",
    ),
    Metric(
        key="spike_peak",
        title="Пик за час",
        definition="Наибольшее число сообщений за час эпизода.",
        formula="максимум по часам эпизода",
        unit="count",
        zone=MOSCOW,
        view="spikes",
        columns=("peak",),
        not_for="для сравнения городов разной величины",
    ),
    Metric(
        key="spike_hours",
        title="Длительность",
        definition="От начала эпизода до последней необычной проверки.",
        formula="последняя необычная проверка − начало",
        unit="hours",
        zone=MOSCOW,
        view="spikes",
        columns=("hours",),
        not_for="как время решения проблемы",
    ),
    Metric(
        key="spike_first_post",
        title="Первая запись через",
        definition="Через сколько часов затронутая страница опубликовала первую запись; меньше нуля — раньше тревоги.",
        formula="первая запись − начало эпизода",
        unit="hours",
        zone=MOSCOW,
        view="spikes",
        columns=("first_post_h",),
        not_for="как признак ответа по существу: тема записи не проверяется",
    ),
    Metric(
        key="spike_silent",
        title="Промолчали",
        definition="Затронутые страницы, которые за сутки ничего не опубликовали.",
        formula="число таких страниц",
        unit="count",
        zone=MOSCOW,
        view="spikes",
        columns=("silent_pages",),
        not_for="как вина страницы: ответ мог быть дан в комментариях",
    ),
    Metric(
        key="spike_answered",
        title="Получили ответ",
        definition="Какая доля сообщений эпизода получила официальный ответ.",
        formula="сообщения с ответом / сообщения эпизода",
        unit="share",
        zone=MOSCOW,
        view="spikes",
        columns=("answered", "after_appeals"),
        not_for="сразу после эпизода: ответы ещё идут",
    ),
)


def metric(key: str) -> Metric:
    """The metric of a key. Raises KeyError for a key that the catalogue does not hold."""
    return _BY_KEY[key]


def document(catalogue: tuple[Metric, ...]) -> str:
    """The catalogue in Markdown."""
    parts = [_INTRODUCTION]
    for each in catalogue:
        columns = ", ".join(f"`{name}`" for name in each.columns)
        parts.append(
            f"## {each.title}\n\n{each.definition}\n\n"
            f"| | |\n|---|---|\n| ключ | `{each.key}` |\n| формула | {each.formula} |\n"
            f"| единица | {UNIT_NAMES[each.unit]} |\n| время | {each.zone} |\n"
            f"| представление | [`{each.view}`](views.md#{each.view}): {columns} |\n| не годится | {each.not_for} |"
        )
    return "\n\n".join(part.strip() for part in parts) + "\n"


_BY_KEY: Final = {each.key: each for each in METRICS}

_INTRODUCTION: Final = """# Metrics

The figures of the boards, in the words of the boards. This page is made from `schemas/metric_catalogue.py` by
`python -m schemas.metric_catalogue`. Labels and panel descriptions come from the same place: one label has one meaning
on every board. What a worker reports about itself is another matter: [worker metrics](worker-metrics.md).
"""


if __name__ == "__main__":
    Path("docs/metrics.md").write_text(document(METRICS), encoding="utf-8")
