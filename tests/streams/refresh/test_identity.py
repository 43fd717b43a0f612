"""One identity is one fact whatever its copies say; lives follow the standing copy; only what changed is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from clickhouse_connect.driver.client import Client

from deploy.clickhouse.client import clickhouse as open_clickhouse
from schemas.clickhouse.generations import FIRST
from streams.refresh.conversations import LifeWriter
from streams.refresh.refresher import Refresher
from tests.conftest import ClickHouseServer
from tests.streams.builders.records import HOUR, T0, event, hex32
from tests.streams.builders.stored_log import StoredLog, clear

DAY = 24 * HOUR
LATER = T0 + 400 * HOUR


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


def received(name: str, at: int, **fields: Any) -> bytes:
    return event(("received", name), "appeal_received", appeal=hex32(name), at=at, **fields)


def told(kind: str, at: int, *, appeal: str | None = None, thread: str | None = None, **fields: Any) -> bytes:
    names = {"appeal": appeal and hex32(appeal), "thread": thread and hex32(thread)}
    return event((kind, at, appeal, thread, *fields.values()), f"appeal_{kind}", at=at, **(names | fields))


def appeals_by_hour(log: StoredLog, rollup: str = "place_hour") -> dict[int, int]:
    """Hours after T0 (or days, for the roll-ups of days) -> appeals, as readers see them."""
    column, unit = ("hour", HOUR) if rollup == "place_hour" else ("toDateTime(day, 'UTC')", DAY)
    begin = T0 if rollup == "place_hour" else T0 // DAY * DAY
    rows = log.rows(
        f"SELECT toUnixTimestamp({column}), sum(appeals) FROM gospulse_data.{rollup}_g{{g}} AS r FINAL "
        "WHERE version >= (SELECT max(h.version) FROM gospulse_data.refreshed_g{g} AS h "
        f"WHERE h.rollup = '{rollup}' AND h.period = {column.replace('hour', 'r.hour').replace('day,', 'r.day,')}) "
        "GROUP BY 1 HAVING sum(appeals) > 0"
    )
    return {(second * 1000 - begin) // unit: number for second, number in rows}  # type: ignore[misc, operator]


def lives(log: StoredLog) -> dict[str, dict[str, Any]]:
    rows = log.rows("SELECT appeal, life FROM gospulse_data.lives_g{g} FINAL")
    return {str(appeal): life for appeal, life in rows}  # type: ignore[misc]


def refresh(log: StoredLog) -> None:
    Refresher(log.client, log.generation).drain()


def test_an_appeal_with_a_corrected_date_stays_one_appeal_under_its_first_date(log: StoredLog) -> None:
    log.append(received("a", T0), appended=LATER)
    refresh(log)
    log.append(received("a", T0 + DAY), appended=LATER)
    refresh(log)
    assert log.rows("SELECT count() FROM gospulse_data.appeals_g{g} FINAL") == [(1,)]
    assert appeals_by_hour(log) == {0: 1}
    assert appeals_by_hour(log, "place_day") == appeals_by_hour(log, "page_day") == {0: 1}


def test_an_earlier_copy_with_another_date_moves_the_appeal_in_every_rollup(log: StoredLog) -> None:
    """The copy of partition 0 is written later and stands: the hour and day of the former copy are recomputed."""
    log.append(received("a", T0), partition=1, appended=LATER)
    refresh(log)
    assert appeals_by_hour(log) == {0: 1}
    log.append(received("a", T0 + DAY), partition=0, appended=LATER)
    refresh(log)
    assert appeals_by_hour(log) == {24: 1}
    assert appeals_by_hour(log, "place_day") == appeals_by_hour(log, "page_day") == {1: 1}
    (life,) = lives(log).values()
    assert int(life["received_at"].timestamp() * 1000) == T0 + DAY


def test_a_refresher_that_has_seen_neither_copy_gives_the_same(log: StoredLog) -> None:
    log.append(received("a", T0), partition=1, appended=LATER)
    log.append(received("a", T0 + DAY), partition=0, appended=LATER)
    refresh(log)
    assert appeals_by_hour(log) == {24: 1}
    assert Refresher(log.client, log.generation).pending().nothing


def test_an_answer_under_two_days_closes_one_appeal(log: StoredLog) -> None:
    """The former replay took each day's copy of one answer for an answer of its own."""
    log.append(received("a", T0, thread=hex32("t")), received("b", T0 + HOUR, thread=hex32("t")), appended=LATER)
    answer = json.loads(told("answered", T0 + 2 * HOUR, thread="t"))
    for partition, at in ((1, T0 + 2 * HOUR), (0, T0 + 2 * HOUR + DAY)):
        log.append(json.dumps(answer | {"at": at}).encode(), partition=partition, appended=LATER + DAY)
    refresh(log)
    found = lives(log)
    assert [found[hex32(name)]["state"] for name in ("a", "b")] == ["received", "answered"]


