"""The truth is true: equal to a plain recount of the records, written and read back, also of a run that was stopped."""

from __future__ import annotations

from functools import reduce
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.simulator.federation import Federation
from ingest.simulator.spec import DAY_MS, HOUR_MS, FederationSpec
from ingest.simulator.truth import Truth, TruthError, load_truth, truth_of, write_truth
from schemas.contract.events import KINDS
from tests.ingest.simulator.builders.plain_truth import PlainTruth

#: 2026-11-20T20:30:00Z, in the middle of an hour and shortly before midnight in Moscow.
END_MS = 1_795_206_600_000
FAULTY = FederationSpec(
    seed=7,
    end_ms=END_MS,
    events=12_000,
    pages=100,
    spikes=2,
    duplicates=0.2,
    beyond_window=0.3,
    restamp=0.4,
    late=0.1,
    out_of_order_ms=60_000,
    chunk=64,
)


def assert_true(truth: Truth, plain: PlainTruth) -> None:
    assert truth.summary.facts_by_kind == {kind: plain.facts[kind] for kind in KINDS}
    repeats = truth.summary.repeats
    assert (repeats.within, repeats.between, repeats.beyond) == tuple(
        plain.repeats[status] for status in ("within", "between", "beyond")
    )
    assert {row[:4]: list(row[4:]) for row in truth.cells.iter_rows()} == plain.cells
    assert {row[:4]: row[4] for row in truth.appeals.iter_rows()} == plain.appeals
    assert {row[:3]: row[3] for row in truth.people.iter_rows()} == plain.people
    assert {row[:4]: row[4:6] for row in truth.readings.iter_rows()} == plain.readings
    assert truth.summary.appeals == len(plain.appeal_ids)
    xor = reduce(lambda found, appeal: found ^ int(appeal[:16], 16), plain.appeal_ids, 0)
    assert truth.summary.appeals_xor == f"{xor:016x}"
    assert truth.summary.appeals_replied == plain.replied


def test_the_truth_equals_a_plain_recount_under_every_fault() -> None:
    federation = Federation(FAULTY)
    records = list(federation.records())
    truth = truth_of(federation, complete=True)
    assert_true(truth, PlainTruth(FAULTY, records))
    assert truth.summary.repeats.within > 100
    assert truth.summary.repeats.beyond > 100


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    spec=st.builds(
        FederationSpec,
        seed=st.integers(0, 2**63 - 1),
        end_ms=st.integers(END_MS - 400 * DAY_MS, END_MS),
        span_ms=st.sampled_from([60_000, HOUR_MS, 30 * HOUR_MS, 40 * DAY_MS]),
        events=st.integers(1, 600),
        regions=st.integers(1, 4),
        municipalities=st.integers(4, 9),
        pages=st.integers(9, 30),
        appeal_share=st.sampled_from([0.0, 0.05, 0.5, 1.0]),
        readings=st.booleans(),
        spikes=st.integers(0, 2),
        duplicates=st.sampled_from([0.0, 0.1, 0.5]),
        beyond_window=st.sampled_from([0.0, 0.5, 1.0]),
        restamp=st.sampled_from([0.0, 0.5, 1.0]),
        late=st.sampled_from([0.0, 0.3, 1.0]),
        out_of_order_ms=st.sampled_from([0, 1000, HOUR_MS]),
        chunk=st.sampled_from([1, 3, 32]),
        window_chunks=st.integers(1, 4),
        partitions=st.integers(1, 8),
    )
)
def test_the_truth_of_any_small_federation_equals_a_plain_recount(spec: FederationSpec) -> None:
    federation = Federation(spec)
    records = list(federation.records())
    assert sum(topic == "events" for topic, _, _ in records) == spec.events
    assert_true(truth_of(federation, complete=True), PlainTruth(spec, records))


@pytest.mark.parametrize("taken", [0, 1, 5_000])
def test_the_truth_of_a_stopped_run_is_that_of_what_was_taken(taken: int) -> None:
    federation = Federation(FAULTY)
    source = federation.records()
    records = [next(source) for _ in range(taken)]
    source.close()
    truth = truth_of(federation, complete=False)
    assert_true(truth, PlainTruth(FAULTY, records))
    assert not truth.summary.complete


def test_the_truth_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    federation = Federation(FAULTY)
    for _ in federation.records():
        pass
    written = write_truth(federation, tmp_path / "truth")
    read = load_truth(tmp_path / "truth")
    assert read.summary == written.summary
    for name in ("appeals", "cells", "people", "readings"):
        assert getattr(read, name).equals(getattr(written, name))
    assert len((tmp_path / "truth" / "pages.ndjson").read_text().splitlines()) == FAULTY.pages


def test_a_directory_without_truth_is_named(tmp_path: Path) -> None:
    with pytest.raises(TruthError, match="holds no truth"):
        load_truth(tmp_path)
    (tmp_path / "summary.json").write_text("{}")
    with pytest.raises(TruthError, match=r"summary\.json"):
        load_truth(tmp_path)


def test_a_truth_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TruthError, match="cannot be written"):
        write_truth(Federation(FAULTY), tmp_path / "file" / "truth")
