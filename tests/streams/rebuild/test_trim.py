"""Trimming: whatever goes, every generation can start again exactly, and a later rebuild finds a cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from schemas.contract.topics import EVENTS, READINGS
from streams.bookkeeping.offsets import PartitionRange
from streams.definition import Definition, current_definition
from streams.positions import Partition, TopicPartition
from streams.rebuild import trim
from streams.worker.start_rule import Known, Start, decide_start

LOGS = {EVENTS: 1, READINGS: 2}


@st.composite
def reaches(draw: st.DrawFn) -> trim.Reach:
    """A generation somewhere in a partition of up to 5,000 records; some have no progress, some no commit."""
    chunk = draw(st.sampled_from([16, 64, 100]))
    definition = replace(
        current_definition(draw(st.integers(1, 9))), chunk=chunk, window_chunks=draw(st.integers(0, 4))
    )
    cut = draw(st.sampled_from([0, chunk, 4 * chunk]))
    definition = replace(definition, cut=((1, 0, cut),) if cut else ())
    folded = draw(st.none() | st.integers(cut, 5000))
    if folded is None:
        return trim.Reach(definition, {}, {})
    committed = draw(st.none() | st.integers(cut, folded))
    return trim.Reach(
        definition, {Partition(1, 0): folded}, {} if committed is None else {TopicPartition(EVENTS, 0): committed}
    )


@given(st.lists(reaches(), min_size=1, max_size=3), st.integers(0, 6000), st.integers(0, 800))
def test_every_generation_can_start_again(generations: list[trim.Reach], wish: int, begin: int) -> None:
    """After the trim no worker finds the start of its chunk or of its window gone, if it did not before."""
    held = PartitionRange(begin, 5000)
    (cut,) = trim.plan({EVENTS: 1}, {TopicPartition(EVENTS, 0): held}, generations, {TopicPartition(EVENTS, 0): wish})
    assert begin <= cut.before <= max(begin, min(wish, 5000))
    for reach in generations:
        assert cut.before == begin or cut.before % reach.definition.chunk == 0
        before, after = _start(reach, begin), _start(reach, cut.before)
        assert after == before


@given(reaches(), st.integers(0, 6000))
def test_a_later_rebuild_finds_a_cut(reach: trim.Reach, wish: int) -> None:
    """Behind the log's new start there is a window of chunks before the first offset that is not acknowledged."""
    definition: Definition = reach.definition
    (cut,) = trim.plan(
        {EVENTS: 1}, {TopicPartition(EVENTS, 0): PartitionRange(0, 5000)}, [reach], {TopicPartition(EVENTS, 0): wish}
    )
    if cut.records:
        possible = cut.before + definition.window_chunks * definition.chunk
        folded = reach.acknowledged.get(Partition(1, 0), definition.cut_of(1, 0))
        assert possible <= min(folded, reach.committed.get(TopicPartition(EVENTS, 0), folded))


def test_without_a_generation_nothing_goes() -> None:
    (cut,) = trim.plan(
        {EVENTS: 1}, {TopicPartition(EVENTS, 0): PartitionRange(0, 500)}, [], {TopicPartition(EVENTS, 0): 500}
    )
    assert cut.records == 0


def test_a_topic_without_a_window_keeps_only_the_margin() -> None:
    definition = replace(current_definition(1), chunk=100, window_chunks=4)
    reach = trim.Reach(definition, {Partition(2, 0): 950}, {TopicPartition(READINGS, 0): 950})
    (cut,) = trim.plan(
        LOGS, {TopicPartition(READINGS, 0): PartitionRange(0, 950)}, [reach], {TopicPartition(READINGS, 0): 950}
    )
    assert cut.before == 800


def _start(reach: trim.Reach, log_start: int) -> bool:
    definition = reach.definition
    known = Known(
        log=1,
        part=0,
        committed=reach.committed.get(TopicPartition(EVENTS, 0)),
        folded=reach.acknowledged.get(Partition(1, 0)),
        log_start=log_start,
        log_end=5000,
        cut=definition.cut_of(1, 0),
    )
    return isinstance(decide_start(known, chunk=definition.chunk, window_chunks=definition.window_chunks), Start)
