"""Appeals as views read them: flat rows, and the facts that are not flat yet; each identity once at any moment."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from clickhouse_connect.driver.client import Client

from deploy.clickhouse.client import clickhouse as open_clickhouse
from streams.refresh.refresher import Refresher
from tests.conftest import ClickHouseServer
from tests.schemas.builders.shown_log import DAY, MINUTE, MOSCOW, YAKUTSK, Shown, moment, received, told
from tests.streams.builders.records import HOUR, T0, hex32
from tests.streams.builders.stalled import Stalled

QUESTION = "SELECT appeal, received_at, place, state FROM gospulse.appeals ORDER BY appeal"
FLAT = "SELECT count() FROM gospulse_data.appeal_rows_g{g} FINAL"


def test_an_appeal_is_there_with_its_first_flush_and_flat_with_the_next_step(log: Shown) -> None:
    log.append(received("a"))
    assert log.rows(QUESTION) == [(hex32("a"), moment(T0), MOSCOW, "received")]
    assert log.rows(FLAT) == [(0,)]
    log.refresh()
    log.append(told("answered", "a", T0 + HOUR), received("b", T0 + MINUTE))
    # One of them is flat, the other is not; what became of the first one follows.
    assert [(row[0], row[3]) for row in log.rows(QUESTION)] == sorted(
        [(hex32("a"), "received"), (hex32("b"), "received")]
    )
    log.refresh()
    assert log.rows(FLAT) == [(2,)]
    assert {row[0]: row[3] for row in log.rows(QUESTION)} == {hex32("a"): "answered", hex32("b"): "received"}


def test_an_appeal_that_changes_its_hour_is_shown_once_at_any_moment(log: Shown) -> None:
    """A copy that stands earlier in the log arrives later, with another hour, day and place."""
    log.append(received("a", T0, place=MOSCOW), received("b", T0), partition=1)
    log.refresh()
    log.append(received("a", T0 - 3 * DAY, place=YAKUTSK), partition=0)
    now = [(hex32("a"), moment(T0 - 3 * DAY), YAKUTSK, "received"), (hex32("b"), moment(T0), MOSCOW, "received")]
    # Not flat yet: the row of the former copy is passed over.
    assert log.rows(QUESTION) == sorted(now)
    log.refresh()
    assert log.rows(QUESTION) == sorted(now)
    assert log.rows(FLAT) == [(2,)]
    days = "SELECT place, day, appeals FROM gospulse.place_day WHERE appeals > 0 ORDER BY place"
    assert [(row[0], row[2]) for row in log.rows(days)] == [(MOSCOW, 1), (YAKUTSK, 1)]
    # A copy that does not stand changes nothing.
    log.append(received("a", T0 + DAY), partition=2)
    assert log.rows(QUESTION) == sorted(now)
    log.refresh()
    assert log.rows(QUESTION) == sorted(now)


def test_a_question_counts_each_appeal_once_while_a_refresher_writes(
    log: Shown, clickhouse_server: ClickHouseServer
) -> None:
    """The engine waits before each snapshot of a table, so that a refresher ends hours within one question."""
    sent = stored = 0
    answers: list[tuple[int, int, int]] = []
    over = threading.Event()

    def ask(client: Client) -> None:
        while not over.is_set():
            least = stored
            ((appeals,),) = client.query(
                "SELECT count() FROM gospulse.appeals", settings={"merge_tree_storage_snapshot_sleep_ms": 40}
            ).result_rows
            answers.append((least, appeals, sent))

    with (
        ThreadPoolExecutor() as threads,
        open_clickhouse(clickhouse_server.connection) as one,
        open_clickhouse(clickhouse_server.connection) as other,
    ):
        readers = [threads.submit(ask, client) for client in (one, other)]
        try:
            while (sent < 150 or len(answers) < 10) and not any(reader.done() for reader in readers):
                sent += 50
                log.append(*[received(f"{sent - number}", T0 - number % 10 * HOUR) for number in range(50)])
                stored = sent
                log.refresh()
        finally:
            over.set()
        for reader in readers:
            reader.result()
    assert [each for each in answers if not each[0] <= each[1] <= each[2]] == []


def test_a_stale_refresher_hides_no_appeal_and_shows_none_twice(log: Shown) -> None:
    """It has read the former copy and writes after another refresher has recorded the move."""
    log.append(received("a", T0), partition=1)
    stalled = Stalled(log.client)
    Refresher(stalled, log.generation).step(hurry=True)  # type: ignore[arg-type]
    assert stalled.held
    log.append(received("a", T0 - 5 * HOUR, place=YAKUTSK), partition=0)
    log.refresh()
    now = [(hex32("a"), moment(T0 - 5 * HOUR), YAKUTSK, "received")]
    assert log.rows(QUESTION) == now
    stalled.go_on()
    assert log.rows(QUESTION) == now
    assert log.rows("SELECT sum(appeals) FROM gospulse.place_day") == [(1,)]
    log.refresh()
    assert log.rows(QUESTION) == now


@pytest.mark.long
def test_flat_rows_equal_facts_however_flushes_and_refreshers_alternate(log: Shown) -> None:
    rng = random.Random(7)
    refreshers = [Refresher(log.client, log.generation) for _ in range(2)]
    for number in range(12):
        appeal = str(rng.randrange(6))
        at = T0 - rng.randrange(40) * HOUR
        record = (
            received(appeal, at, place=rng.choice((MOSCOW, YAKUTSK)))
            if rng.random() < 0.6
            else told(rng.choice(("answered", "withdrawn", "reclassified", "reopened")), appeal, T0 + number)
        )
        log.append(record, partition=rng.randrange(3), appended=T0 + 2 * DAY)
        if rng.random() < 0.7:
            rng.choice(refreshers).step(hurry=True)
        facts = log.rows(
            "SELECT appeal, tupleElement(first, 'at') FROM gospulse_data.appeals_g{g} FINAL ORDER BY appeal"
        )
        assert [row[:2] for row in log.rows(QUESTION)] == facts, number
