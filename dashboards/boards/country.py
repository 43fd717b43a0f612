"""«Страна сегодня»: what happens in the country now, and where to look."""

from __future__ import annotations

from typing import Final

from dashboards.boards import parts
from dashboards.boards.filters import CHANNEL, KIND, REGION_MANY, TOPIC, covering
from dashboards.boards.summary import HEADING, summary
from dashboards.builders.board import Board
from dashboards.builders.links import COUNTRY, MUNICIPALITY, POSTS, REGION, SHARED, SPIKES, drill, to_board
from dashboards.builders.panels import Column, Panel, Place, row, table, tiles
from dashboards.builders.units import SHARE
from dashboards.queries import pages, share, territories
from dashboards.queries.filters import Filters
from schemas.metric_catalogue import metric

_FILTERS: Final = Filters(many=("region", "channel", "kind", "topic"))
_TO_REGION: Final = drill("Открыть регион", REGION, region="Код")
_ENGAGEMENT: Final = ("posts", "interactions", "er_views", "subscribers", "reach")

COUNTRY_BOARD: Final = Board(
    uid=COUNTRY,
    title="Страна сегодня",
    question="Что происходит в стране за последние сутки и куда смотреть: сколько сообщений, где, о чём, какая доля "
    "идёт через госпаблики, как быстро отвечают и сколько страниц за этими цифрами стоит.",
    since="now-24h",
    variables=(REGION_MANY, CHANNEL, KIND, TOPIC, covering(_FILTERS)),
    links=(to_board("Регион", REGION), to_board("Муниципалитет", MUNICIPALITY), to_board("Всплески", SPIKES)),
    parts=(
        row(101, 0, HEADING),
        *summary(_FILTERS, 1),
        parts.against_usual(7, Place(0, 4, 11, 8), _FILTERS),
        Panel(
            id=8,
            at=Place(11, 4, 13, 8),
            title="Доля через госпаблики по регионам",
            what="Плитка — регион, примерно там, где он лежит. Красный: меньше 40 %, жёлтый: меньше 65 %, зелёный: "
            "65 % и больше, серый: нет данных.",
            to_do="нажмите на плитку, чтобы открыть регион; серые плитки — регионы, о которых ничего не слышно или где "
            "нет знаменателя.",
            queries=(share.share_map(_FILTERS),),
            metrics=("share", "share_numerator"),
            body=tiles(
                "share",
                SHARE,
                name="Плитка",
                value=metric("share").title,
                texts=("Код", "Регион", "Плитка"),
                beside=("share_numerator",),
                links=[_TO_REGION],
            ),
        ),
        row(102, 12, "Где и о чём · ${coverage}"),
        parts.topics(
            9,
            Place(0, 13, 7, 8),
            _FILTERS,
            [drill("Только эта тема", COUNTRY, ("region", "channel", "kind"), topic="Код темы")],
        ),
        parts.territories(
            10, Place(7, 13, 11, 8), territories.regions(_FILTERS), "Регионы", "Регион", [_TO_REGION], per_head=False
        ),
        parts.ages(11, Place(18, 13, 6, 8), _FILTERS, [drill(POSTS, REGION, (*SHARED, "region"), view=11)]),
        Panel(
            id=12,
            at=Place(0, 21, 24, 5),
            title="Площадки: публикации и вовлечённость",
            what="Что публикуют госпаблики на каждой площадке и как на это отвечают жители.",
            to_do="если действий на 1000 просмотров меньше при прежнем числе публикаций, читать стали, отвечать — нет: "
            "посмотрите, о чём пишут страницы.",
            queries=(pages.engagement(_FILTERS),),
            metrics=_ENGAGEMENT,
            body=table([Column(name="Площадка"), *(Column(name=metric(key).title, metric=key) for key in _ENGAGEMENT)]),
        ),
    ),
)
