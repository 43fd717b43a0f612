"""The detector on a real ClickHouse: from appeals that were folded to the rows of ``gospulse.spikes``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client

from deploy.clickhouse.client import clickhouse as open_clickhouse
from streams.spikes.detector import HISTORY_HOURS
from streams.spikes.service import Detector, Knobs
from tests.conftest import ClickHouseServer
from tests.schemas.builders.shown_log import GENERATION, Shown
from tests.streams.builders.records import HOUR, T0, event, hex32, reading

MINUTE = HOUR // 60
#: Monday 2026-03-02, 14:00 UTC.
NOW = T0 + 6 * HOUR
PLACES = [f"57{m:03d}000" for m in range(701, 709)] + [f"22{m:03d}000" for m in range(701, 705)]
#: Pages that began some days before ``NOW``: the only one of a place, and one that more than doubles what it had.
JOINED = (("57709000", "vk:first", 20), (PLACES[8], "vk:second", 19))
TABLES = ("spikes", "spike_decisions", "spike_evaluations", "spike_expected")


def at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def appeal(name: object, when: int, **fields: Any) -> bytes:
    defaults = {"at": when, "author": hex32(("author", name)), "appeal": hex32(("appeal", name)), "page": None}
    return event(name, "appeal_received", **(defaults | fields))


@pytest.fixture(scope="module")
def shown(clickhouse_server: ClickHouseServer) -> Iterator[Shown]:
    """Twelve weeks of half a message an hour in each of twelve municipalities of two regions."""
    clickhouse_server.prepare()
    with open_clickhouse(clickhouse_server.connection, timeout_s=120) as client:
        log = Shown(client)
        random = np.random.default_rng(6)
        first = NOW - (HISTORY_HOURS + 24) * HOUR
        hours = (NOW - first) // HOUR
        records = []
        begun = [(place, "vk:old", 0.4, hours) for place in PLACES]
        begun += [(place, page, 0.6, days * 24) for place, page, days in JOINED]
        for place, page, level, last in begun:
            for hour, n in enumerate(random.poisson(level, last), start=hours - last):
                records += [
                    appeal(
                        (place, page, hour, k),
                        first + hour * HOUR + int(random.integers(0, HOUR)),
                        place=place,
                        page=page,
                    )
                    for k in range(n)
                ]
        for begin in range(0, len(records), 20_000):
            log.append(*records[begin : begin + 20_000], appended=NOW)
        log.refresh()
        yield log


@pytest.fixture
def client(shown: Shown) -> Iterator[Client]:
    """No episode of an earlier test; what a test appends lies after the moment of the tests before."""
    for table in TABLES:
        shown.client.command(f"TRUNCATE TABLE gospulse_data.{table}")
    yield shown.client


def detector(client: Client, **knobs: Any) -> Detector:
    return Detector(client, lambda _client: GENERATION, Knobs(**knobs))


def spikes(client: Client, columns: str = "series, state, observed, nature, push") -> list[tuple[Any, ...]]:
    rows = client.query(f"SELECT {columns} FROM gospulse.spikes ORDER BY since, series").result_rows
    return [tuple(row) for row in rows]


def test_an_ordinary_moment_writes_no_episode_and_a_heartbeat(client: Client) -> None:
    assert detector(client).evaluate(at(NOW - 3 * HOUR), hold_late=False) == []
    assert spikes(client) == []
    (row,) = client.query("SELECT evaluated, series, tested, held FROM gospulse_data.spike_evaluations").result_rows
    evaluated, series, tested, held = row
    # The municipalities of the register are tested, too.
    assert (evaluated.replace(tzinfo=UTC), held) == (at(NOW - 3 * HOUR), "") and series == tested > len(PLACES)


def test_a_spike_is_found_explained_followed_and_closed(client: Client, shown: Shown) -> None:
    extra = [
        appeal(("spike", n), NOW + n * MINUTE, place=PLACES[3], page="vk:old", topic="housing.heating")
        for n in range(24)
    ]
    shown.append(*extra, appended=NOW + HOUR)
    shown.refresh()
    found = detector(client)
    opened = found.evaluate(at(NOW + 30 * MINUTE), hold_late=False)
    assert [(each.series, each.state, each.push) for each in opened] == [(PLACES[3], "open", True)]
    again = detector(client).evaluate(at(NOW + 30 * MINUTE), hold_late=False)
    assert [each.id for each in again] == [each.id for each in opened]
    assert len(spikes(client)) == 1
    (row,) = spikes(client, "reason, topics, authors >= 20, expected < 3, since")
    assert "обычно" in row[0] and row[1][0] in [("housing.heating", 24), {"topic": "housing.heating", "appeals": 24}]
    assert row[2:] == (1, 1, at(NOW + 30 * MINUTE).replace(tzinfo=None))
    # A restart goes on with the open episode; it closes after a quiet half day.
    for hours in (1, 20, 25, 38, 63):
        found.evaluate(at(NOW + hours * HOUR), hold_late=False)
        if hours == 1:
            found = detector(client)
    ((series, state, closed),) = spikes(client, "series, state, closed_at")
    assert (series, state) == (PLACES[3], "closed")
    assert at(NOW + 13 * HOUR) < closed.replace(tzinfo=UTC) < at(NOW + 40 * HOUR)
    ((peak, answered, silent),) = spikes(client, "peak, answered, silent_pages")
    assert peak >= 24 and answered == 0 and silent == ["vk:old"]


def test_one_author_and_bulk_entry_are_named_and_alert_nobody(client: Client, shown: Shown) -> None:
    begin = NOW + 5 * 24 * HOUR
    records = [appeal(("one", n), begin + n * MINUTE, place=PLACES[5], author=hex32("angry")) for n in range(40)]
    records += [
        appeal(("bulk", n), begin + n * 1000, place=PLACES[11], entrance="office", channel="counter", author=None)
        for n in range(40)
    ]
    shown.append(*records, appended=begin + HOUR)
    shown.refresh()
    detector(client).evaluate(at(begin + 45 * MINUTE), hold_late=False)
    assert sorted(spikes(client, "series, nature, push")) == [
        (PLACES[11], "bulk_entry", 0),
        (PLACES[5], "one_author", 0),
    ]


def test_a_new_page_is_no_spike(client: Client, shown: Shown) -> None:
    begin = NOW + 9 * 24 * HOUR
    new = [appeal(("new", n), begin + n * MINUTE, place=PLACES[7], page="vk:brand_new") for n in range(40)]
    shown.append(*new, appended=begin + HOUR)
    shown.refresh()
    assert detector(client).evaluate(at(begin + 45 * MINUTE), hold_late=False) == []


def test_pages_that_began_three_weeks_ago_are_no_spike(client: Client) -> None:
    """What they bring is usual from the first day on which they count."""
    found = detector(client)
    for hours in (12, 6, 1):
        assert found.evaluate(at(NOW - hours * HOUR), hold_late=False) == []
    usual = client.query(
        "SELECT series, avg(expected) FROM gospulse_data.spike_expected FINAL WHERE hour >= {night:DateTime('UTC')} "
        "GROUP BY series",
        parameters={"night": at(NOW - 13 * HOUR)},
    ).result_rows
    level = {str(series): float(expected) for series, expected in usual}
    assert level["57709000"] == pytest.approx(0.6, rel=0.2)
    assert level[PLACES[8]] == pytest.approx(1.0, rel=0.2)


def test_a_register_that_gives_a_place_more_pages_is_no_spike(client: Client, shown: Shown) -> None:
    """A page that wrote elsewhere for years moves to another place: its appeals double what is written there."""
    begin = NOW + 16 * 24 * HOUR
    moved = [appeal(("moved", n), begin + n * MINUTE, place=PLACES[1], page="vk:old") for n in range(40)]
    shown.append(*moved, appended=begin + HOUR)
    shown.refresh()
    (found,) = detector(client).evaluate(at(begin + 45 * MINUTE), hold_late=False)
    assert found.series == PLACES[1]
    client.command("TRUNCATE TABLE gospulse_data.spikes")
    days = [at(begin - back * 24 * HOUR).date() for back in (400, 3)]
    client.command(
        "INSERT INTO gospulse_data.pages (page, valid_from, state, name, kind, place) VALUES "
        f"('vk:old', '{days[0]}', 'in force', 'Школа', 'education', '{PLACES[0]}'), "
        f"('vk:old', '{days[1]}', 'in force', 'Школа', 'education', '{PLACES[1]}')"
    )
    try:
        assert detector(client).evaluate(at(begin + 45 * MINUTE), hold_late=False) == []
    finally:
        client.command("TRUNCATE TABLE gospulse_data.pages")


def test_nothing_is_evaluated_while_the_counts_are_late(client: Client) -> None:
    assert detector(client).evaluate(at(NOW), hold_late=True) == []
    ((held,),) = client.query("SELECT held FROM gospulse_data.spike_evaluations").result_rows
    assert held


def test_hours_of_an_outage_are_excluded(client: Client, shown: Shown) -> None:
    begin = NOW + 12 * 24 * HOUR
    shown.append(
        reading("down", metric="source_up", object="feed", value=0, place=PLACES[2], page=None, period_from=begin,
                period_to=begin + 3 * HOUR, observed_at=begin),
        log=2,
        appended=begin,
    )  # fmt: skip
    detector(client).evaluate(at(begin + 4 * HOUR), hold_late=False)
    ((excluded,),) = client.query("SELECT excluded_hours FROM gospulse_data.spike_evaluations").result_rows
    assert excluded >= 3


def test_what_is_usual_is_stored_for_the_boards(client: Client) -> None:
    detector(client).evaluate(at(NOW), hold_late=False)
    ((hours, expected, low, high),) = client.query(
        "SELECT count(), avg(expected), avg(low), avg(high) FROM gospulse_data.spike_expected FINAL "
        f"WHERE series = '{PLACES[0]}'"
    ).result_rows
    assert hours == 48 and 0.2 < expected < 0.7 and low == 0 and 1 <= high <= 6
