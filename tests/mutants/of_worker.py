"""Mutants of the start rule, of the flush and of what a worker owns; of rebuilds, trims and the status."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant

START: Final = "tests/streams/worker/test_start_rule.py"
FLUSH: Final = "tests/streams/worker/test_flush.py"
OWNERSHIP: Final = "tests/streams/worker/test_ownership.py"
REBUILD: Final = "tests/streams/rebuild/test_rebuild.py"
TRIM: Final = "tests/streams/rebuild/test_trim.py"
STATE: Final = "tests/streams/bookkeeping/test_partition_state.py"

MUTANTS: Final = (
    Mutant(
        "streams/worker/start_rule.py",
        "min(known.committed, known.folded)",
        "max(known.committed, known.folded)",
        "a commit beyond the written rows is believed: records are lost",
        (START,),
    ),
    Mutant(
        "streams/worker/start_rule.py",
        "acknowledged = begin",
        "acknowledged = max(begin, known.committed or 0)",
        "the commit of another log, or of emptied tables, is believed: records are lost",
        (START,),
    ),
    Mutant(
        "streams/worker/start_rule.py",
        "if known.log_end < known.folded and floor < known.folded:",
        "if False:",
        "a log that lost acknowledged records is folded as if nothing had happened",
        (START,),
    ),
    Mutant(
        "streams/worker/start_rule.py",
        "if known.log_start > read_from:",
        "if known.log_start > fold_from:",
        "a fold starts although the log no longer holds its window: repeats are counted",
        (START,),
    ),
    Mutant(
        "streams/worker/flush.py",
        "merged = Rows.merge([one.rows for one in taken])",
        "merged = Rows.merge([(one.rows, self._acknowledge(one))[0] for one in taken])",
        "offsets may be committed before their rows are acknowledged",
        (FLUSH,),
    ),
    Mutant(
        "streams/worker/flush.py",
        "written = await self._write(merged, CELLS)",
        "written = await self._write_progress(taken, ends, ids) + await self._write(merged, CELLS)",
        "progress names rows that are not in the tables yet",
        (FLUSH,),
    ),
    Mutant(
        "streams/worker/flush.py",
        'self._ownership.discard([one.partition for one in taken], "its rows were not acknowledged")',
        "pass",
        "rows of a failed flush are never written",
        (FLUSH,),
    ),
    Mutant(
        "streams/worker/flush.py",
        "if one.topic_id == ids.get(one.partition.topic)]",
        "]",
        "rows of a topic that was created again are written under its former log",
        (FLUSH,),
    ),
    Mutant(
        "streams/worker/flush.py",
        "if partition.fold is one.fold:",
        "if True:",
        "rows of a former fold acknowledge records that the present fold has not written",
        (FLUSH,),
    ),
    Mutant(
        "streams/worker/flush.py",
        "if end is not None and folded >= end.end and",
        "if end is not None and",
        "figures are called complete while records wait",
        (FLUSH,),
    ),
    Mutant(
        "streams/worker/ownership.py",
        "tp: partition.acknowledged",
        "tp: partition.delivered",
        "offsets are committed whose rows are still in memory",
        (OWNERSHIP,),
    ),
    Mutant(
        "streams/worker/ownership.py",
        "if partition.delivered < batch.first_offset <= partition.accept_gaps_until:",
        "if partition.delivered < batch.first_offset:",
        "missing records are passed over without a decision of the operator",
        (OWNERSHIP,),
    ),
    Mutant(
        "streams/worker/owned_partition.py",
        "if fold is None or epoch != self.epoch:",
        "if fold is None:",
        "a batch of a former read reaches the fold",
        (OWNERSHIP,),
    ),
    Mutant(
        "streams/rebuild/plan.py",
        "-(-(held.begin + window) // step) * step",
        "-(-held.begin // step) * step",
        "a generation begins without the window before its cut: repeats are counted",
        (f"{REBUILD}::test_a_cut_lies_a_window_behind_the_start_and_is_sealed",),
    ),
    Mutant(
        "streams/rebuild/plan.py",
        "if cut > sealed:",
        "if False:",
        "a cut lies beyond what is acknowledged: records between are counted nowhere",
        (f"{REBUILD}::test_a_cut_lies_a_window_behind_the_start_and_is_sealed",),
    ),
    Mutant(
        "streams/rebuild/carry.py",
        "{CHUNK_OF_ROW} < {cut // chunk})",
        "{CHUNK_OF_ROW} < {cut // chunk - 1})",
        "a rebuild loses the last chunk before the cut",
        (f"{REBUILD}::test_a_cut_carries_over_what_the_log_no_longer_holds",),
    ),
    Mutant(
        "streams/rebuild/trim.py",
        "behind = (window + MARGIN_CHUNKS) * definition.chunk",
        "behind = MARGIN_CHUNKS * definition.chunk",
        "a trim deletes records that a worker needs to start again",
        (TRIM,),
    ),
    Mutant(
        "streams/rebuild/trim.py",
        "chunk_start(min(folded, committed), definition.chunk)",
        "chunk_start(max(folded, committed), definition.chunk)",
        "a trim deletes records that are not written yet",
        (TRIM,),
    ),
    Mutant(
        "streams/bookkeeping/partition_state.py",
        "(state.heartbeat_age_s or 0.0) > SILENCE_S",
        "(state.heartbeat_age_s or 0.0) > 3600 * SILENCE_S",
        "the status is good although no worker has lived for a day",
        (f"{STATE}::test_silence_and_a_stop_are_problems_and_a_live_worker_is_none",),
    ),
    Mutant(
        "streams/bookkeeping/partition_state.py",
        "if state.stopped is not None:",
        "if False:",
        "the status is good although a partition is stopped",
        (f"{STATE}::test_silence_and_a_stop_are_problems_and_a_live_worker_is_none",),
    ),
)
