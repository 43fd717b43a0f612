"""Views of appeals and of counts on small logs with known answers: where an analyst would be misled."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from schemas.clickhouse.sql_files import sql_files
from tests.schemas.builders.shown_log import (
    LOS_ANGELES,
    MINUTE,
    MOSCOW,
    YAKUTSK,
    Shown,
    moment,
    progress,
    received,
    told,
    total,
)
from tests.streams.builders.records import APPENDED, HOUR, T0, event, hex32
from tests.streams.builders.stored_log import StoredLog


def test_what_became_of_appeals(log: Shown) -> None:
    log.append(
        received("first", T0, thread=hex32("talk"), topic="housing.heating"),
        received("second", T0 + HOUR, thread=hex32("talk")),
        received("back", T0),
        received("gone", T0),
        received("quiet", T0, page=None, entrance="phone", channel="Call", place=LOS_ANGELES, author=None),
    )
    log.append(
        told("answered", None, T0 + 2 * HOUR, thread=hex32("talk"), responder="МЦУ"),
        told("reclassified", "first", T0 + 3 * HOUR, topic="roads.repair"),
        told("closed", "back", T0 + HOUR),
        told("reopened", "back", T0 + 2 * HOUR),
        told("withdrawn", "gone", T0 + HOUR),
        partition=1,
    )
    columns = "state, first_answer_at, closed_at, withdrawn_at, topic, responder"
    question = f"SELECT {columns} FROM gospulse.appeals WHERE appeal = '{{}}'"
    # Before the refresher came by they are there, without what became of them.
    assert log.rows(question.format(hex32("second"))) == [("received", None, None, None, None, None)]
    log.refresh()
    expected: dict[str, tuple[Any, ...]] = {
        "first": ("received", None, None, None, "roads.repair", None),
        "second": ("answered", moment(T0 + 2 * HOUR), None, None, None, "МЦУ"),
        "back": ("reopened", None, None, None, None, None),
        "gone": ("withdrawn", None, None, moment(T0 + HOUR), None, None),
        "quiet": ("received", None, None, None, None, None),
    }
    assert {name: log.rows(question.format(hex32(name)))[0] for name in expected} == expected
    assert log.rows(
        "SELECT received_at, first_seen_at, page, place, region, channel, entrance, source, urgent, nature, "
        f"rating, load FROM gospulse.appeals WHERE appeal = '{hex32('quiet')}'"
    ) == [(moment(T0), moment(APPENDED), None, LOS_ANGELES, None, "Call", "phone", "test", False, None, None, None)]


def test_the_columns_of_appeals_are_the_promised_ones(log: Shown) -> None:
    names = [str(row[0]) for row in log.rows("DESCRIBE gospulse.appeals")]
    assert ", ".join(names) == (
        "appeal, received_at, first_seen_at, first_answer_at, answered_at, closed_at, withdrawn_at, state, page, "
        "network, place, region, channel, entrance, topic, nature, rating, urgent, source, responder, post, load"
    )


def test_the_earliest_copy_stands_however_the_parts_were_written(log: Shown) -> None:
    copies = [received("one", T0 + minutes * MINUTE, place=place) for minutes, place in ((5, MOSCOW), (1, YAKUTSK))]
    log.client.command(f"SYSTEM STOP MERGES gospulse_data.appeals_g{log.generation}")
    # Offset 1 is stored before offset 0, each in a part of its own.
    other = StoredLog(log.client, log.generation)
    other.append(*copies)
    log.append(copies[0])
    question = "SELECT received_at, place FROM gospulse.appeals"
    assert log.rows(question) == [(moment(T0 + 5 * MINUTE), MOSCOW)]
    # A filter that only the losing copy meets finds nothing.
    assert log.rows(f"{question} WHERE place = '{YAKUTSK}'") == []
    assert log.rows(f"{question} WHERE received_at < fromUnixTimestamp64Milli({T0 + 2 * MINUTE})") == []
    assert log.rows(f"{question} WHERE received_at > fromUnixTimestamp64Milli({T0 + 2 * MINUTE})") == log.rows(question)


@pytest.mark.long
def test_storing_everything_again_in_another_order_changes_no_view(log: Shown) -> None:
    records = [
        *(received(str(i), T0 + i * MINUTE, thread=hex32(i // 2)) for i in range(8)),
        *(told("answered", None, T0 + HOUR + i * MINUTE, thread=hex32(i)) for i in range(3)),
        *(event(i, "reaction_added", amount=3, author=hex32(i % 4)) for i in range(10)),
    ]
    log.append(*records)
    log.append(total("a", 5, T0), log=2)
    log.refresh()
    same = [
        file.name[5:].removesuffix(".sql")
        for file in sql_files("views")
        if not any(word in file.name for word in ("freshness", "sources", "generation", "rollups", "waiting"))
    ]
    before = {name: log.rows(f"SELECT * FROM gospulse.{name} ORDER BY ALL") for name in same}
    # A worker that starts at the chunk again with other flushes, the last records first.
    again = StoredLog(log.client, log.generation)
    for start in range(0, len(records), 5):
        again.append(*records[start : start + 5])
    again.append(total("a", 5, T0), log=2)
    log.refresh()
    assert {name: log.rows(f"SELECT * FROM gospulse.{name} ORDER BY ALL") for name in same} == before


def test_absent_is_null_and_never_1970(log: Shown) -> None:
    log.append(received("a", page=None), event("x", page=None, author=None), received("b"))
    log.append(total("a", 5, T0), log=2)
    log.tell(progress(folded=0, end=0, heartbeat=0, complete=0))
    log.refresh()
    times = log.rows(
        "SELECT table, name FROM system.columns WHERE database = 'gospulse' AND type LIKE '%Date%' "
        "AND name NOT IN ('valid_from')"
    )
    assert len(times) > 20
    for view, column in times:
        found = log.rows(f"SELECT countIf(toYear({column}) < 2000) FROM gospulse.{view}")
        assert found == [(0,)], (view, column)


def test_pages_by_hour_count_facts_once_and_engagement_over_chunks(migrated: Client) -> None:
    log = Shown(migrated, chunk=4, window_chunks=1)
    records = [
        *(event(i, "reaction_added", amount=2, page="vk:1") for i in range(6)),
        received("a", T0, page="vk:1"),
        received("a", T0, page="vk:1"),
        *(event(100 + i, "comment_added", page=None, place=YAKUTSK) for i in range(4)),
        # Beyond the window: the counter counts it again, the fact does not.
        *(event(200 + i, "vote_added", page="vk:1") for i in range(8)),
        received("a", T0, page="vk:1"),
    ]
    log.append(*records[:5])
    log.append(*records[5:])
    columns = (
        "hour, page, network, place, region, appeals, appeals_public_page, reaction_added, comment_added, vote_added"
    )
    assert log.rows(f"SELECT {columns} FROM gospulse.page_hour ORDER BY place") == [
        (moment(T0), "vk:1", "vk", MOSCOW, "45000000", 1, 1, 12, 0, 8),
        (moment(T0), None, None, YAKUTSK, "98000000", 0, 0, 0, 4, 0),
    ]
    assert log.rows("SELECT log, part, counted, facts, difference FROM gospulse.reconciliation") == [(1, 0, 2, 1, 1)]


def test_days_are_cut_where_people_live(log: Shown) -> None:
    evening = T0 + 8 * HOUR + HOUR // 2
    log.append(*(received(place, evening, place=place) for place in (MOSCOW, YAKUTSK, LOS_ANGELES)), appended=evening)
    log.refresh()
    assert log.rows("SELECT place, day, zone FROM gospulse.place_day WHERE appeals = 1 ORDER BY place") == [
        (MOSCOW, date(2026, 3, 2), "Europe/Moscow"),
        (YAKUTSK, date(2026, 3, 3), "Asia/Yakutsk"),
        (LOS_ANGELES, date(2026, 3, 2), "America/Los_Angeles"),
    ]
    assert log.rows("SELECT sum(appeals) FROM gospulse.page_day WHERE day = '2026-03-03'") == [(1,)]
    assert log.rows("SELECT place, day FROM gospulse.people_place_day WHERE accounts = 1 ORDER BY place") == [
        (MOSCOW, date(2026, 3, 2)),
        (YAKUTSK, date(2026, 3, 3)),
        (LOS_ANGELES, date(2026, 3, 2)),
    ]


def test_an_account_counts_once_at_every_level(log: Shown) -> None:
    somebody = {"author": hex32("somebody")}
    log.append(
        event(1, page="vk:1", **somebody),
        event(2, page="vk:2", **somebody),
        event(3, page="vk:1", place="45381000", **somebody),
        event(4, page="ok:1", **somebody),
        event(5, page="vk:1", author=hex32("another")),
    )
    log.refresh()
    assert sum(row[0] for row in log.rows("SELECT accounts FROM gospulse.people_day")) == 5  # type: ignore[misc]
    place = "SELECT network, accounts FROM gospulse.people_place_day WHERE place = '45382000' ORDER BY network"
    assert log.rows(place) == [("ok", 1), ("vk", 2)]
    region = "SELECT network, accounts FROM gospulse.people_region_day WHERE region = '45000000' ORDER BY network"
    assert log.rows(region) == [("ok", 1), ("vk", 2)]
    assert log.rows("SELECT network, accounts FROM gospulse.people_country_day ORDER BY network") == [
        ("ok", 1),
        ("vk", 2),
    ]
    # An account of another day of the month joins the day and the month, and those of the first stay.
    log.append(
        event(6, page="vk:1", at=T0 - 30 * HOUR, author=hex32("a third")), event(7, at=T0 - 30 * HOUR, **somebody)
    )
    log.refresh()
    days = "SELECT day, accounts FROM gospulse.people_country_day WHERE network = 'vk' ORDER BY day"
    assert log.rows(days) == [(date(2026, 3, 1), 2), (date(2026, 3, 2), 2)]
    assert log.rows("SELECT accounts FROM gospulse.people_country_month WHERE network = 'vk'") == [(3,)]


def test_places_without_any_event_have_the_zone_of_the_register(log: Shown) -> None:
    (zone,) = log.rows("SELECT zone FROM gospulse.places WHERE place = '05701000'")
    assert zone == ("Asia/Vladivostok",)
    assert "" not in {zone for (zone,) in log.rows("SELECT zone FROM gospulse.places")}
