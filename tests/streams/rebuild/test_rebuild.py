"""Rebuilds on real parts: the next generation gives the same numbers, also across a cut; what cannot is refused."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from clickhouse_connect.driver.client import Client
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from deploy.cli.rebuild.handover import drain
from deploy.clickhouse.client import clickhouse as open_clickhouse
from schemas.clickhouse.generations import active_generation, generations, record_state
from schemas.clickhouse.sql_files import Rendering
from schemas.connections import ClickHouseConnection, KafkaConnection
from streams.bookkeeping.offsets import KafkaOffsets, PartitionRange
from streams.definition import Definition, Stamp, current_definition, encode_definition
from streams.positions import Partition, TopicPartition
from streams.rebuild import plan
from streams.rebuild.compare import Compared, compare
from streams.rebuild.plan import RebuildRefusedError, Wishes
from streams.rebuild.rebuilder import Pair, Rebuilder
from streams.rebuild.stamp_file import StampFileError, read_stamps
from streams.refresh.refresher import Refresher
from streams.verify.recount.rules import parse_rules
from streams.verify.report import Report
from streams.verify.run import VerifyConfig, verify
from streams.worker.start_rule import Known, Start, decide_start
from tests.streams.builders.folded_log import START_MS, FoldedLog, some_events, some_readings, some_rejections

CHUNK = 64


def _today(number: int) -> Definition:
    """Chunks of 64 records and a window of two: many boundaries in a short log."""
    return replace(current_definition(number), chunk=CHUNK, window_chunks=2)


@pytest.fixture
def client(tables: ClickHouseConnection) -> Iterator[Client]:
    with open_clickhouse(tables) as client:
        yield client


@pytest.fixture
def log(kafka: KafkaConnection, client: Client) -> FoldedLog:
    """Generation 1 of 800 events in two partitions, all folded."""
    log = FoldedLog(kafka, client, 1)
    rng = random.Random(5)
    for part in (0, 1):
        log.send("events", part, some_events(rng, 400))
    log.send("readings", 0, some_readings(rng, 100))
    log.send("rejected", 0, some_rejections(3))
    log.fold()
    record_state(client, 1, "active")
    return log


@pytest.fixture
def rebuilder(log: FoldedLog, kafka: KafkaConnection, client: Client) -> Rebuilder:
    return Rebuilder(client, kafka, Rendering(), lambda _line: None, today=_today)


@pytest.fixture
def verified(log: FoldedLog, tables: ClickHouseConnection, tmp_path: Path) -> Callable[[Definition], Report]:
    def check(definition: Definition) -> Report:
        scratch = tmp_path / f"verify-{len(list(tmp_path.iterdir()))}"
        scratch.mkdir()
        rules = parse_rules(encode_definition(definition))
        config = VerifyConfig(
            kafka=log.kafka, clickhouse=tables, rules=rules, scratch=scratch, processes=1, rollup_patience_s=0
        )
        return verify(config)

    return check


def _compared(client: Client, pair: Pair) -> list[str]:
    found = compare(client, Compared(pair.old, pair.new, pair.gone_logs))
    assert not found.skipped
    assert sum(total.new for total in found.totals) > 0
    return sorted({d.what for d in found.differences})


def test_a_rebuild_gives_the_same_numbers_and_is_shown(
    log: FoldedLog, client: Client, rebuilder: Rebuilder, verified: Callable[[Definition], Report]
) -> None:
    before = _view(client)
    pair = rebuilder.begin(Wishes())
    with pytest.raises(RebuildRefusedError, match="being built already"):
        rebuilder.begin(Wishes())
    log.under(pair.new).fold()
    assert _compared(client, pair) == []
    assert drain(client, 2)
    # Interrupted here, or anywhere: the same steps again lead to the same end.
    resumed = rebuilder.resume()
    assert resumed == pair
    rebuilder.switch(pair)
    assert active_generation(client) == 2
    assert [g.state for g in generations(client)] == ["retired", "active"]
    assert rebuilder.resume() is None
    assert _view(client) == before
    assert verified(pair.new).findings.kept == []
    with pytest.raises(RebuildRefusedError, match="is the one that the views"):
        rebuilder.drop(2)
    assert rebuilder.drop(1) > 10
    assert client.query("SELECT count() FROM system.tables WHERE name LIKE '%\\_g1'").result_rows[0][0] == 0


@pytest.mark.long
def test_a_cut_carries_over_what_the_log_no_longer_holds(
    log: FoldedLog, client: Client, rebuilder: Rebuilder, verified: Callable[[Definition], Report]
) -> None:
    Refresher(client, 1).drain()
    before = _view(client)
    with KafkaOffsets(log.kafka) as offsets:
        offsets.delete_before(
            {TopicPartition("events", 0): 100, TopicPartition("events", 1): 128, TopicPartition("readings", 0): 64}
        )
    with pytest.raises(RebuildRefusedError, match="--from-cut"):
        rebuilder.begin(Wishes())
    pair = rebuilder.begin(Wishes(from_cut=True))
    events, readings = log.logs["events"], log.logs["readings"]
    # A window of two chunks behind the log's start, rounded up to a boundary; readings have no window.
    assert pair.new.cut == ((events, 0, 256), (events, 1, 256), (readings, 0, 64))
    with KafkaOffsets(log.kafka) as offsets:
        committed = offsets.committed(log.kafka.group(2))
    assert committed == {
        TopicPartition("events", 0): 256,
        TopicPartition("events", 1): 256,
        TopicPartition("readings", 0): 64,
    }
    log.under(pair.new).fold()
    assert _compared(client, pair) == []
    assert drain(client, 2)
    rebuilder.switch(pair)
    assert _view(client) == before
    report = verified(pair.new)
    assert report.findings.kept == []
    assert report.findings.gone["appeals"] > 0
    assert report.rollups_behind == []


def test_a_change_that_would_reach_carried_rows_is_refused(
    log: FoldedLog, client: Client, rebuilder: Rebuilder
) -> None:
    with KafkaOffsets(log.kafka) as offsets:
        offsets.delete_before({TopicPartition("events", 0): 128})
    reaching = Stamp("vk:1", START_MS - 3_600_000, START_MS + 3_600_000, "75000000")
    with pytest.raises(RebuildRefusedError, match="stamp of vk:1 reaches rows"):
        rebuilder.begin(Wishes(from_cut=True, stamps=(reaching,)))
    with pytest.raises(RebuildRefusedError, match="cannot be excluded"):
        rebuilder.begin(Wishes(from_cut=True, exclude_loads=("load-0",)))
    with pytest.raises(RebuildRefusedError, match="no row of the generation before names it"):
        rebuilder.begin(Wishes(from_cut=True, exclude_loads=("load-of-nobody",)))
    halved = Rebuilder(client, log.kafka, Rendering(), print, today=lambda n: replace(_today(n), chunk=CHUNK // 2))
    with pytest.raises(RebuildRefusedError, match="needs the whole log"):
        halved.begin(Wishes(from_cut=True))
    # Nothing was left behind by what was refused.
    elsewhere = replace(reaching, page="tg:nobody")
    assert rebuilder.begin(Wishes(from_cut=True, stamps=(elsewhere,))).new.generation == 2


@pytest.mark.long
def test_stamps_and_exclusions_change_what_they_say(
    log: FoldedLog, client: Client, rebuilder: Rebuilder, verified: Callable[[Definition], Report]
) -> None:
    stamp = Stamp("vk:1", START_MS - 86_400_000, START_MS + 86_400_000, "75000000")
    pair = rebuilder.begin(Wishes(stamps=(stamp,), exclude_loads=("load-1",)))
    log.under(pair.new).fold()
    differing = set(_compared(client, pair))
    assert {"appeals", "comment_added", "readings (sum of values)"} <= differing
    assert "rejected" not in differing
    assert all(plan.may_differ(what, pair.new, pair.old) for what in differing)
    assert verified(pair.new).findings.kept == []
    assert drain(client, 2)
    rebuilder.switch(pair)
    places = client.query("SELECT DISTINCT place FROM gospulse.appeals WHERE page = 'vk:1'").result_rows
    assert [tuple(row) for row in places] == [("75000000",)]
    # What was decided stays: the next generation inherits it, unless it is taken back.
    again = rebuilder.begin(Wishes(include_loads=("load-1",)))
    assert (again.new.stamps, again.new.excluded_loads) == ((stamp,), ())


def test_a_comparison_tells_what_is_missing(log: FoldedLog, client: Client, rebuilder: Rebuilder) -> None:
    pair = rebuilder.begin(Wishes())
    log.under(pair.new).fold()
    client.command(
        "ALTER TABLE gospulse_data.page_hour_g2 DELETE WHERE chunk = 1 AND part = 0", settings={"mutations_sync": 2}
    )
    client.command(
        "ALTER TABLE gospulse_data.answers_g2 DELETE WHERE id = (SELECT min(id) FROM gospulse_data.answers_g2)",
        settings={"mutations_sync": 2},
    )
    differing = _compared(client, pair)
    assert "answers" in differing
    assert not any(plan.may_differ(what, pair.new, pair.old) for what in differing)


def _view(client: Client) -> list[tuple[object, ...]]:
    rows = client.query(
        "SELECT appeal, received_at, page, place, entrance, state FROM gospulse.appeals ORDER BY appeal"
    ).result_rows
    return [tuple(row) for row in rows]


@given(
    begin=st.integers(0, 5000),
    length=st.integers(0, 5000),
    acknowledged=st.integers(0, 10_000),
    window=st.integers(0, 4),
    chunks=st.sampled_from([(16, 16), (64, 64), (16, 64)]),
)
def test_a_cut_lies_a_window_behind_the_start_and_is_sealed(
    begin: int, length: int, acknowledged: int, window: int, chunks: tuple[int, int]
) -> None:
    before = replace(current_definition(1), chunk=chunks[0], window_chunks=window)
    new = replace(before, generation=2, chunk=chunks[1])
    ranges = {TopicPartition("events", 0): PartitionRange(begin, begin + length)}
    try:
        cut = plan.begin(
            new, before, {"events": 1}, ranges, {Partition(1, 0): acknowledged}, Wishes(from_cut=True)
        ).cut_of(1, 0)
    except RebuildRefusedError:
        assert begin > 0
        return
    assert cut % chunks[0] == cut % chunks[1] == 0
    assert cut == 0 or begin + window * new.chunk <= cut <= acknowledged
    assert (cut == 0) == (begin == 0)


def test_a_stamp_file_is_read_strictly(tmp_path: Path) -> None:
    path = tmp_path / "stamps.csv"
    path.write_text("page,from,to,place\nvk:1,2026-03-01T00:00:00+03:00,2026-04-01T00:00:00Z,75701000\n")
    (stamp,) = read_stamps(path)
    assert stamp == Stamp("vk:1", 1_772_312_400_000, 1_775_001_600_000, "75701000")
    for content, sentence in [
        ("page,place\n", "first line"),
        ("page,from,to,place\nvk:1,yesterday,2026-04-01T00:00:00Z,75701000\n", "line 2: `from`"),
        ("page,from,to,place\nvk:1,2026-03-01T00:00:00,2026-04-01T00:00:00Z,75701000\n", "with its offset"),
        ("page,from,to,place\nvk:1\n", "columns are expected"),
        ("page,from,to,place\n\xff", "place"),
    ]:
        path.write_text(content, encoding="latin-1")
        with pytest.raises(StampFileError, match=sentence if "\xff" not in content else "UTF-8"):
            read_stamps(path)
    with pytest.raises(StampFileError, match="cannot be read"):
        read_stamps(tmp_path / "absent.csv")


def test_the_first_worker_begins_at_the_cut_with_the_window_before_it() -> None:
    known = Known(log=1, part=0, committed=256, folded=None, log_start=128, log_end=400, cut=256)
    assert decide_start(known, chunk=64, window_chunks=2) == Start(
        read_from=128, fold_from=256, acknowledged=256, floor=0
    )
