"""Where a fold starts, for every state that commits, progress and the log can be in."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from streams.grid import chunk_start
from streams.worker.start_rule import Known, Start, Stop, decide_start, reject_resume

CHUNK, WINDOW = 8, 2
PLAIN = Known(log=1, part=0, committed=None, folded=None, log_start=0, log_end=100)


def decide(**changes: object) -> Start | Stop:
    return decide_start(replace(PLAIN, **changes), chunk=CHUNK, window_chunks=WINDOW)


def started(**changes: object) -> Start:
    answer = decide(**changes)
    assert isinstance(answer, Start), answer
    return answer


def stopped(**changes: object) -> str:
    answer = decide(**changes)
    assert isinstance(answer, Stop), answer
    return answer.reason


def test_a_new_partition_begins_at_the_start_of_the_log() -> None:
    assert started() == Start(read_from=0, fold_from=0, acknowledged=0, floor=0)


def test_it_folds_from_the_chunk_and_reads_the_window_before_it() -> None:
    assert started(committed=45, folded=45) == Start(read_from=24, fold_from=40, acknowledged=45, floor=0)


def test_without_a_commit_progress_stands() -> None:
    assert started(folded=45).fold_from == 40


def test_a_commit_without_progress_is_not_believed() -> None:
    # The topic was made anew under the same name, or the tables were emptied: there is nothing to go on from.
    assert started(committed=45).fold_from == 0


def test_a_commit_beyond_progress_is_not_believed() -> None:
    assert started(committed=60, folded=45).fold_from == 40


def test_a_generation_begins_at_its_cut_and_knows_the_window_before_it() -> None:
    assert started(cut=24, committed=24, log_start=8) == Start(read_from=8, fold_from=24, acknowledged=24, floor=0)
    assert started(cut=24, committed=35, folded=35).fold_from == 32
    assert started(cut=24).fold_from == 24


def test_a_log_whose_start_is_gone_stops_it_and_names_the_way_out() -> None:
    # Only the window is gone: no record is given up.
    assert "--from 45`" in stopped(committed=45, folded=45, log_start=25)
    assert "begins at offset 47" in stopped(committed=45, folded=45, log_start=47)
    assert "--from 47`" in stopped(committed=45, folded=45, log_start=47)
    assert "--from 1`" in stopped(log_start=1)


def test_a_decision_lets_it_go_on_behind_the_gap() -> None:
    assert started(log_start=1, resume_from=8) == Start(read_from=8, fold_from=8, acknowledged=8, floor=8)
    assert started(committed=45, folded=45, log_start=47, resume_from=47).read_from == 47


def test_it_goes_on_inside_a_chunk_and_stays_there_until_its_end() -> None:
    assert started(log_start=3, resume_from=3) == Start(read_from=3, fold_from=3, acknowledged=3, floor=3)
    assert started(folded=7, log_start=3, resume_from=3).fold_from == 3
    # In the chunks behind it the grid holds again, and the window ends at the decision.
    assert started(folded=20, log_start=3, resume_from=3) == Start(read_from=3, fold_from=16, acknowledged=20, floor=3)


def test_a_log_that_ends_below_what_was_acknowledged_stops_it() -> None:
    assert "ends at offset 44" in stopped(committed=45, folded=45, log_end=44)
    assert "--from 45`" in stopped(folded=45, log_end=44)
    # Decided, but the log has not grown to that offset yet.
    assert "`gospulse partitions undo --log 1 --partition 0`" in stopped(folded=45, log_end=44, resume_from=45)
    assert started(folded=45, log_end=48, resume_from=45).fold_from == 45


def test_an_offset_that_would_write_wrong_numbers_is_refused() -> None:
    def rejected(offset: int, **changes: object) -> str:
        return reject_resume(replace(PLAIN, **changes), offset, chunk=CHUNK) or ""

    assert rejected(16) == rejected(17) == ""
    assert rejected(16, log_start=20) == "The log begins at offset 20. The first possible offset is 20."
    assert "where the generation begins" in rejected(16, cut=24)
    assert rejected(112, folded=120).startswith("Offsets below 120 were counted before the broker lost their records")
    assert rejected(20, folded=30) == "Offsets below 30 are counted already. The first possible offset is 30."
    assert rejected(17, resume_from=17) == "It was decided before to go on at 17."
    assert "inside the same chunk" in rejected(22, resume_from=17)
    assert rejected(24, resume_from=17) == rejected(26, resume_from=17) == rejected(22, resume_from=16) == ""
    assert "--from 24`" in stopped(folded=19, resume_from=17, log_start=21)


offsets = st.integers(0, 200)
boundaries = st.integers(0, 25).map(lambda number: number * CHUNK)


@given(st.none() | offsets, st.none() | offsets, offsets, offsets, boundaries, st.none() | offsets)
def test_a_start_never_skips_a_record_and_never_asks_for_one_that_is_gone(
    committed: int | None, folded: int | None, log_start: int, log_end: int, cut: int, resume_from: int | None
) -> None:
    answer = decide(
        committed=committed, folded=folded, log_start=log_start, log_end=log_end, cut=cut, resume_from=resume_from
    )
    if isinstance(answer, Stop):
        assert answer.reason.endswith(".")
        return
    begins = max(cut, resume_from or 0)
    assert log_start <= answer.read_from <= answer.fold_from
    assert answer.fold_from == max(resume_from or 0, chunk_start(answer.fold_from, CHUNK))
    assert answer.acknowledged <= max(folded or 0, begins)
    assert answer.fold_from <= answer.acknowledged < answer.fold_from + CHUNK
    # The window is whole but for what a decision gave up.
    assert answer.read_from == max(resume_from or 0, answer.fold_from - WINDOW * CHUNK)
