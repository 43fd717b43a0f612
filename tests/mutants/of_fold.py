"""Mutants of the fold, of the grid of chunks, and of the reader of fetched records."""

from __future__ import annotations

from typing import Final

from tests.mutants.mutant import Mutant

FOLD: Final = "tests/streams/fold/test_fold.py"
WINDOW: Final = "tests/streams/fold/test_window.py"
CONTRACT: Final = "tests/schemas/contract/test_contract_rejections.py"
READINGS: Final = "tests/streams/fold/test_readings_fold.py"
START: Final = "tests/streams/worker/test_start_rule.py"
TRANSPORT: Final = "tests/streams/worker/test_transport.py"

MUTANTS: Final = (
    Mutant(
        "streams/fold/window.py",
        "fresh[first[~known]] = True",
        "fresh[first] = True",
        "a record that is sent twice is counted twice",
        (WINDOW,),
    ),
    Mutant(
        "streams/fold/window.py",
        "with_new(keys[~in_chunk], lows[~in_chunk])",
        "with_new(keys[~known], lows[~known])",
        "a dropped repeat does not stay known for K more chunks",
        (WINDOW,),
    ),
    Mutant(
        "streams/fold/window.py",
        "deque(maxlen=window_chunks)",
        "deque(maxlen=window_chunks + 1)",
        "the window reaches one chunk too far back: a new start gives other counts",
        (WINDOW,),
    ),
    Mutant(
        "streams/grid.py",
        "return offset - offset % chunk",
        "return offset",
        "a worker starts in the middle of a chunk and writes too small counts",
        (START,),
    ),
    Mutant(
        "streams/grid.py",
        "max(floor, start - window_chunks * chunk)",
        "max(floor, start - chunk)",
        "a worker that starts knows the identities of one chunk only",
        (START,),
    ),
    Mutant(
        "streams/grid.py",
        "| (REST if start % chunk else 0)",
        "| 0",
        "counts behind a gap replace those before it instead of adding to them",
        ("tests/streams/fold/test_fold_properties.py::test_going_on_inside_a_chunk_adds_to_what_was_counted_before",),
    ),
    Mutant(
        "streams/fold/chunk.py",
        "np.where(events.kinds < COUNTED_KINDS, np.uint32(1), events.amounts)",
        "np.ones_like(events.amounts)",
        "a record of fifty reactions counts as one reaction",
        (FOLD,),
    ),
    Mutant(
        "streams/fold/chunk.py",
        "changed.add_earlier(earlier)",
        "pass",
        "a row holds the counts since the last flush instead of those of the chunk",
        (FOLD,),
    ),
    Mutant(
        "streams/fold/chunk.py",
        "active=events.known & _ACTIVE[events.kinds]",
        "active=events.known",
        "an account that only leaves a page counts as active",
        (FOLD,),
    ),
    Mutant(
        "streams/fold/facts.py",
        '"appeals": FactTable(frozenset({"appeal_received"}), "appeal")',
        '"appeals": FactTable(frozenset({"appeal_received"}), "id")',
        "each message of a citizen is an appeal of its own",
        (FOLD,),
    ),
    Mutant(
        "schemas/clickhouse/generation/0001_facts.sql",
        "DEFAULT [tupleElement(first, 'appeal')]",
        "DEFAULT emptyArrayString()",
        "a message does not name its appeal: removing it removes nothing",
        ("tests/streams/refresh/test_identity.py::test_a_removal_by_message_finds_its_appeal_whichever_comes_first",),
    ),
    Mutant(
        "schemas/contract/events.py",
        "if event.amount != 1:",
        "if False:",
        "an appeal with an amount is accepted, and counts once",
        (CONTRACT,),
    ),
    Mutant(
        "streams/fold/judge.py",
        "columns.at <= columns.appended + MAX_AHEAD_MS",
        "columns.at <= columns.appended + 60 * MAX_AHEAD_MS",
        "records of the future are counted",
        (FOLD,),
    ),
    Mutant(
        "streams/fold/judge.py",
        "accepted &= ~absent_mask",
        "accepted &= True",
        "records of an excluded load are counted",
        (FOLD,),
    ),
    Mutant(
        "streams/fold/judge.py",
        "if stamp.from_ms <= at < stamp.to_ms)",
        "if stamp.from_ms <= at)",
        "a stamp moves events to another municipality after its end",
        (FOLD,),
    ),
    Mutant(
        "streams/fold/audience.py",
        "(at + ahead[pair_of]) // DAY_MS",
        "at // DAY_MS",
        "accounts are counted by days of UTC instead of days of their place",
        (FOLD,),
    ),
    Mutant(
        "streams/fold/counters.py",
        '"hour": hour_of(self._cells).astype(np.int64) * HOUR_MS,',
        '"hour": (hour_of(self._cells).astype(np.int64) + 1) * HOUR_MS,',
        "engagement is counted an hour late",
        (FOLD,),
    ),
    Mutant(
        "streams/fold/partition_fold.py",
        "if self._warm_offset < self._start:",
        "if False:",
        "a fold counts repeats because it has not read the window before its start",
        (FOLD,),
    ),
    Mutant(
        "streams/fold/brake.py",
        "len(self._rejected) >= LIMIT",
        "len(self._rejected) > LIMIT",
        "half of all records may be rejected and nobody is told",
        ("tests/streams/fold/test_brake.py",),
    ),
    Mutant(
        "streams/fold/readings.py",
        "known_at >= standing[0]",
        "known_at > standing[0]",
        "of two readings of one moment the earlier record stands",
        (READINGS,),
    ),
    Mutant(
        "streams/fold/readings.py",
        "reading.observed_at if reading.complete_at is None else reading.complete_at",
        "reading.observed_at",
        "a corrected file does not replace the one before it",
        (READINGS,),
    ),
    Mutant(
        "streams/worker/fetched_batch.py",
        "aborted = block.is_transactional and block.producer_id in records._aborted_producers",
        "aborted = False",
        "records of an aborted transaction are counted",
        (TRANSPORT,),
    ),
    Mutant(
        "streams/worker/fetched_batch.py",
        "return bool(block.is_control_batch or aborted)",
        "return bool(aborted)",
        "a marker of a transaction is taken for a record and rejected",
        (TRANSPORT,),
    ),
    Mutant(
        "streams/worker/fetched_batch.py",
        "records._aborted_producers.discard(block.producer_id)",
        "pass",
        "after an aborted transaction all records of its producer are lost",
        (TRANSPORT,),
    ),
    Mutant(
        "streams/worker/fetched_batch.py",
        "if begins > position:",
        "if begins > position and not values:",
        "records that the log lost in the middle of a fetch are passed over in silence",
        (TRANSPORT,),
    ),
)