def test_lives_follow_when_the_standing_copy_of_an_appeal_names_another_thread(log: StoredLog) -> None:
    log.append(
        received("a", T0, thread=hex32("old")),
        received("b", T0 - HOUR, thread=hex32("old")),
        told("answered", T0 + HOUR, thread="old"),
        partition=1,
        appended=LATER,
    )
    refresh(log)
    assert lives(log)[hex32("a")]["state"] == "answered"
    log.append(received("a", T0, thread=hex32("new")), partition=0, appended=LATER)
    refresh(log)
    # The answer stays in the old thread, where b is now the latest open appeal.
    assert {name: lives(log)[hex32(name)]["state"] for name in "ab"} == {"a": "received", "b": "answered"}


def test_lives_follow_when_the_standing_copy_of_an_answer_names_another_appeal(log: StoredLog) -> None:
    log.append(received("a", T0), received("b", T0), appended=LATER)
    answer = json.loads(told("answered", T0 + HOUR, appeal="a"))
    log.append(json.dumps(answer).encode(), partition=1, appended=LATER)
    refresh(log)
    log.append(json.dumps(answer | {"appeal": hex32("b")}).encode(), partition=0, appended=LATER)
    refresh(log)
    assert {name: lives(log)[hex32(name)]["state"] for name in "ab"} == {"a": "received", "b": "answered"}
    assert log.rows("SELECT tupleElement(match, 'appeal') FROM gospulse_data.matches_g{g} FINAL") == [(hex32("b"),)]


def test_an_answer_leaves_its_thread_when_the_appeal_that_it_names_becomes_known(log: StoredLog) -> None:
    log.append(received("a", T0, thread=hex32("t")), appended=LATER)
    log.append(told("answered", T0 + HOUR, appeal="later", thread="t"), partition=1, appended=LATER)
    refresh(log)
    assert lives(log)[hex32("a")]["state"] == "answered"
    log.append(received("later", T0 - HOUR, thread=hex32("u")), partition=2, appended=LATER)
    refresh(log)
    found = lives(log)
    assert (found[hex32("a")]["state"], found[hex32("later")]["state"]) == ("received", "answered")


def test_a_removal_by_message_finds_its_appeal_whichever_comes_first(log: StoredLog) -> None:
    removal = told("removed", T0 + 2 * HOUR, message=hex32("m1"))
    log.append(removal, partition=3, appended=LATER)
    refresh(log)
    log.append(received("a", T0, message=hex32("m1")), received("a", T0 + HOUR, message=hex32("m2")), appended=LATER)
    refresh(log)
    assert lives(log)[hex32("a")]["state"] == "received"
    log.append(told("withdrawn", T0 + 3 * HOUR, message=hex32("m2")), partition=4, appended=LATER)
    refresh(log)
    assert lives(log)[hex32("a")]["state"] == "withdrawn"
    log.append(told("restored", T0 + 4 * HOUR, message=hex32("m1")), partition=5, appended=LATER)
    refresh(log)
    assert lives(log)[hex32("a")]["state"] == "received"


