"""«Регион»: where in the region it presses, and who has to answer."""

from __future__ import annotations

from typing import Final

from dashboards.boards import parts
from dashboards.boards.filters import CHANNEL, KIND, PLACE_MANY, REGION_ONE, TOPIC, covering
from dashboards.boards.summary import HEADING, summary
from dashboards.builders.board import Board
from dashboards.builders.links import COUNTRY, MUNICIPALITY, REGION, SPIKES, drill, outside, to_board
from dashboards.builders.panels import Panel, Place, bars, row
from dashboards.builders.units import ACCENT, CONTEXT
from dashboards.queries import share, territories
from dashboards.queries.filters import Filters
from schemas.metric_catalogue import metric

_FILTERS: Final = Filters(one=("region",), many=("place", "channel", "kind", "topic"))
_KEEP: Final = ("region", "channel", "kind", "topic")

REGION_BOARD: Final = Board(
    uid=REGION,
    title="Регион",
    question="Где в регионе болит и кому отвечать: муниципалитеты, темы, госпаблики и сообщения, которые ждут ответа.",
    since="now-7d",
    variables=(REGION_ONE, PLACE_MANY, CHANNEL, KIND, TOPIC, covering(_FILTERS)),
    links=(to_board("Страна сегодня", COUNTRY), to_board("Муниципалитет", MUNICIPALITY), to_board("Всплески", SPIKES)),
    parts=(
        row(101, 0, HEADING),
        *summary(_FILTERS, 1),
        parts.against_usual_day(7, Place(0, 4, 13, 7), _FILTERS),
        Panel(
            id=8,
            at=Place(13, 4, 11, 7),
            title="Через госпаблики и всего в соцсетях по дням",
            what="Сколько сообщений в соцсетях и сколько из них пришло на официальные страницы, по местным дням.",
            to_do="если столбцы расходятся, жители пишут мимо госпабликов: узнайте, куда и почему.",
            queries=(share.share_by_day_counts(_FILTERS),),
            metrics=("share_numerator", "share_denominator"),
            body=bars(
                "share_numerator",
                "День",
                colours={metric("share_numerator").title: ACCENT, metric("share_denominator").title: CONTEXT},
            ),
        ),
        row(102, 11, "Где и о чём · ${coverage}"),
        parts.topics(
            9,
            Place(0, 12, 9, 8),
            _FILTERS,
            [drill("Только эта тема", REGION, ("region", "place", "channel", "kind"), topic="Код темы")],
        ),
        parts.territories(
            10,
            Place(9, 12, 15, 8),
            territories.municipalities(_FILTERS),
            "Муниципалитеты",
            "Муниципалитет",
            [drill("Открыть муниципалитет", MUNICIPALITY, _KEEP, place="Код")],
            per_head=True,
        ),
        parts.posts(11, Place(0, 20, 10, 6), _FILTERS),
        parts.page_table(12, Place(10, 20, 14, 6), _FILTERS, [outside("Открыть страницу", "Адрес")]),
    ),
)
