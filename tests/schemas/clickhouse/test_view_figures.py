"""Shares, answer times, ratings and completeness on small logs with known answers."""

from __future__ import annotations

import time
from datetime import date

from deploy.clickhouse.client import clickhouse as open_clickhouse
from schemas.clickhouse.sql_files import sql_files
from tests.conftest import ClickHouseServer
from tests.schemas.builders.shown_log import (
    DAY,
    MINUTE,
    MOSCOW,
    YAKUTSK,
    Shown,
    moment,
    progress,
    received,
    told,
)
from tests.streams.builders.records import APPENDED, HOUR, T0, event, hex32


def test_answer_times_hold_the_unanswered(log: Shown) -> None:
    log.append(*(received(name, T0) for name in ("quick", "slow", "never", "taken", "shut")))
    log.append(
        told("answered", "quick", T0 + HOUR),
        told("interim", "slow", T0 + 30 * HOUR),
        told("withdrawn", "taken", T0 + HOUR),
        told("closed", "shut", T0 + 2 * HOUR),
        appended=T0 + 40 * HOUR,
    )
    log.refresh()
    names = {hex32(name): name for name in ("quick", "slow", "never", "taken", "shut")}
    rows = log.rows("SELECT appeal, outcome, answer_s, in_time FROM gospulse.answer_times")
    assert {names[str(row[0])]: row[1:] for row in rows} == {
        "quick": ("answered", 3600.0, True),
        "slow": ("answered", 30 * 3600.0, False),
        "never": ("waiting", float("inf"), False),
        "taken": ("withdrawn", float("inf"), None),
        "shut": ("closed", float("inf"), None),
    }
    rating = log.rows(
        "SELECT month, region, name, appeals, answered, waiting, due, in_time, share_in_time, median_answer_s, "
        "p90_answer_s, rank FROM gospulse.region_rating"
    )
    # Of the four that stand two have an answer: the median is not known to be finite.
    assert rating == [(date(2026, 3, 1), "45000000", "Москва", 4, 2, 1, 3, 1, 1 / 3, None, None, 1)]


def test_the_rating_counts_what_is_due_to_the_minute(log: Shown) -> None:
    """Appeals around the moment whose limit ends now, with every outcome: the rating equals a count of single rows."""
    now = int(time.time() * 1000)
    ages = [24 * 60 + minutes for minutes in (-90, -61, -31, -5, 5, 31, 61, 90)]
    names = [
        (f"{kind} {age}", now - age * MINUTE, kind) for age in ages for kind in ("never", "answered", "shut", "late")
    ]
    log.append(*(received(name, at) for name, at, _ in names), appended=now)
    ends = {"answered": ("answered", 60), "shut": ("closed", 120), "late": ("answered", 24 * 60)}
    log.append(
        *(
            told(ends[kind][0], name, at + ends[kind][1] * MINUTE + 1)
            for name, at, kind in names
            if kind in ends and at + ends[kind][1] * MINUTE < now
        ),
        appended=now,
    )
    log.refresh()
    expected = log.rows(
        "SELECT toStartOfMonth(toDate(received_at, 'Europe/Moscow')) AS month, count(), countIf(outcome = 'answered'), "
        "countIf(outcome = 'waiting'), count(in_time), countIf(in_time) FROM gospulse.answer_times "
        "GROUP BY month ORDER BY month"
    )
    assert sum(int(str(row[4])) for row in expected) not in (0, len(names))
    assert expected == log.rows(
        "SELECT month, appeals, answered, waiting, due, in_time FROM gospulse.region_rating ORDER BY month"
    )


def test_regions_are_ranked_where_the_sample_is_large_enough(log: Shown) -> None:
    for place, answered, number in ((MOSCOW, 2, 2), (YAKUTSK, 1, 2), ("05701000", 1, 1)):
        log.append(*(received(f"{place}{i}", T0, place=place) for i in range(number)))
        log.append(*(told("answered", f"{place}{i}", T0 + HOUR) for i in range(answered)))
    log.refresh()
    assert log.rows("SELECT region, due, share_in_time, rank FROM gospulse.region_rating ORDER BY region") == [
        ("05000000", 1, 1.0, None),
        ("45000000", 2, 1.0, 1),
        ("98000000", 2, 0.5, 2),
    ]


def test_freshness_says_until_when_everything_is_counted(log: Shown) -> None:
    log.client.command(
        "INSERT INTO gospulse_data.logs (topic_id, topic, log, partitions, registered_at) VALUES "
        "('former', 'events', 0, 9, now64(3)), ('id-of-events', 'events', 1, 4, now64(3))"
    )
    log.append(event(1), appended=APPENDED)
    log.tell(progress(folded=10, end=10, heartbeat=APPENDED + 5_000, complete=APPENDED + 4_000))
    log.tell(progress(folded=10, end=30, heartbeat=APPENDED + 5_000, complete=APPENDED, part=1))
    log.tell(progress(folded=0, end=30, heartbeat=APPENDED, complete=0, part=2, stopped="The log has a gap."))
    found = log.rows(
        "SELECT topic, part, lag, complete_until, heartbeat_age_s > 0, stopped, source, source_heard_at "
        "FROM gospulse.freshness ORDER BY part"
    )
    assert found == [
        ("events", 0, 0, moment(APPENDED + 4_000), 1, None, "test", moment(APPENDED)),
        ("events", 1, 20, moment(APPENDED), 1, None, None, None),
        ("events", 2, 30, None, 1, "The log has a gap.", None, None),
        # No worker has said anything about it: unknown, but there.
        ("events", 3, None, None, None, None, None, None),
    ]
    # A record arrives at a quiet partition: it stays complete until the time that was known before.
    log.tell(progress(folded=10, end=11, heartbeat=APPENDED + 6_000, complete=APPENDED))
    # A zombie's heartbeat is the latest, but what it knows of the end is old.
    log.tell(progress(folded=10, end=10, heartbeat=APPENDED + 60_000, complete=APPENDED + 1_000))
    assert log.rows("SELECT DISTINCT complete_until FROM gospulse.freshness WHERE part = 0") == [
        (moment(APPENDED + 4_000),)
    ]
    assert log.rows("SELECT source, heard_at, up FROM gospulse.sources") == [("test", moment(APPENDED), None)]


