"""«Муниципалитет»: what to answer today."""

from __future__ import annotations

from typing import Final

from dashboards.boards import parts
from dashboards.boards.filters import CHANNEL, KIND, PLACE_ONE, REGION_ONE, TOPIC, covering
from dashboards.boards.summary import HEADING, summary
from dashboards.builders.board import Board
from dashboards.builders.links import COUNTRY, MUNICIPALITY, POSTS, REGION, SHARED, SPIKES, drill, outside, to_board
from dashboards.builders.panels import Place, row
from dashboards.queries.filters import Filters

#: The region says nothing more than the municipality, but tables by page are in its order.
_FILTERS: Final = Filters(one=("region", "place"), many=("channel", "kind", "topic"))
_TO_POSTS: Final = [drill(POSTS, MUNICIPALITY, (*SHARED, "region", "place"), view=11)]

MUNICIPALITY_BOARD: Final = Board(
    uid=MUNICIPALITY,
    title="Муниципалитет",
    question="На что ответить сегодня: темы, состояние сообщений, госпаблики и записи, под которыми пишут жители.",
    since="now-30d",
    variables=(REGION_ONE, PLACE_ONE, CHANNEL, KIND, TOPIC, covering(_FILTERS)),
    links=(to_board("Страна сегодня", COUNTRY), to_board("Регион", REGION), to_board("Всплески", SPIKES)),
    parts=(
        row(101, 0, HEADING),
        *summary(_FILTERS, 1),
        parts.against_usual_day(7, Place(0, 4, 14, 7), _FILTERS),
        parts.states(8, Place(14, 4, 10, 7), _FILTERS, _TO_POSTS),
        row(102, 11, "О чём и где · ${coverage}"),
        parts.topics(
            9,
            Place(0, 12, 8, 8),
            _FILTERS,
            [drill("Только эта тема", MUNICIPALITY, ("region", "place", "channel", "kind"), topic="Код темы")],
        ),
        parts.ages(10, Place(8, 12, 6, 8), _FILTERS, _TO_POSTS),
        parts.posts(11, Place(14, 12, 10, 8), _FILTERS),
        parts.page_table(12, Place(0, 20, 24, 6), _FILTERS, [outside("Открыть страницу", "Адрес")]),
    ),
)
