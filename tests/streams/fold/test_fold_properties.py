"""What must hold whatever happens: any schedule of workers and inserts ends in the plain count of the log."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from streams.definition import Definition, Stamp
from streams.fold.batch import Batch
from streams.fold.events import EventFold
from streams.fold.rows import Rows
from streams.grid import chunk_start
from tests.streams.builders.plain_count import VOID, PlainCount, differences
from tests.streams.builders.records import APPENDED, HOUR, T0, definition, event, hex32
from tests.streams.builders.tables import Tables

RULES = definition(
    chunk=5,
    window_chunks=2,
    stamps=(Stamp("vk:2", T0, T0 + HOUR, "98701000"),),
    excluded_loads=("bad",),
    mended=((1, 0, 7), (1, 1, 8)),
)

KINDS = ["reaction_added", "reaction_removed", "comment_added", "appeal_received", "appeal_answered", "appeal_closed"]
# Moscow's midnight, Los Angeles' change of clocks (2026-03-08T10:00Z), the first second, ten minutes ahead and more.
TIMES = [
    T0,
    T0 + HOUR,
    T0 + 13 * HOUR,
    1_772_964_000_000 - 1,
    1_772_964_000_000,
    0,
    APPENDED + 600_000,
    APPENDED + 600_001,
]

good_records = st.builds(
    event,
    st.integers(0, 8),
    st.sampled_from(KINDS),
    at=st.sampled_from(TIMES),
    page=st.sampled_from(["vk:1", "vk:2", None]),
    place=st.sampled_from(["45382000", "98701000", "la:cd-4"]),
    author=st.sampled_from([None, hex32("a"), hex32("b")]),
    amount=st.sampled_from([1, 3, 1_000_000]),
    load=st.sampled_from([None, None, "good", "bad"]),
    source=st.sampled_from(["one", "two"]),
    appeal=st.sampled_from([hex32("appeal 1"), hex32("appeal 2")]),
    unheard_of=st.sampled_from([0, [[]]]),
)
records = st.one_of(good_records, good_records, good_records, st.none(), st.binary(max_size=12), st.just(VOID))
steps = st.lists(
    st.tuples(
        st.sampled_from(["fold", "fold", "fold", "flush", "flush", "crash", "crash in insert", "again", "commit lost"]),
        st.integers(0, 2),
        st.integers(0, 9),
        st.integers(0, 3),
    ),
    min_size=12,
    max_size=40,
)


class Cluster:
    """A partition, three workers that each believe they own it, and the tables. No worker knows of the others."""

    def __init__(self, values: list[bytes | None], rules: Definition) -> None:
        self.values = values
        self.rules = rules
        self.tables = Tables()
        self.committed = 0
        self.flushed: list[Rows] = []
        self.workers = [self.assigned(3) for _ in range(3)]

    def batch(self, begin: int, end: int) -> Batch:
        values = self.values[begin:end]
        voids = frozenset(begin + at for at, value in enumerate(values) if value is VOID)
        present = [None if value is VOID else value for value in values]
        return Batch(begin, present, [APPENDED] * len(values), voids)

    def assigned(self, size: int) -> EventFold:
        """A new fold at the start of the chunk that holds the commit, its window read in batches of ``size``."""
        fold = EventFold(1, 0, chunk_start(self.committed, self.rules.chunk), self.rules)
        while fold.warm_offset < fold.next_offset:
            fold.warm(self.batch(fold.warm_offset, fold.warm_offset + size))
        return fold

    def step(self, action: str, who: int, many: int, back: int) -> None:
        fold = self.workers[who]
        if action == "fold":
            # After a rebalance Faust reads again what a worker kept: the batch may begin before what is expected.
            fold.fold(self.batch(max(0, fold.next_offset - back), fold.next_offset + many))
        elif action == "flush":
            self.flush(fold)
        elif action == "crash in insert":
            rows = fold.flush()
            if rows is not None:
                self.tables.insert(rows, only=set(sorted(rows.tables)[:back]))
            self.workers[who] = self.assigned(many + 1)
        elif action == "crash":
            self.workers[who] = self.assigned(many + 1)
        elif action == "again" and self.flushed:
            self.tables.insert(self.flushed[many % len(self.flushed)])
        elif action == "commit lost" and fold.next_offset:
            self.committed = min(self.committed, many)

    def flush(self, fold: EventFold) -> None:
        rows = fold.flush()
        if rows is not None:
            self.tables.insert(rows)
            self.flushed.append(rows)
            self.committed = rows.spans[0].next_offset

    def run(self, schedule: list[tuple[str, int, int, int]]) -> None:
        for action in schedule:
            self.step(*action)
        last = self.assigned(4)
        last.fold(self.batch(last.next_offset, len(self.values)))
        self.flush(last)

    def differences(self) -> list[str]:
        plain = PlainCount(self.values, [APPENDED] * len(self.values), self.rules)
        return differences(self.tables, plain, self.rules)


@settings(deadline=None, max_examples=int(os.environ.get("FOLD_EXAMPLES", "120")))
@given(st.one_of(st.lists(records, max_size=12), st.lists(records, min_size=25, max_size=45)), steps)
@example([event(n, amount=n + 1) for n in range(45)], [("fold", 0, 3, 0), ("flush", 0, 0, 0)] * 15)
@example(
    [event(0), VOID, event(1), event(0), VOID, VOID, event(2)] + [VOID] * 8 + [event(2), event(3), event(2)] * 7, []
)
def test_any_schedule_ends_in_the_plain_count(
    values: list[bytes | None], schedule: list[tuple[str, int, int, int]]
) -> None:
    cluster = Cluster(values, RULES)
    cluster.run(schedule)
    assert cluster.differences() == []


@settings(deadline=None, max_examples=60)
@given(st.lists(good_records, min_size=1, max_size=20), st.data())
def test_arbitrary_bytes_never_change_the_fate_of_their_neighbours(values: list[bytes], data: Any) -> None:
    """With the offsets kept, replacing a rejected record by any other rejected one changes that record's row only."""
    rules = definition(chunk=8, window_chunks=1)
    garbage = st.one_of(st.binary(max_size=200), st.none(), _spoiled(values[0]))
    places = data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values)))
    spoiled = [data.draw(garbage) if bad else value for value, bad in zip(values, places, strict=True)]
    empty = [None if bad else value for value, bad in zip(values, places, strict=True)]
    one, other = Cluster(spoiled, rules), Cluster(empty, rules)
    one.run([])
    other.run([])
    assert one.differences() == []
    bad_offsets = {(1, 0, offset) for offset, bad in enumerate(places) if bad}
    if bad_offsets <= set(one.tables.rejected):
        assert (one.tables.cells, one.tables.facts, one.tables.people) == (
            other.tables.cells,
            other.tables.facts,
            other.tables.people,
        )


