"""The refresher against a plain count: exact whatever was written when, by whom, and how often it was interrupted."""

from __future__ import annotations

import json
import random
import zlib
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from deploy.clickhouse.client import clickhouse as open_clickhouse
from schemas.clickhouse.generations import FIRST
from schemas.clickhouse.rollup_columns import COLUMNS, COUNTERS
from schemas.contract.events import FACT_KINDS, POST_KINDS
from schemas.reference.places import load_zone, zone_of
from streams.refresh.refresher import Refresher
from streams.refresh.step_size import FACT_WEIGHT, LEAST_HOURS
from tests.conftest import ClickHouseServer
from tests.streams.builders.records import HOUR, T0, event, hex32
from tests.streams.builders.stalled import Stalled
from tests.streams.builders.stored_log import StoredLog, clear

PLACES = ("45382000", "98701000", "la:cd-4", "00000000")
LATER = T0 + 400 * HOUR
_FACT_COLUMNS = {
    "appeal_interim": "answers_interim",
    "appeal_answered": "answers_final",
    "appeal_closed": "closings",
    "appeal_reopened": "reopenings",
    "appeal_withdrawn": "withdrawals",
}


@pytest.fixture(scope="module")
def client(clickhouse_server: ClickHouseServer) -> Iterator[Client]:
    clickhouse_server.prepare()
    with open_clickhouse(clickhouse_server.connection) as opened:
        yield opened


@pytest.fixture
def log(client: Client) -> StoredLog:
    """A generation without any row of an earlier test."""
    clear(client, FIRST)
    return StoredLog(client, FIRST)


def moment(at: int) -> datetime:
    return datetime.fromtimestamp(at / 1000, UTC)


def local_day(place: str, at: int) -> date:
    return moment(at).astimezone(load_zone(zone_of(place))).date()


