"""Answers: in time, how soon, who waits."""

from __future__ import annotations

from typing import Final

from schemas.metrics.metric import MOSCOW, Metric

ANSWERS: Final[tuple[Metric, ...]] = (
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
)