def _spoiled(value: bytes) -> st.SearchStrategy[bytes]:
    """A valid record with one byte replaced, or cut off."""
    position = st.integers(0, len(value) - 1)
    return st.one_of(
        st.builds(lambda at, byte: value[:at] + bytes([byte]) + value[at + 1 :], position, st.integers(0, 255)),
        position.map(lambda end: value[:end]),
    )


LOG: list[bytes | None] = [event(n, page=f"vk:{n % 2 + 1}", kind="comment_added") for n in range(23)]


def _crashed_after(committed: int) -> Cluster:
    """A worker folded and flushed ``committed`` records, then died."""
    cluster = Cluster(LOG, definition(chunk=5, window_chunks=2))
    cluster.workers[0].fold(cluster.batch(0, committed))
    cluster.flush(cluster.workers[0])
    return cluster


@given(st.integers(0, 20), st.integers(0, 22), st.integers(0, 8))
def test_going_on_inside_a_chunk_adds_to_what_was_counted_before(before: int, gap: int, later: int) -> None:
    """A worker wrote ``before`` records; some were lost; another goes on behind them, dies, and goes on once more."""
    resumed = min(len(LOG), before + gap)
    cluster = _crashed_after(before)
    for end in (min(len(LOG), resumed + later), len(LOG)):
        begin = max(resumed, chunk_start(cluster.committed, cluster.rules.chunk))
        fold = EventFold(1, 0, begin, cluster.rules, floor=resumed)
        while fold.warm_offset < fold.next_offset:
            fold.warm(cluster.batch(fold.warm_offset, fold.next_offset))
        fold.fold(cluster.batch(begin, end))
        cluster.flush(fold)
    cluster.values = [VOID if before <= offset < resumed else value for offset, value in enumerate(LOG)]
    assert cluster.differences() == []


def test_control_a_sound_run_shows_no_difference() -> None:
    cluster = _crashed_after(12)
    cluster.run([])
    assert cluster.differences() == []


def test_control_without_the_rewind_to_the_chunk_counts_are_missing() -> None:
    cluster = _crashed_after(12)
    fold = cluster.assigned(4)
    fold.next_offset = cluster.committed
    fold.fold(cluster.batch(cluster.committed, len(LOG)))
    cluster.flush(fold)
    assert any(difference.startswith("totals") for difference in cluster.differences())


@pytest.mark.parametrize("lost", range(5))
def test_control_a_dropped_chunk_shows(lost: int) -> None:
    cluster = _crashed_after(12)
    cluster.run([])
    for cell in [cell for cell in cluster.tables.cells if cell[-1] == lost]:
        del cluster.tables.cells[cell]
    assert any(difference.startswith("totals") for difference in cluster.differences())


@pytest.mark.parametrize("doubled", range(5))
def test_control_a_doubled_chunk_shows(doubled: int) -> None:
    cluster = _crashed_after(12)
    cluster.run([])
    for cell in [cell for cell in cluster.tables.cells if cell[-1] == doubled]:
        cluster.tables.cells[(*cell[:-1], cell[-1] + 100)] = cluster.tables.cells[cell]
    assert any(difference.startswith("totals") for difference in cluster.differences())
