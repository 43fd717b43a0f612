"""The truth is true: equal to a plain recount of the records, written and read back, also of a run that was stopped."""

from __future__ import annotations

import json
from functools import reduce
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import asdict, replace

from ingest.simulator.federation import Federation
from ingest.simulator.spec import DAY_MS, HOUR_MS, FederationSpec
from ingest.simulator.truth import Truth, TruthError, load_truth, truth_of, write_truth
from schemas.contract.events import ANSWER_KINDS, APPEAL_KINDS, KINDS
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
    redate=0.4,
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
    assert {row[:3]: row[3:] for row in truth.people.iter_rows()} == plain.people
    assert {row[:4]: row[4:6] for row in truth.readings.iter_rows()} == plain.readings
    assert truth.summary.appeals == len(plain.appeal_ids)
    xor = reduce(lambda found, appeal: found ^ int(appeal[:16], 16), plain.appeal_ids, 0)
    assert truth.summary.appeals_xor == f"{xor:016x}"
    assert_lives_true(truth, plain)


def assert_lives_true(truth: Truth, plain: PlainTruth) -> None:
    replayed = plain.replayed()
    found = {row["appeal"]: row for row in truth.lives.iter_rows(named=True)}
    assert found.keys() == plain.received.keys() == replayed.lives.keys()
    for appeal, life in replayed.lives.items():
        said, row = plain.received[appeal], found[appeal]
        expected = asdict(life)
        for name in ("topic", "nature", "rating"):
            expected[name] = expected[name] or said.get(name)
        assert {name: row[name] for name in expected} == expected, appeal
    answers = {name: said for name, said in plain.told.items() if said["kind"] in ANSWER_KINDS}
    matched = {name: replayed.matches.get(name) or "" for name in answers}
    assert dict(truth.answers.iter_rows()) == matched
    assert truth.summary.answers_unmatched == sum(appeal == "" for appeal in matched.values())
    assert truth.summary.appeals_replied == sum(life.first_answer_at is not None for life in replayed.lives.values())
    posts: dict[str, dict[str, Any]] = {post: {} for _, post in plain.posts}
    for kind in ("post_removed", "post_published"):
        for (kind_of_post, post), said in plain.posts.items():
            if kind_of_post == kind:
                posts[post] |= {"page": said["page"], "place": said["place"], "format": said.get("format", "")}
                posts[post][kind.removeprefix("post_") + "_at"] = said["at"]
    assert {row.pop("post"): {k: v for k, v in row.items() if v is not None} for row in truth.posts.to_dicts()} == posts


def test_the_truth_equals_a_plain_recount_under_every_fault() -> None:
    federation = Federation(FAULTY)
    records = list(federation.records())
    truth = truth_of(federation, complete=True)
    assert_true(truth, PlainTruth(FAULTY, records))
    assert truth.summary.repeats.within > 100
    assert truth.summary.repeats.beyond > 100


def test_citizens_do_what_the_truth_has_to_understand() -> None:
    """A truth of tame conversations would prove little: each behaviour happens, many times."""
    spec = replace(FAULTY, events=40_000, appeal_share=0.2, readings=False)
    federation = Federation(spec)
    events = [json.loads(value) for _, _, value in federation.records()]
    truth = truth_of(federation, complete=True)
    received = [event for event in events if event["kind"] == "appeal_received"]
    threads_of_post: dict[str, set[str]] = {}
    appeals_of_thread: dict[str, set[str]] = {}
    messages_of_appeal: dict[str, set[str]] = {}
    times_of_fact: dict[str, set[int]] = {}
    for event in received:
        threads_of_post.setdefault(event.get("object", ""), set()).add(event["thread"])
        appeals_of_thread.setdefault(event["thread"], set()).add(event["appeal"])
        messages_of_appeal.setdefault(event["appeal"], set()).add(event.get("message", ""))
    for event in events:
        if event["kind"] in APPEAL_KINDS and event["kind"] != "appeal_received":
            times_of_fact.setdefault(event["id"], set()).add(event["at"])
    del threads_of_post[""]
    behaviours = {
        "citizens under one post": sum(len(threads) > 1 for threads in threads_of_post.values()),
        "appeals in one thread": sum(len(appeals) > 1 for appeals in appeals_of_thread.values()),
        "messages of one appeal": sum(len(messages) > 1 for messages in messages_of_appeal.values()),
        "corrected times": sum(len(times) > 1 for times in times_of_fact.values()),
        "removals by message": sum(e["kind"] == "appeal_removed" and "message" in e for e in events),
        "restorations by message": sum(e["kind"] == "appeal_restored" and "message" in e for e in events),
        "answers by message": sum(e["kind"] in ANSWER_KINDS and "reply_to" in e for e in events),
        "answers by thread": sum(e["kind"] in ANSWER_KINDS and not e.keys() & {"appeal", "reply_to"} for e in events),
        "unmatched answers": truth.summary.answers_unmatched,
        "ratings": sum(e["kind"] == "appeal_rated" for e in events),
        "natures": truth.lives["nature"].is_not_null().sum(),
        "withdrawn appeals": (truth.lives["state"] == "withdrawn").sum(),
        "removed appeals": (truth.lives["state"] == "removed").sum(),
        "removed posts": truth.posts["removed_at"].is_not_null().sum(),
    }
    assert {name: count for name, count in behaviours.items() if count < 10} == {}


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
        redate=st.sampled_from([0.0, 0.5, 1.0]),
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
    for name in ("appeals", "cells", "people", "readings", "lives", "answers", "posts"):
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