def some_records(seed: int, number: int) -> list[tuple[int, bytes]]:
    """Partition and record of events of all sorts over four days, some of them twice."""
    rng = random.Random(seed)
    records = []
    for i in range(number):
        kind = rng.choice([*COUNTERS, *_FACT_COLUMNS, *["appeal_received"] * 4])
        page = rng.choice(["vk:1", "vk:2", "ok:3", *([] if kind in POST_KINDS else [None])])
        fields: dict[str, Any] = {
            "at": T0 - rng.randrange(96 * HOUR),
            "page": page,
            "place": rng.choice(PLACES),
            "amount": 1 if kind in FACT_KINDS else rng.randrange(1, 9),
            "author": hex32(rng.randrange(50)),
            "entrance": rng.choice(["public_page", "social_other", "phone"]),
        }
        if kind == "appeal_received":
            fields["thread"] = hex32(("thread", rng.randrange(number // 4)))
        elif kind in ("appeal_interim", "appeal_answered") and rng.random() < 0.5:
            fields |= {"appeal": None, "thread": hex32(("thread", rng.randrange(number // 4)))}
        elif kind.startswith("appeal_"):
            fields["appeal"] = hex32(("appeal", (seed, rng.randrange(number))))
        where = zlib.crc32(page.encode()) % 3 if page else 0
        records.append((where, event((seed, i), kind, **fields)))
        if rng.random() < 0.1:
            records.append(records[-1])
    return records


def plain_count(records: list[tuple[int, bytes]]) -> dict[str, dict[tuple[Any, ...], Counter[str]]]:
    """Every roll-up counted one by one in Python; each identity once."""
    found: dict[str, dict[tuple[Any, ...], Counter[str]]] = {"place_hour": {}, "place_day": {}, "page_day": {}}
    seen = set()
    for _, raw in records:
        record = json.loads(raw)
        if record["id"] in seen:
            continue
        seen.add(record["id"])
        kind, place, at = record["kind"], record["place"], record["at"]
        if kind == "appeal_received":
            counted = {"appeals": 1, f"appeals_{record['entrance']}": 1}
        else:
            counted = {_FACT_COLUMNS.get(kind, kind): record.get("amount", 1)}
        hour = moment(at).replace(minute=0, second=0, microsecond=0, tzinfo=None)
        day = local_day(place, at)
        for rollup, key in (
            ("place_hour", (hour, place)),
            ("place_day", (day, place)),
            ("page_day", (day, place, record["page"] or "")),
        ):
            found[rollup].setdefault(key, Counter()).update(counted)
    return found


def stored(log: StoredLog) -> dict[str, dict[tuple[Any, ...], Counter[str]]]:
    """The roll-ups as readers see them: the rows at or above the heads."""
    keys = {"place_hour": "hour, place", "place_day": "day, place", "page_day": "day, place, page"}
    period = {"place_hour": "hour", "place_day": "toDateTime(day, 'UTC')", "page_day": "toDateTime(day, 'UTC')"}
    zone = {"place_hour": "'UTC'", "place_day": "outer.zone", "page_day": "outer.zone"}
    found = {}
    for rollup, columns in keys.items():
        rows = log.rows(
            f"SELECT {columns}, {', '.join(COLUMNS)} FROM gospulse_data.{rollup}_g{{g}} AS outer FINAL "
            f"WHERE version >= (SELECT max(r.version) FROM gospulse_data.refreshed_g{{g}} AS r "
            f"WHERE r.rollup = '{rollup}' "
            f"AND r.zone = {zone[rollup]} AND r.period = {period[rollup]})"
        )
        width = len(columns.split(","))
        found[rollup] = {
            tuple(row[:width]): +Counter(dict(zip(COLUMNS, row[width:], strict=True)))
            for row in rows
            if any(row[width:])
        }
    return found


def lives(log: StoredLog) -> list[tuple[Any, dict[str, Any]]]:
    """What became of each appeal, and which appeal each answer and change belongs to; without the versions."""
    rows = log.rows("SELECT appeal, life FROM gospulse_data.lives_g{g} FINAL ORDER BY appeal")
    rows += log.rows(
        "SELECT id, match FROM gospulse_data.matches_g{g} FINAL WHERE tupleElement(match, 'appeal') != '' ORDER BY id"
    )
    return [(key, {name: value for name, value in said.items() if name != "version"}) for key, said in rows]  # type: ignore[attr-defined]


def flush(log: StoredLog, records: list[tuple[int, bytes]], **how: Any) -> None:
    for partition in sorted({partition for partition, _ in records}):
        values = [raw for at, raw in records if at == partition]
        log.append(*values, partition=partition, appended=LATER, **how)


def test_rollups_equal_a_plain_count_however_flushes_and_steps_alternate(log: StoredLog) -> None:
    records, rng = some_records(1, 500), random.Random(2)
    refresher = Refresher(log.client, log.generation)
    position = 0
    while position < len(records):
        size = rng.randrange(1, 250)
        flush(log, records[position : position + size])
        position += size
        refresher.step(hurry=rng.random() < 0.5)
        if rng.random() < 0.3:
            # A worker that takes the partition over starts with nothing in memory.
            refresher = Refresher(log.client, log.generation)
    refresher.drain()
    assert refresher.pending().nothing
    assert stored(log) == plain_count(records)


@pytest.mark.long
def test_lives_equal_those_of_a_refresher_that_saw_everything_at_once(log: StoredLog, client: Client) -> None:
    records = some_records(3, 400)
    at_once = StoredLog(client, FIRST + 1)
    flush(at_once, records)
    Refresher(client, at_once.generation).drain()
    refresher = Refresher(client, log.generation)
    for start in range(0, len(records), 111):
        flush(log, records[start : start + 111])
        refresher.step()
    refresher.drain()
    assert lives(log) == lives(at_once)
    assert {life.get("state") for _, life in lives(log)} >= {
        "received",
        "answered",
    }


def test_an_idle_refresher_does_nothing_and_a_second_one_finds_nothing_to_do(log: StoredLog) -> None:
    flush(log, some_records(4, 60))
    refresher = Refresher(log.client, log.generation)
    assert refresher.drain() > 0
    before = log.rows("SELECT count() FROM gospulse_data.refreshed_g{g}")
    assert refresher.step(hurry=True) == 0
    again = Refresher(log.client, log.generation)
    assert again.pending().nothing
    assert again.step(hurry=True) == 0
    assert log.rows("SELECT count() FROM gospulse_data.refreshed_g{g}") == before


def test_a_stale_refresher_that_writes_late_changes_nothing(log: StoredLog) -> None:
    records = some_records(5, 300)
    flush(log, records[:150])
    stalled = Stalled(log.client)
    Refresher(stalled, log.generation).step(hurry=True)  # type: ignore[arg-type]
    assert stalled.held
    flush(log, records[150:])
    Refresher(log.client, log.generation).drain()
    expected = stored(log)
    told = lives(log)
    stalled.go_on()
    assert stored(log) == expected == plain_count(records)
    assert lives(log) == told


def test_two_refreshers_that_alternate_leave_the_days_whole(log: StoredLog) -> None:
    """Partition 0 goes from one worker to another and back: the first one must not forget the other's hours."""
    first, second = Refresher(log.client, log.generation), Refresher(log.client, log.generation)
    records: list[tuple[int, bytes]] = []
    for number, refresher in enumerate((first, second, first, second, second, first)):
        # One of a few hours, so that hours come that the other refresher has never seen, and old ones change.
        records.append((0, event(number, at=T0 - number % 3 * HOUR, place=PLACES[number % 2])))
        flush(log, records[-1:])
        refresher.step(hurry=True)
        assert stored(log) == plain_count(records), number


def test_refreshers_side_by_side_leave_the_days_whole(log: StoredLog) -> None:
    """Both have read the marks before either of them writes: the later one sees what the other did."""
    records = [(0, event(number, at=T0 - number * HOUR)) for number in range(2)]
    flush(log, records[:1])
    stalled = Stalled(log.client)
    one = Refresher(stalled, log.generation)  # type: ignore[arg-type]
    one.step(hurry=True)
    flush(log, records[1:])
    two = Refresher(log.client, log.generation)
    two.step(hurry=True)
    stalled.go_on()
    for refresher in (one, two, Refresher(log.client, log.generation)):
        refresher.drain()
    assert stored(log) == plain_count(records)


def test_cells_without_marks_are_counted_once_the_next_worker_has_marked_them(log: StoredLog) -> None:
    records = [(0, event(i, at=T0)) for i in range(10)]
    flush(log, records, marks=False)
    refresher = Refresher(log.client, log.generation)
    assert refresher.drain() == 0
    # The next worker folds the chunk again from its start and gets to the marks.
    StoredLog(log.client, log.generation).append(*(raw for _, raw in records), appended=LATER)
    refresher.drain()
    assert stored(log) == plain_count(records)


def test_a_place_whose_facts_went_elsewhere_disappears_from_its_hour(log: StoredLog) -> None:
    one, other = (
        event("a", "appeal_received", appeal=hex32("a"), place=place, at=T0) for place in ("45382000", "98701000")
    )
    log.append(one, partition=1, appended=LATER)
    Refresher(log.client, log.generation).drain()
    # An earlier copy of the same fact, in a partition that stands earlier in the order of positions.
    log.append(other, partition=0, appended=LATER)
    Refresher(log.client, log.generation).drain()
    assert [key for key, columns in stored(log)["place_hour"].items() if columns["appeals"]] == [
        (moment(T0).replace(tzinfo=None), "98701000")
    ]
    assert [key[1] for key, columns in stored(log)["place_day"].items() if columns["appeals"]] == ["98701000"]


def test_late_events_change_old_days_and_days_are_cut_where_people_live(log: StoredLog) -> None:
    # 2026-03-02T16:30Z is already the third in Yakutsk, still the second in Moscow and Los Angeles.
    evening = T0 + 8 * HOUR + HOUR // 2
    log.append(*(event(place, place=place, at=evening) for place in PLACES), appended=LATER)
    refresher = Refresher(log.client, log.generation)
    refresher.drain()
    second, third = date(2026, 3, 2), date(2026, 3, 3)
    days = {place: day for day, place in stored(log)["place_day"]}
    assert days == {"45382000": second, "98701000": third, "la:cd-4": second, "00000000": second}
    long_ago = int(timedelta(days=4_000) / timedelta(milliseconds=1))
    log.append(event("late", place="98701000", at=evening - long_ago), appended=LATER)
    assert refresher.drain() == 1
    assert (third - timedelta(days=4_000), "98701000") in stored(log)["place_day"]


def test_an_hour_without_a_row_of_a_zone_leaves_no_day_of_the_zone_behind(log: StoredLog) -> None:
    refresher = Refresher(log.client, log.generation)
    log.append(*(event(place, place=place, at=T0) for place in PLACES[:2]), appended=LATER)
    refresher.drain()
    # The version of a day is that of all its hours: Yakutsk's day gets a new one, too.
    log.append(event("later", place=PLACES[0], at=T0 + HOUR), appended=LATER)
    refresher.drain()
    assert Refresher(log.client, log.generation).pending().nothing


@pytest.mark.long
def test_sparse_history_of_a_thousand_hours_takes_one_step(log: StoredLog) -> None:
    # Eleven years, so more months than an insert may have partitions by default.
    records = [
        (0, event(i, "appeal_received" if i % 2 else "reaction_added", at=T0 - i * 97 * HOUR, place=PLACES[i % 4]))
        for i in range(1000)
    ]
    flush(log, records[:500])
    flush(log, records[500:])
    refresher = Refresher(log.client, log.generation)
    assert refresher.step(hurry=True) == 1000
    pending = refresher.pending()
    assert (pending.hours, pending.place_days, pending.page_days, pending.share_days) == (0, 0, 0, 0)
    assert stored(log) == plain_count(records)
    # Months of answers follow once the hours are done, all at once.
    refresher.step(hurry=True)
    assert refresher.pending().nothing


def test_a_step_takes_the_latest_hours_that_hold_few_enough_rows(log: StoredLog) -> None:
    def hour(number: int, pages: int = 1) -> list[tuple[int, bytes]]:
        return [(0, event((number, i), at=T0 - number * HOUR, page=f"vk:{i}")) for i in range(pages)]

    heavy, many = 110, 400
    records = [record for number in range(240) for record in hour(number, many if number == heavy else 1)]
    flush(log, records)
    refresher = Refresher(log.client, log.generation, rows_a_step=many)
    # The hours before the heavy one, then it and no more others than a step takes in any case, then the rest.
    assert [refresher.step(hurry=True) for _ in range(3)] == [heavy, LEAST_HOURS, 240 - heavy - LEAST_HOURS]
    refresher.drain()
    assert stored(log) == plain_count(records)


def test_hours_of_a_day_full_of_facts_are_taken_in_steps(log: StoredLog) -> None:
    facts = 40
    late = [(0, event(("late", i), at=T0 + i * HOUR)) for i in range(50)]
    full = [(0, event(("full", i), "appeal_received", at=T0 - 240 * HOUR + i)) for i in range(facts)]
    early = [(0, event(("early", i), at=T0 - 250 * HOUR - i * HOUR)) for i in range(50)]
    flush(log, late + full + early)
    refresher = Refresher(log.client, log.generation, rows_a_step=facts * FACT_WEIGHT)
    # One hour of the full day is read with all facts of that day, and they are too many.
    assert refresher.step(hurry=True) == len(late)
    refresher.drain()
    assert stored(log) == plain_count(late + full + early)


async def test_the_worker_s_way_of_calling_it(log: StoredLog) -> None:
    flush(log, some_records(6, 30))
    refresher = Refresher(log.client, log.generation)
    hours = await refresher.refresh_once()
    assert hours > 0
    assert await refresher.refresh_once() == 0
