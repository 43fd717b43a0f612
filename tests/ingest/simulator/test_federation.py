"""The federation: the same for a seed, valid by the contract, alive by its own clocks, and marked as invented."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from ingest.simulator.federation import Federation
from ingest.simulator.identities import EVENT, Identities
from ingest.simulator.pages import pages_of
from ingest.simulator.spec import DAY_MS, HOUR_MS, FederationSpec, SpecError, bench
from schemas.contract.events import ANSWER_KINDS, KINDS, Event, EventValidator
from schemas.contract.readings import Reading, ReadingValidator
from schemas.reference.places import load_zone, region_of, zone_of
from schemas.reference.reference_data import institution_kinds, topics

#: 2026-11-21T00:00:00Z.
END_MS = 1_795_219_200_000
SMALL = FederationSpec(seed=42, end_ms=END_MS, events=6_000, regions=5, municipalities=20, pages=100)


def events_of(spec: FederationSpec) -> list[dict[str, Any]]:
    return [json.loads(value) for topic, _, value in Federation(spec).records() if topic == "events"]


def test_a_seed_gives_the_same_records_and_another_seed_others() -> None:
    assert list(Federation(SMALL).records()) == list(Federation(SMALL).records())
    ours = {event["id"] for event in events_of(SMALL)}
    assert not ours & {event["id"] for event in events_of(replace(SMALL, seed=43))}


def test_two_runs_of_a_seed_share_pages_and_people_but_no_fact() -> None:
    """Sent into one system, the second week must not repeat the first."""
    first, second = events_of(SMALL), events_of(replace(SMALL, end_ms=END_MS + 7 * DAY_MS))
    assert not {event["id"] for event in first} & {event["id"] for event in second}
    assert not {event.get("appeal", "-") for event in first} & {event.get("appeal", "") for event in second}
    assert {event.get("page") for event in first} & {event.get("page") for event in second}
    assert {event.get("author") for event in first} & {event.get("author") for event in second}


@pytest.mark.parametrize(
    "spec",
    [
        SMALL,
        replace(SMALL, spikes=1, duplicates=0.1, restamp=0.5, late=0.1, out_of_order_ms=5000),
        bench(1, END_MS, events=20_000),
    ],
)
def test_every_record_is_valid_and_known_in_full(spec: FederationSpec) -> None:
    events, readings = EventValidator(), ReadingValidator()
    for topic, _key, value in Federation(spec).records():
        verdict = events(value) if topic == "events" else readings(value)
        assert isinstance(verdict, Event | Reading), verdict
        if isinstance(verdict, Event):
            assert spec.start_ms <= verdict.at < spec.end_ms
    assert events.unknown_fields == readings.unknown_fields == 0


def test_all_kinds_happen_and_names_say_that_they_are_synthetic() -> None:
    events = events_of(replace(SMALL, events=30_000, readings=False))
    assert {event["kind"] for event in events} == set(KINDS)
    assert {event["source"] for event in events} == {"synthetic:42"}
    assert all(re.match(pages_of(42), event["page"]) for event in events if "page" in event)
    federation = Federation(replace(SMALL, pages=1_000))
    register = federation.pages.register(federation.places)
    assert all(page.name.startswith("Синтетическ") for page in register)
    assert {page.kind for page in register} == {kind.code for kind in institution_kinds()}


def test_invented_municipalities_say_so_and_have_a_region_and_a_zone() -> None:
    federation = Federation(replace(SMALL, regions=85, municipalities=300, pages=300))
    shipped = [place for place in federation.places if "Синтетический" not in place.name]
    invented = [place for place in federation.places if "Синтетический" in place.name]
    assert len(shipped) >= 60
    assert len(invented) >= 200
    assert len({place.code for place in federation.places}) == 300
    for place in federation.places:
        region = region_of(place.code)
        assert region is not None
        assert region.code == place.region
        assert place.zone == zone_of(place.code)
    assert all(place.code[2] == "2" for place in invented)


def test_the_day_has_the_rhythm_of_each_zone() -> None:
    events = events_of(replace(SMALL, regions=17, municipalities=60, pages=200, events=60_000, readings=False))
    by_zone: dict[str, Counter[int]] = {}
    for event in events:
        zone = zone_of(event["place"])
        moment = datetime.fromtimestamp(event["at"] / 1000, tz=UTC).astimezone(load_zone(zone))
        by_zone.setdefault(zone, Counter())[moment.hour] += 1
    busy = {zone: hours for zone, hours in by_zone.items() if hours.total() > 2_000}
    assert len(busy) >= 4
    for hours in busy.values():
        assert sum(hours[hour] for hour in (18, 19, 20, 21)) > 3 * sum(hours[hour] for hour in (2, 3, 4, 5))


def test_a_few_pages_are_busy_and_most_are_quiet() -> None:
    counts = Counter(event.get("page") for event in events_of(replace(SMALL, pages=2_000, readings=False)))
    busiest = [count for _, count in counts.most_common(200)]
    assert sum(busiest) > 0.5 * counts.total()


def test_appeals_come_through_pages_and_elsewhere_and_their_lives_are_told_in_order() -> None:
    events = events_of(replace(SMALL, events=30_000, readings=False))
    received = [event for event in events if event["kind"] == "appeal_received"]
    entrances = Counter(event["entrance"] for event in received)
    share = entrances["public_page"] / (entrances["public_page"] + entrances["social_other"])
    assert 0.5 < share < 0.85
    assert set(entrances) >= {"public_page", "social_other", "pos_widget", "portal", "app"}
    assert all("page" not in event for event in received if event["entrance"] == "social_other")
    begin = {event["thread"]: event["at"] for event in reversed(received)}
    answers = [event for event in events if event["kind"] in ANSWER_KINDS]
    assert all(event["at"] > begin[event["thread"]] for event in answers if event.get("thread") in begin)
    assert any("appeal" not in event for event in answers)
    leaves = {topic.code for topic in topics() if topic.parent}
    assert {event["topic"] for event in received if "topic" in event} <= leaves


def test_further_messages_of_an_appeal_share_its_identity_and_day() -> None:
    received: dict[str, list[dict[str, Any]]] = {}
    for event in events_of(replace(SMALL, events=20_000, readings=False)):
        if event["kind"] == "appeal_received":
            received.setdefault(event["id"], []).append(event)
    again = [copies for copies in received.values() if len(copies) > 1]
    assert again
    for copies in again:
        assert len({event["appeal"] for event in copies}) == 1
        assert len({(event["at"] + 3 * HOUR_MS) // DAY_MS for event in copies}) == 1


def test_without_faults_records_come_in_order_and_once() -> None:
    events = [event for event in events_of(SMALL) if event["kind"] != "appeal_received"]
    assert [event["at"] for event in events] == sorted(event["at"] for event in events)
    assert len({event["id"] for event in events}) == len(events)


def test_late_events_arrive_late_and_disorder_stays_small() -> None:
    events = events_of(replace(SMALL, out_of_order_ms=30_000, readings=False))
    latest = 0
    worst = 0
    for event in events:
        latest = max(latest, event["at"])
        worst = max(worst, latest - event["at"])
    assert 0 < worst <= 30_000
    late = events_of(replace(SMALL, late=0.1, readings=False))
    latest = behind = 0
    for event in late:
        latest = max(latest, event["at"])
        behind += latest - event["at"] > HOUR_MS
    assert 0.03 < behind / len(late) < 0.12


def test_restamped_copies_differ_in_their_place_alone() -> None:
    spec = replace(SMALL, duplicates=0.2, restamp=0.5, readings=False)
    copies: dict[str, list[dict[str, Any]]] = {}
    for event in events_of(spec):
        if event["kind"] != "appeal_received":
            copies.setdefault(event["id"], []).append(event)
    differing = same = 0
    for group in copies.values():
        if len(group) > 1:
            others = {json.dumps({**event, "place": ""}, sort_keys=True) for event in group}
            assert len(others) == 1
            differing += len({event["place"] for event in group}) > 1
            same += len({event["place"] for event in group}) == 1
    assert differing > 0.2 * (differing + same)
    assert same > 0.2 * (differing + same)


def test_a_spike_stands_out() -> None:
    federation = Federation(replace(SMALL, spikes=1, readings=False))
    events = [json.loads(value) for _, _, value in federation.records()]
    spike = federation.activity.spikes[0]
    place = federation.places[spike.place].code
    appeals = [event for event in events if event["kind"] == "appeal_received" and event["place"] == place]
    inside = [event for event in appeals if spike.start_ms <= event["at"] < spike.end_ms]
    per_hour = len(inside) / ((spike.end_ms - spike.start_ms) / HOUR_MS)
    outside = (len(appeals) - len(inside)) / ((SMALL.span_ms - spike.end_ms + spike.start_ms) / HOUR_MS)
    assert len(inside) >= spike.appeals
    assert per_hour > 10 * outside


def test_small_spikes_hit_small_municipalities() -> None:
    federation = Federation(replace(SMALL, spikes=5, small_spikes=True))
    populations = sorted(place.population for place in federation.places)
    hit = [federation.places[spike.place].population for spike in federation.activity.spikes]
    assert max(hit) <= populations[len(populations) // 4]


def test_readings_repeat_totals_with_corrections() -> None:
    readings = [json.loads(value) for topic, _, value in Federation(SMALL).records() if topic == "readings"]
    metrics = Counter(reading["metric"] for reading in readings)
    assert set(metrics) == {"subscribers", "views", "reach", "appeals", "source_up"}
    totals: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for reading in readings:
        if reading["metric"] == "appeals":
            totals.setdefault((reading["object"], reading["period_from"]), []).append(reading)
    assert any(len({reading["value"] for reading in group}) > 1 for group in totals.values())
    assert all(reading["observed_at"] <= SMALL.end_ms for reading in readings)


def test_the_benchmarks_load_has_the_asked_shape() -> None:
    records = list(islice(Federation(bench(5, END_MS)).records(), 30_000))
    assert {topic for topic, _, _ in records} == {"events"}
    assert 255 <= sum(len(value) for _, _, value in records) / len(records) <= 295
    received = sum(b'"kind":"appeal_received"' in value for _, _, value in records)
    assert 0.015 < received / len(records) < 0.025
    assert len({key for _, key, _ in records}) > 10_000


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seed": -1}, "seed"),
        ({"events": 0}, "event"),
        ({"span_ms": 1000}, "span"),
        ({"end_ms": 10**12}, "2016"),
        ({"regions": 86}, "between 1 and 85"),
        ({"regions": 5, "municipalities": 4}, "Municipalities"),
        ({"pages": 3}, "Pages"),
        ({"late": 1.5}, "late"),
        ({"duplicates": 0.6}, "half"),
        ({"regions": 1, "municipalities": 1, "restamp": 0.5}, "two municipalities"),
        ({"regions": 1, "municipalities": 1500, "pages": 1500}, "room for"),
        ({"chunk": 0}, "Chunk"),
        ({"spikes": -1}, "Spikes"),
    ],
)
def test_a_spec_that_contradicts_itself_is_refused_in_one_sentence(change: dict[str, Any], said: str) -> None:
    with pytest.raises(SpecError, match=said):
        Federation(replace(SMALL, **change))


def test_one_identity_is_the_one_it_has_among_many() -> None:
    identities = Identities(SMALL)
    numbers = np.array([0, 1, 7, 2**40, 2**62])
    together = identities.hexes(EVENT, numbers)
    assert [identities.hex(EVENT, number) for number in numbers.tolist()] == [
        together[i : i + 32] for i in range(0, len(together), 32)
    ]


def test_records_can_be_taken_once() -> None:
    federation = Federation(replace(SMALL, events=10))
    assert list(federation.records())
    with pytest.raises(RuntimeError, match="once"):
        next(federation.records())


def test_readings_of_the_last_days_only_leave_the_source_up_all_the_time() -> None:
    spec = replace(SMALL, readings_span_ms=2 * DAY_MS)
    readings = [json.loads(value) for topic, _, value in Federation(spec).records() if topic == "readings"]
    levels = [reading["observed_at"] for reading in readings if reading["metric"] != "source_up"]
    assert spec.readings_start_ms == END_MS - 2 * DAY_MS <= min(levels)
    assert min(reading["observed_at"] for reading in readings) < spec.start_ms + HOUR_MS
