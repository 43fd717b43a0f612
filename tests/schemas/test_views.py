"""The views on small logs with known answers: what an analyst would be misled by if it were wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from deploy.clickhouse_client import clickhouse as open_clickhouse
from schemas.migrate import migrate, show_generation
from schemas.sql_files import Rendering, sql_files
from streams.generation import current_definition, encode_definition
from streams.progress import Progress
from streams.refresh import Refresher
from tests.conftest import ClickHouseServer
from tests.streams.records import APPENDED, HOUR, T0, event, hex32
from tests.streams.stored_log import StoredLog

MINUTE = HOUR // 60
DAY = 24 * HOUR
MOSCOW, YAKUTSK, LOS_ANGELES = "45382000", "98701000", "la:cd-4"
GENERATION = 200


@pytest.fixture(scope="module")
def client(clickhouse_server: ClickHouseServer) -> Iterator[Client]:
    with open_clickhouse(clickhouse_server.connection) as opened:
        for database in ("gospulse", "gospulse_data"):
            opened.command(f"DROP DATABASE IF EXISTS {database} SYNC")
        migrate(opened, Rendering(minimum_sample=2), encode_definition(current_definition(1)))
        yield opened


class Shown(StoredLog):
    """The generation that the views read, without any row of an earlier test."""

    def __init__(self, client: Client, **definition: object) -> None:
        tables = client.query(
            "SELECT name FROM system.tables WHERE database = 'gospulse_data' "
            f"AND endsWith(name, '_g{GENERATION}') AND total_rows > 0"
        ).result_rows
        for (table,) in tables:
            client.command(f"TRUNCATE TABLE gospulse_data.{table}")
        super().__init__(client, GENERATION, **definition)
        show_generation(client, GENERATION, Rendering(minimum_sample=2))

    def refresh(self) -> None:
        """Bring roll-ups and lives up to date."""
        Refresher(self.client, self.generation).drain()


@pytest.fixture
def log(client: Client) -> Shown:
    return Shown(client)


def moment(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC).replace(tzinfo=None)


def received(name: str, at: int = T0, **fields: Any) -> bytes:
    return event(("received", name), "appeal_received", **({"appeal": hex32(name), "at": at} | fields))


def told(kind: str, name: str | None, at: int, **fields: Any) -> bytes:
    appeal = hex32(name) if name is not None else None
    return event((kind, name, at), f"appeal_{kind}", **({"appeal": appeal, "at": at} | fields))


def total(name: str, value: int, begin: int, hours: float = 24, observed: int = T0, **fields: Any) -> bytes:
    """A reading of appeals that another system counted."""
    record = {
        "v": 1,
        "id": hex32(("reading", name, value, observed)),
        "object": name,
        "metric": "appeals",
        "value": value,
        "period_from": begin,
        "period_to": begin + int(hours * HOUR),
        "observed_at": observed,
        "source": "elsewhere",
        "place": MOSCOW,
        "channel": "phone",
        "entrance": "phone",
    }
    return json.dumps(record | fields).encode()


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
        "SELECT received_at, first_seen_at, page, place, region, channel, entrance, source, author, amount, load "
        f"FROM gospulse.appeals WHERE appeal = '{hex32('quiet')}'"
    ) == [(moment(T0), moment(APPENDED), None, LOS_ANGELES, None, "Call", "phone", "test", None, 1, None)]


def test_the_columns_of_appeals_are_the_promised_ones(log: Shown) -> None:
    names = [str(row[0]) for row in log.rows("DESCRIBE gospulse.appeals")]
    assert ", ".join(names) == (
        "appeal, received_at, first_seen_at, first_answer_at, closed_at, withdrawn_at, state, page, place, region, "
        "channel, entrance, topic, source, responder, author, amount, load"
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
        if not any(word in file.name for word in ("freshness", "sources", "generation", "rollups"))
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
    log.tell(_progress(folded=0, end=0, heartbeat=0, appended=0))
    log.refresh()
    times = log.rows(
        "SELECT table, name FROM system.columns WHERE database = 'gospulse' AND type LIKE '%Date%' "
        "AND name NOT IN ('valid_from')"
    )
    assert len(times) > 20
    for view, column in times:
        found = log.rows(f"SELECT countIf(toYear({column}) < 2000) FROM gospulse.{view}")
        assert found == [(0,)], (view, column)


def _progress(folded: int, end: int, heartbeat: int, appended: int, part: int = 0, stopped: str = "") -> Progress:
    return Progress(
        log=1,
        part=part,
        folded=folded,
        folded_appended=appended,
        heartbeat=heartbeat,
        end=end,
        worker="worker-1",
        stopped=stopped,
    )


def test_pages_by_hour_count_facts_once_and_engagement_over_chunks(client: Client) -> None:
    log = Shown(client, chunk=4, window_chunks=1)
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
    assert sum(row[0] for row in log.rows("SELECT accounts FROM gospulse.people_day")) == 5  # type: ignore[misc]
    place = "SELECT network, accounts FROM gospulse.people_place_day WHERE place = '45382000' ORDER BY network"
    assert log.rows(place) == [("ok", 1), ("vk", 2)]
    region = "SELECT network, accounts FROM gospulse.people_region_day WHERE region = '45000000' ORDER BY network"
    assert log.rows(region) == [("ok", 1), ("vk", 2)]
    assert log.rows("SELECT network, accounts FROM gospulse.people_country_day ORDER BY network") == [
        ("ok", 1),
        ("vk", 2),
    ]


@pytest.mark.parametrize(
    ("begin", "hours", "day"),
    [
        ("2026-01-14T12:00:00", 24, date(2026, 1, 15)),  # Kamchatka, UTC+12
        ("2026-01-14T21:00:00", 24, date(2026, 1, 15)),  # Moscow
        ("2026-03-29T00:00:00", 23, date(2026, 3, 29)),  # London, the day on which summer begins
        ("2026-06-14T23:00:00", 24, date(2026, 6, 15)),  # London in summer
        ("2026-01-15T08:00:00", 24, date(2026, 1, 15)),  # Los Angeles
        ("2026-01-01T00:00:00", 31 * 24, None),  # a month has no day
    ],
)
def test_a_total_of_a_local_day_belongs_to_that_day(log: Shown, begin: str, hours: int, day: date | None) -> None:
    start = int(datetime.fromisoformat(begin).replace(tzinfo=UTC).timestamp() * 1000)
    log.append(total("a", 7, start, hours), log=2)
    assert log.rows("SELECT day, value, appeals FROM gospulse.outside_totals") == [(day, 7, 7)]


def test_the_latest_observation_of_a_total_stands(log: Shown) -> None:
    log.append(total("a", 7, T0, observed=T0), total("a", 9, T0, observed=T0 + HOUR), total("b", 1, T0), log=2)
    log.append(total("a", 8, T0, observed=T0 + MINUTE), log=2)
    assert log.rows("SELECT object, value FROM gospulse.outside_totals ORDER BY object") == [("a", 9), ("b", 1)]


def test_the_share_has_a_denominator_or_is_null(log: Shown) -> None:
    log.append(
        *(received(str(i), entrance="public_page") for i in range(3)),
        received("other", entrance="social_other"),
        received("call", entrance="phone", place=YAKUTSK, page=None),
        received("alone", entrance="public_page", place="05701000"),
    )
    midnight = T0 - 11 * HOUR  # of 2 March in Moscow
    log.append(total("s", 4, midnight, entrance="social_other"), total("p", 100, midnight), log=2)
    log.append(total("z", 0, midnight - DAY, entrance="social_other", place="46000000"), log=2)
    log.refresh()
    found = log.rows(
        "SELECT place, numerator, denominator, share, others_heard, public_page, social_other, outside_social_other "
        "FROM gospulse.share_day ORDER BY place"
    )
    assert found == [
        # Nobody reports anything else in this region: a share of 1 says nothing.
        ("05701000", 1, 1, 1.0, False, 1, 0, 0),
        (MOSCOW, 3, 8, 0.375, True, 3, 1, 4),
        ("46000000", 0, 0, None, False, 0, 0, 0),
    ]


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
    log.client.command("INSERT INTO gospulse_data.logs VALUES ('id-of-events', 'events', 1, now64(3))")
    log.append(event(1), appended=APPENDED)
    log.tell(_progress(folded=10, end=10, heartbeat=APPENDED + 5_000, appended=APPENDED))
    log.tell(_progress(folded=10, end=30, heartbeat=APPENDED + 5_000, appended=APPENDED, part=1))
    log.tell(_progress(folded=0, end=30, heartbeat=APPENDED, appended=0, part=2, stopped="The log has a gap."))
    found = log.rows(
        "SELECT topic, part, lag, complete_until, heartbeat_age_s > 0, stopped, source, source_heard_at "
        "FROM gospulse.freshness ORDER BY part"
    )
    assert found == [
        ("events", 0, 0, moment(APPENDED + 5_000), 1, None, "test", moment(APPENDED)),
        ("events", 1, 20, moment(APPENDED), 1, None, None, None),
        ("events", 2, 30, None, 1, "The log has a gap.", None, None),
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
        "INSERT INTO gospulse_data.pages (page, valid_from, name, place, kind, written_at) VALUES "
        f"('vk:1', '2020-01-01', 'Школа', '{MOSCOW}', 'education', now64(3)), "
        f"('vk:7', '2020-01-01', 'Парк', '{MOSCOW}', 'culture', now64(3))"
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


def test_refused_records_are_listed_without_their_content(log: Shown) -> None:
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