def test_the_state_of_the_rollups_says_what_waits(log: Shown) -> None:
    question = "SELECT rollup, periods, waiting, recomputed_at IS NULL FROM gospulse.rollups ORDER BY rollup"
    nothing = [("page_day", 0, None, 1), ("place_day", 0, None, 1), ("place_hour", 0, 0, 1)]
    assert log.rows(question) == nothing
    log.append(event(1), event(2, at=T0 - 3 * HOUR))
    assert log.rows(question)[2] == ("place_hour", 0, 2, 1)
    log.refresh()
    assert log.rows(question) == [("page_day", 1, None, 0), ("place_day", 1, None, 0), ("place_hour", 2, 0, 0)]


def test_pages_and_places_come_from_the_register_and_from_what_occurred(log: Shown) -> None:
    log.client.command(
        "INSERT INTO gospulse_data.pages (page, valid_from, name, place, kind) VALUES "
        f"('vk:1', '2020-01-01', 'Школа', '{MOSCOW}', 'education'), "
        f"('vk:7', '2020-01-01', 'Парк', '{MOSCOW}', 'culture')"
    )
    log.append(event(1, "post_published", page="vk:1"), event(2, page="ok:5", place="05701000"))
    log.refresh()
    assert log.rows(
        "SELECT page, name, region, registered, first_day, last_post_day FROM gospulse.pages ORDER BY page"
    ) == [
        ("ok:5", None, "05000000", False, date(2026, 3, 2), None),
        ("vk:1", "Школа", "45000000", True, date(2026, 3, 2), date(2026, 3, 2)),
        ("vk:7", "Парк", "45000000", True, None, None),
    ]
    assert log.rows(
        f"SELECT pages_registered, pages_heard, coverage FROM gospulse.coverage WHERE place = '{MOSCOW}'"
    ) == [(2, 1, 0.5)]
    assert log.rows("SELECT name, region_name, zone, occurred FROM gospulse.places WHERE place = '05701000'") == [
        ("Владивосток", "Приморский край", "Asia/Vladivostok", True)
    ]
    log.client.command("TRUNCATE TABLE gospulse_data.pages")


def test_coverage_follows_the_register_of_each_day(log: Shown) -> None:
    log.client.command("TRUNCATE TABLE gospulse_data.pages")
    # vk:1 leaves Moscow for Vladivostok on 2 March; vk:7 ended on that day, vk:8 begins a day later.
    log.client.command(
        "INSERT INTO gospulse_data.pages (page, valid_from, state, name, place) VALUES "
        f"('vk:1', '1970-01-01', 'in force', 'Школа', '{MOSCOW}'), "
        "('vk:1', '2026-03-02', 'in force', 'Школа', '05701000'), "
        f"('vk:7', '1970-01-01', 'in force', 'Парк', '{MOSCOW}'), ('vk:7', '2026-03-02', 'ended', 'Парк', '{MOSCOW}'), "
        f"('vk:8', '2026-03-03', 'in force', 'Музей', '{MOSCOW}')"
    )
    for number, at in enumerate((T0 - DAY, T0, T0 + DAY)):
        of_day = (event((number, page), page=page, at=at) for page in ("vk:1", "vk:7", "vk:8"))
        log.append(*of_day, appended=at + HOUR)
    log.refresh()
    question = (
        "SELECT day, pages_registered, pages_heard, pages_registered_heard, coverage FROM gospulse.coverage "
        f"WHERE place = '{MOSCOW}' ORDER BY day"
    )
    assert log.rows(question) == [
        (date(2026, 3, 1), 2, 3, 2, 1.0),
        (date(2026, 3, 2), 0, 3, 0, None),
        (date(2026, 3, 3), 1, 3, 1, 1.0),
    ]
    assert log.rows("SELECT pages_registered, pages_heard FROM gospulse.coverage WHERE place = '05701000'") == [
        (1, 0),
        (1, 0),
    ]
    log.client.command("TRUNCATE TABLE gospulse_data.pages")


def test_rejected_records_are_listed_without_their_content(log: Shown) -> None:
    log.append(event(1, kind="appeal_sung"), b"\xff")
    assert log.rows("SELECT log, part, off, stage, field, reason, source FROM gospulse.rejected ORDER BY off") == [
        (1, 0, 0, "fold", "kind", "Field `kind`: appeal_sung is not a kind of version 1.", None),
        (1, 0, 1, "fold", None, "The record is not valid JSON in UTF-8.", None),
    ]


def test_the_read_only_login_reads_every_view(log: Shown, clickhouse_server: ClickHouseServer) -> None:
    log.append(received("a"), event(1))
    log.refresh()
    with open_clickhouse(clickhouse_server.analyst) as analyst:
        for file in sql_files("views"):
            assert analyst.query(f"SELECT * FROM gospulse.{file.name[5:].removesuffix('.sql')} LIMIT 1") is not None
