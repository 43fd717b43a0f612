"""«Всплески»: where appeals have just jumped, why, and how far the detector can be trusted."""

from __future__ import annotations

from typing import Final

from dashboards.boards.filters import REGION_MANY, covering
from dashboards.builders.board import Board
from dashboards.builders.links import COUNTRY, MUNICIPALITY, REGION, SPIKES, drill, to_board
from dashboards.builders.panels import Column, Panel, Place, lines, row, stat, table
from dashboards.builders.units import BAD, GOOD, PLAIN, WATCH, thresholds
from dashboards.builders.variables import Variable
from dashboards.queries import spikes
from schemas.metric_catalogue import metric

#: Territories with a spike in the last 90 days first, then the country and the regions.
_TERRITORY: Final = Variable(
    name="spike",
    label="Территория на графике",
    sql="""
SELECT value, text
FROM
(
  SELECT series AS value, any(coalesce(name, series)) AS text, 0 AS rank, max(since) AS latest
  FROM gospulse.spikes
  WHERE since >= $__toTime - toIntervalDay(90)
  GROUP BY series
  UNION ALL
  SELECT 'RU', 'Россия', 1, toDateTime(0, 'UTC')
  UNION ALL
  SELECT region, name, 2, toDateTime(0, 'UTC') FROM gospulse.regions
)
ORDER BY rank, latest DESC, text
LIMIT 1 BY value
LIMIT 500
""",
    many=False,
)

_QUEUE: Final = (
    Column(name="Территория", width=190, links=(drill("Показать на графике", SPIKES, ("region",), spike="Код"),)),
    Column(name="Уровень", width=120),
    Column(name=metric("spike_observed").title, metric="spike_observed", width=100),
    Column(name=metric("spike_usual").title, metric="spike_usual", width=90),
    Column(name=metric("spike_window").title, metric="spike_window", width=80),
    Column(name="С какого времени", moment=True, width=120),
    Column(name="Решение", width=110),
    Column(name="Что произошло", wrap=True),
    Column(name="Код", hidden=True),
)

_HISTORY_KEYS: Final = ("spike_peak", "spike_hours", "spike_first_post", "spike_silent", "spike_answered")

SPIKES_BOARD: Final = Board(
    uid=SPIKES,
    title="Всплески",
    question="Где сообщений стало необычно много, из-за чего, и можно ли верить тревоге.",
    since="now-7d",
    variables=(REGION_MANY, _TERRITORY, covering(spikes.FILTERS)),
    links=(to_board("Страна сегодня", COUNTRY), to_board("Регион", REGION), to_board("Муниципалитет", MUNICIPALITY)),
    parts=(
        row(101, 0, "Сейчас · ${coverage}"),
        Panel(
            id=1,
            at=Place(0, 1, 5, 3),
            title=metric("spikes_open").title,
            what="Сколько территорий сейчас пишут необычно много.",
            to_do="откройте очередь ниже и начните с первой строки.",
            queries=(spikes.opened(),),
            metrics=("spikes_open",),
            body=stat("spikes_open", thresholds(GOOD, (1, WATCH), (5, BAD))),
        ),
        Panel(
            id=2,
            at=Place(5, 1, 4, 3),
            title=metric("spikes_found").title,
            what="Сколько всплесков началось за период.",
            to_do="если тревог больше, чем можно разобрать, уменьшите настройку spikes_false_alerts_a_week.",
            queries=(spikes.found(),),
            metrics=("spikes_found",),
            body=stat("spikes_found", PLAIN),
        ),
        Panel(
            id=3,
            at=Place(9, 1, 5, 3),
            title=metric("spikes_confirmed").title,
            what="Какая доля разобранных тревог оказалась настоящими событиями.",
            to_do="отмечайте решение по каждому всплеску; ниже 50 % — уменьшите число ложных тревог в настройках.",
            queries=(spikes.confirmed(),),
            metrics=("spikes_confirmed",),
            body=stat("spikes_confirmed", thresholds(BAD, (0.5, WATCH), (0.7, GOOD)), absent="нет решений"),
        ),
        Panel(
            id=4,
            at=Place(14, 1, 5, 3),
            title=metric("spikes_calibration").title,
            what="Так ли часто бывают редкие отклонения, как обещает детектор: около 1 — да.",
            to_do="вне пределов от 0,2 до 2,5 тревогам верить нельзя: проверьте источники и сообщите разработчикам.",
            queries=(spikes.calibration(),),
            metrics=("spikes_calibration",),
            body=stat("spikes_calibration", thresholds(WATCH, (0.2, GOOD), (2.5, BAD)), absent="копится"),
        ),
        Panel(
            id=5,
            at=Place(19, 1, 5, 3),
            title=metric("spikes_silence").title,
            what="Работает ли детектор: он проверяет счётчики каждые пять минут.",
            to_do="больше 15 минут — детектор стоит: gospulse status, gospulse logs detector.",
            queries=(spikes.silence(),),
            metrics=("spikes_silence",),
            body=stat("spikes_silence", thresholds(GOOD, (10, WATCH), (15, BAD)), absent="не запускался"),
        ),
        Panel(
            id=6,
            at=Place(0, 4, 24, 7),
            title="Очередь: открытые всплески",
            what="Сначала самые необычные, при равных — где больше жителей и что новее; в скобках — число сообщений.",
            to_do="прочтите «Что произошло», откройте территорию на графике и примите всплеск по ссылке из тревоги.",
            queries=(spikes.queue(),),
            metrics=("spike_observed", "spike_usual", "spike_window"),
            body=table(_QUEUE),
        ),
        row(102, 11, "Территория на графике · ${coverage}"),
        Panel(
            id=7,
            at=Place(0, 12, 24, 7),
            title="Сообщения против обычного",
            what="Линия — сообщения за час; серая полоса — где лежат 95 из 100 обычных часов.",
            to_do="выберите территорию в списке вверху; линия над полосой несколько часов — всплеск продолжается.",
            queries=(spikes.band(),),
            metrics=("spike_hourly", "spike_hourly_usual", "spike_hourly_low", "spike_hourly_high"),
            body=lines(
                "spike_hourly",
                metric("spike_hourly").title,
                tuple(metric(f"spike_hourly_{part}").title for part in ("low", "usual", "high")),  # type: ignore[arg-type]
            ),
        ),
        row(103, 19, "Чем кончились · ${coverage}"),
        Panel(
            id=8,
            at=Place(0, 20, 24, 7),
            title="Прошедшие всплески",
            what="Что было после: пик, длительность, первая запись страниц, кто промолчал, какая доля получила ответ.",
            to_do="если страницы молчали, напомните им о правиле: сначала сообщить, что о проблеме знают.",
            queries=(spikes.history(),),
            metrics=_HISTORY_KEYS,
            body=table(
                [
                    Column(
                        name="Территория",
                        width=190,
                        links=(drill("Показать на графике", SPIKES, ("region",), spike="Код"),),
                    ),
                    Column(name="Начало", moment=True, width=120),
                    Column(name="Конец", moment=True, width=120),
                    *(Column(name=metric(key).title, metric=key) for key in _HISTORY_KEYS),
                    Column(name="Решение", width=130),
                    Column(name="Код", hidden=True),
                ]
            ),
        ),
    ),
)