class Counting:
    """A client that counts the lives which are written."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.lives = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def raw_insert(self, table: str, **options: Any) -> Any:
        if "lives" in table:
            self.lives += options["insert_block"].count(b"\n") + 1
        return self._client.raw_insert(table, **options)


@pytest.mark.long
@pytest.mark.parametrize("one_thread", [False, True])
def test_two_thousand_appeals_under_one_post_cost_two_thousand_writes(log: StoredLog, one_thread: bool) -> None:
    """In four steps, whether each citizen has a thread or an importer gives them all one: formerly 5,000 writes."""
    counting = Counting(log.client)
    log.client.command(f"SYSTEM STOP MERGES gospulse_data.appeal_rows_g{log.generation}")
    refresher = Refresher(counting, log.generation)  # type: ignore[arg-type]
    for step in range(4):
        appeals = range(step * 500, step * 500 + 500)
        threads = ["t" if one_thread else str(number) for number in appeals]
        log.append(
            *(received(str(n), T0 + n, thread=hex32(thread)) for n, thread in zip(appeals, threads, strict=True)),
            appended=LATER,
        )
        refresher.step(hurry=True)
    assert counting.lives == 2_000
    assert log.rows("SELECT count() FROM gospulse_data.lives_g{g} FINAL") == [(2_000,)]
    assert log.rows("SELECT count() FROM gospulse_data.appeal_rows_g{g}") == [(2_000,)]
    # What is told again changes nothing, and nothing is written for it.
    log.append(received("5", T0 + 5, thread=hex32("t" if one_thread else "5")), appended=LATER)
    refresher.step(hurry=True)
    assert counting.lives == 2_000


class StoppedError(Exception):
    """The process of a refresher was stopped in the middle of an insert."""


class Held:
    """A client whose first insert of lives reaches the server late: its refresher is stopped before it hears of it."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self.held: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def raw_insert(self, table: str, **options: Any) -> None:
        if self.held:
            self._client.raw_insert(table, **options)
            return
        self.held.append((table, options))
        raise StoppedError

    def go_on(self) -> None:
        for table, options in self.held:
            self._client.raw_insert(table, **options)


def test_a_late_write_loses_also_where_the_life_came_back_to_what_it_was(log: StoredLog) -> None:
    """Removed and restored: the second refresher finds the life as it was, and must outrank the first all the same."""
    hours = [T0 // 1000, T0 // 1000 + 3600]
    log.append(received("a", T0), appended=LATER)
    LifeWriter(log.client, log.generation).refresh(hours, {})
    before = lives(log)[hex32("a")]
    log.append(told("removed", T0 + HOUR, appeal="a"), appended=LATER)
    held = Held(log.client)
    with pytest.raises(StoppedError):
        LifeWriter(held, log.generation).refresh(hours, {})  # type: ignore[arg-type]
    log.append(told("restored", T0 + HOUR + 1, appeal="a"), appended=LATER)
    LifeWriter(log.client, log.generation).refresh(hours, {})
    held.go_on()
    after = lives(log)[hex32("a")]
    assert after["state"] == "received"
    assert after["version"] > before["version"]


def test_a_failed_write_is_outranked_by_the_next_step_of_the_same_refresher(log: StoredLog) -> None:
    hours = [T0 // 1000]
    log.append(received("a", T0), appended=LATER)
    LifeWriter(log.client, log.generation).refresh(hours, {})
    held = Held(log.client)
    writer = LifeWriter(held, log.generation)  # type: ignore[arg-type]
    log.append(told("removed", T0 + 1, appeal="a"), appended=LATER)
    with pytest.raises(StoppedError):
        writer.refresh(hours, {})
    log.append(told("restored", T0 + 2, appeal="a"), appended=LATER)
    writer.refresh(hours, {})
    # The first insert reaches the server after all.
    held.go_on()
    assert lives(log)[hex32("a")]["state"] == "received"
