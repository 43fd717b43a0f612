"""The golden log: the fold's rows do not change without a new number."""

from __future__ import annotations

from streams.fold.rows import TABLES
from tests.streams.fold.golden.made import ROWS, fold_log

HOW_TO_GO_ON = (
    "The fold gives other rows for the same log than the ones kept in tests/streams/fold/golden/rows.jsonl. Two folds "
    "must never write into one generation. If the change is meant: raise FOLD in streams/definition.py, run "
    "`python -m tests.streams.fold.golden.made rows`, look at the difference, and say in the release notes that "
    "`gospulse rebuild` has to start the next generation. If it is not meant, the fold is broken."
)


def test_the_rows_of_the_golden_log() -> None:
    kept = ROWS.read_text(encoding="utf-8").splitlines()
    now = fold_log()
    assert now == kept, HOW_TO_GO_ON


def test_the_golden_log_holds_every_table_and_a_repeat() -> None:
    tables = {line.split('"')[3] for line in fold_log()[1:]}
    assert tables == set(TABLES)
