"""Figures of the boards against a country that is counted by hand, and the same figure on every board."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from dashboards.boards import BOARDS
from dashboards.builders.board import Board
from dashboards.builders.panels import Panel
from dashboards.checker import check, problems
from dashboards.datasource.macros import Window
from dashboards.datasource.request import Answer, Ask, resolve, sql_of
from deploy.clickhouse.asking import asking
from deploy.clickhouse.client import clickhouse as open_clickhouse
from tests.conftest import ClickHouseServer
from tests.dashboards.builders.small_country import KAMCHATKA, MOSCOW, NOW, POST, YEKATERINBURG
from tests.schemas.builders.shown_log import DAY
from tests.streams.builders.records import HOUR

COUNTRY, REGION, MUNICIPALITY = OF_THE_COUNTRY = BOARDS[:3]
LAST_DAY = Window(NOW - DAY, NOW)


def rows(board: Board, number: int, ask: Ask, window: Window = LAST_DAY, **chosen: str) -> list[tuple[Any, ...]]:
    """Rows of a panel with some variables at one value."""
    model = board.json()
    variables = resolve(model, {name: [value] for name, value in chosen.items()}, window, ask)
    panel = next(panel for panel in model["panels"] if panel["id"] == number)
    answer: Answer = ask(sql_of(panel["targets"][0], variables, window))
    return list(answer.rows)


def values(found: list[tuple[Any, ...]]) -> list[Any]:
    """The numbers of a panel with two periods: before, now."""
    return [row[1] for row in found]


@pytest.mark.timeout(900)
def test_every_query_runs_on_a_filled_database(ask: Ask) -> None:
    # Two weeks: panels of posts, topics and days have rows in each.
    window = Window(NOW - 14 * DAY, NOW)
    found = [finding for board in OF_THE_COUNTRY for finding in check(board, window, ask, each_variable=False)]
    # The first place of the first region is silent.
    silent = {
        "9 О чём пишут",
        "11 Записи и сообщения под ними",
        "10 Муниципалитеты",
        "8 Через госпаблики и всего в соцсетях по дням",
    }
    wrong = [each for each in problems(found) if not (each.problem == "It gives no row." and each.panel in silent)]
    assert wrong == []
    assert not [each for each in problems(found) if each.board == COUNTRY.uid]


@pytest.mark.long
@pytest.mark.timeout(900)
def test_every_query_runs_on_an_empty_database(clickhouse_server: ClickHouseServer) -> None:
    clickhouse_server.prepare()
    with open_clickhouse(clickhouse_server.analyst) as client:
        found = [
            finding
            for board in OF_THE_COUNTRY
            for finding in check(board, LAST_DAY, asking(client), rows_needed=False, each_variable=False)
        ]
    assert problems(found) == []


def test_a_query_that_fails_or_gives_other_columns_is_found(ask: Ask) -> None:
    def with_sql(sql: str) -> Board:
        panel = COUNTRY.panels[0]
        query = msgspec.structs.replace(panel.queries[0], sql=sql)
        broken: Panel = msgspec.structs.replace(panel, queries=(query,))
        return msgspec.structs.replace(COUNTRY, parts=(broken,))

    for sql, problem in (
        ("SELECT nothing FROM gospulse.nowhere", "ClickHouse error 60"),
        ("SELECT now() AS time, 1 AS other", "It gives the columns time, other"),
        ("SELECT now() AS time, 'x' AS \"Сообщения жителей\"", "is of type String, where a number is expected"),
        ('SELECT toDateTime(2 - number) AS time, 1 AS "Сообщения жителей" FROM numbers(2)', "do not ascend"),
        ('SELECT now() AS time, 1 AS "Сообщения жителей" WHERE 0', "It gives no row."),
    ):
        found = [each.problem for each in check(with_sql(sql), LAST_DAY, ask) if each.problem]
        assert found and problem in found[0], (sql, found)


def test_messages_and_their_change(ask: Ask) -> None:
    # Now: 13 of today, two around midnight in Moscow. Before: the ten that are due, four around midnight farther east.
    assert values(rows(COUNTRY, 1, ask)) == [10 + 4, 13 + 2]
    assert values(rows(COUNTRY, 1, ask, region="65000000")) == [2, 3]


def test_the_same_label_gives_the_same_number_on_every_board(ask: Ask) -> None:
    for number in range(1, 7):
        of_country = rows(COUNTRY, number, ask, region="45000000")
        assert of_country == rows(REGION, number, ask, region="45000000"), number
        assert of_country == rows(MUNICIPALITY, number, ask, region="45000000", place=MOSCOW), number
    table = {row[-1]: row for row in rows(COUNTRY, 10, ask)}
    moscow = table["45000000"]
    kpi = [values(rows(REGION, number, ask, region="45000000"))[-1] for number in (1, 2, 3, 5)]
    assert [moscow[1], moscow[2], moscow[3], moscow[4]] == kpi
    of_place = {row[-1]: row for row in rows(REGION, 10, ask, region="45000000")}[MOSCOW]
    assert [of_place[1], of_place[3], of_place[4], of_place[5]] == kpi


def test_the_share_needs_a_denominator(ask: Ask) -> None:
    # 2 March: seven through pages, four elsewhere. On 1 March nobody reported of anything but pages: it is left out.
    assert values(rows(REGION, 2, ask, region="45000000")) == [None, 7 / 11]
    assert values(rows(REGION, 2, ask, region="65000000")) == [None, None]


def test_answers_in_time_are_asked_of_what_is_due(ask: Ask) -> None:
    assert values(rows(COUNTRY, 3, ask, region="45000000")) == [None, 0.7]
    # Nine tenths have no answer yet: the figure is absent, not small.
    assert rows(COUNTRY, 4, ask, region="45000000") == [(2.0, None)]


def test_who_waits_at_both_ends_of_the_period(ask: Ask) -> None:
    before = 36 + 3  # the weeks before, and three of the ten that were due
    at_end = 36 + 2 + 10 + 2  # one of the three was answered, today's ten and two around midnight came
    assert values(rows(REGION, 5, ask, region="45000000")) == [before, at_end]
    ages = dict(rows(MUNICIPALITY, 10, ask, region="45000000", place=MOSCOW))
    assert ages["9–24 ч"] == 10 + 1 + 1
    assert sum(ages.values()) == at_end


def test_the_usual_is_the_median_of_eight_weeks(ask: Ask) -> None:
    found = {row[0]: row[1:] for row in rows(COUNTRY, 7, ask, region="45000000")}
    hour = next(row for row in found.values() if row[0] == 10)
    # Weeks of 1 to 8 messages in this hour.
    assert hour == (10, 4.5, 2.75, 6.25)
    # An hour without any message has none, now and usually.
    quiet = list(found.values())[3]
    assert quiet == (0, 0, 0, 0)
    assert len(found) == 24
    half_past = rows(COUNTRY, 7, ask, Window(NOW - DAY, NOW + HOUR // 2), region="45000000")
    assert half_past[-1][1] is None, "an hour that has not ended has no figure"


def test_days_are_those_of_the_place(ask: Ask) -> None:
    window = Window(NOW - 3 * DAY, NOW + DAY)
    for region, place, day_before, day in (
        ("45000000", MOSCOW, 10 + 1, 10 + 1),
        ("65000000", YEKATERINBURG, 1, 3 + 1),
        ("30000000", KAMCHATKA, 1, 1),
    ):
        found = {str(row[0])[:10]: row[1] for row in rows(MUNICIPALITY, 7, ask, window, region=region, place=place)}
        # Times are written in ClickHouse's own zone or in Moscow's: the day is that of Moscow's midnight.
        assert [count for count in found.values() if count] == [day_before, day], (place, found)


def test_topics_lead_to_the_posts_behind_them(ask: Ask) -> None:
    topic = next(row for row in rows(REGION, 9, ask, region="45000000") if row[0] == "Ремонт дорог")
    assert topic[1:] == (6, None, "roads.repair")
    (post,) = rows(REGION, 11, ask, region="45000000", topic="roads.repair")
    number = POST.split("_")[1]
    assert post[:4] == (f"ВКонтакте, запись {number}", "Школа № 1", 6, 6)
    assert post[5] == f"https://vk.com/wall-1_{number}"


def test_a_kind_of_institution_filters_by_the_register(ask: Ask) -> None:
    assert values(rows(REGION, 1, ask, region="45000000", kind="health")) == [0, 0]
    assert values(rows(REGION, 1, ask, region="45000000", kind="education"))[1] == 6 + 2


def test_pages_and_networks(ask: Ask) -> None:
    network = next(row for row in rows(COUNTRY, 12, ask) if row[0] == "ВКонтакте")
    assert network[1:4] == (1, 5, 50)
    table = {row[0]: row for row in rows(MUNICIPALITY, 12, ask, region="45000000", place=MOSCOW)}
    assert table["Школа № 1"][2:4] == (1, 5)
    assert table["Больница"][1:4] == (0, 0, 0)


@pytest.mark.parametrize("board", OF_THE_COUNTRY, ids=lambda board: board.uid)
def test_the_line_of_coverage(board: Board, ask: Ask) -> None:
    chosen = {"region": "45000000", **({"place": MOSCOW} if board is MUNICIPALITY else {})}
    model = board.json()
    found = resolve(model, {name: [value] for name, value in chosen.items()}, LAST_DAY, ask)["coverage"]
    assert found.texts == ("учтено 1 из 2 госпабликов · данные полны до 23:00 02.03",)
