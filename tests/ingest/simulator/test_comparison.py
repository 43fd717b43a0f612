"""The truth against the views: equal for what the real folds wrote into the real engine, and red for one wrong row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import polars as pl
import pytest
from clickhouse_connect.driver.client import Client
from msgspec.structs import replace

from deploy.clickhouse.client import clickhouse as open_clickhouse
from ingest.kafka.partitioner import Partitioner
from ingest.simulator.comparison import Query, compare
from ingest.simulator.federation import Federation
from ingest.simulator.spec import DAY_MS, FederationSpec
from ingest.simulator.truth import Truth, truth_of
from schemas.clickhouse.generations import FIRST, record_definition
from schemas.connections import ClickHouseConnection
from streams.definition import current_definition, encode_definition
from streams.fold.batch import Batch
from streams.fold.events import EventFold
from streams.fold.partition_fold import PartitionFold
from streams.fold.readings import ReadingFold
from streams.fold.rows import Rows
from streams.refresh.refresher import Refresher
from streams.worker.inserts import inserts
from streams.worker.sink import DURABLE

SPEC = FederationSpec(
    seed=11,
    #: 2026-11-20T20:30:00Z.
    end_ms=1_795_206_600_000,
    events=15_000,
    pages=100,
    spikes=1,
    duplicates=0.1,
    beyond_window=0.4,
    restamp=0.3,
    redate=0.3,
    late=0.05,
    out_of_order_ms=30_000,
    chunk=128,
    partitions=3,
)
DEFINITION = replace(current_definition(1), chunk=SPEC.chunk, window_chunks=SPEC.window_chunks)


@pytest.fixture
def client(tables: ClickHouseConnection) -> Iterator[Client]:
    with open_clickhouse(tables) as client:
        record_definition(client, FIRST, encode_definition(DEFINITION))
        yield client


def fold(federation: Federation) -> Rows:
    """All records through the folds that workers use, as if each partition had been read from its start."""
    logs: dict[tuple[str, int], list[bytes | None]] = {}
    partitioners = {"events": Partitioner(SPEC.partitions), "readings": Partitioner(2)}
    for topic, key, value in federation.records():
        logs.setdefault((topic, partitioners[topic](key)), []).append(value)
    written = []
    appended = SPEC.end_ms + 3 * DAY_MS
    for (topic, partition), values in logs.items():
        maker: type[PartitionFold] = EventFold if topic == "events" else ReadingFold
        one = maker(1 if topic == "events" else 2, partition, 0, DEFINITION)
        one.fold(Batch(0, values, [appended] * len(values)))
        rows = one.flush()
        assert rows is not None
        written.append(rows)
    return Rows.merge(written)


def write(client: Client, rows: Rows) -> None:
    for table, frame in rows.tables.items():
        for insert in inserts(table, frame, 1):
            client.command(insert.statement, data=insert.body, settings=DURABLE)
    refresher = Refresher(client, 1)
    while refresher.step(hurry=True):
        pass


def ask(client: Client) -> Query:
    """Answers each statement once: nothing changes between the comparisons."""

    @cache
    def query(sql: str) -> Sequence[Sequence[Any]]:
        rows: Sequence[Sequence[Any]] = client.query(sql).result_rows
        return rows

    return query


def test_the_views_show_the_truth_and_one_wrong_row_is_found(client: Client) -> None:
    federation = Federation(SPEC)
    write(client, fold(federation))
    truth = truth_of(federation, complete=True)
    assert truth.summary.repeats.beyond > 50
    query = ask(client)
    assert [str(difference) for difference in compare(truth, query)] == []

    for figure, wrong in wrong_truths(truth):
        found = compare(wrong, query)
        assert [difference.figure for difference in found] == [figure]


def wrong_truths(truth: Truth) -> list[tuple[str, Truth]]:
    """Truths that are wrong in one row each, and the figure that must be named."""
    on_a_page = truth.people.filter(pl.col("page") != "")
    return [
        ("page_hour", replace(truth, cells=bumped(truth.cells, "first", pl.col("kind") == "reaction_added"))),
        ("page_hour", replace(truth, cells=bumped(truth.cells, "first", pl.col("kind") == "appeal_answered"))),
        ("page_hour", replace(truth, cells=bumped(truth.cells, "beyond", pl.col("beyond") == 0, by=-1))),
        ("appeals", replace(truth, appeals=bumped(truth.appeals, "count", pl.lit(True)))),
        ("readings", replace(truth, readings=bumped(truth.readings, "value", pl.col("metric") == "appeals"))),
        ("readings", replace(truth, readings=truth.readings.slice(1))),
        ("people_day", replace(truth, people=bumped(on_a_page, "accounts", pl.lit(True), by=10))),
        ("lives", replace(truth, lives=bumped(truth.lives, "first_answer_at", pl.col("first_answer_at") > 0))),
        ("lives", replace(truth, lives=bumped(truth.lives, "withdrawn_at", pl.col("withdrawn_at") > 0))),
        ("lives", replace(truth, lives=bumped(truth.lives, "rating", pl.col("rating") > 0))),
        ("answers", replace(truth, answers=truth.answers.slice(1))),
        ("answers", replace(truth, answers=unmatched(truth.answers))),
        ("posts", replace(truth, posts=bumped(truth.posts, "removed_at", pl.col("removed_at") > 0))),
        ("identities of appeals", replace(truth, summary=replace(truth.summary, appeals_xor="0" * 16))),
    ]


def unmatched(answers: pl.DataFrame) -> pl.DataFrame:
    """The answers, of which the first that belongs to an appeal belongs to none."""
    hit = answers.filter(pl.col("appeal") != "")["id"][0]
    return answers.with_columns(pl.when(pl.col("id") == hit).then(pl.lit("")).otherwise("appeal").alias("appeal"))


def bumped(frame: pl.DataFrame, column: str, where: pl.Expr, by: int = 1) -> pl.DataFrame:
    """The frame with the first row that matches changed."""
    hit = frame.with_row_index("row").filter(where)["row"][0]
    index = pl.int_range(pl.len())
    return frame.with_columns(pl.when(index == hit).then(pl.col(column) + by).otherwise(pl.col(column)).alias(column))
