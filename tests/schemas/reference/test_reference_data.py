"""Reference data: complete, consistent with the contract and with the classifier's traps."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

import pytest

from schemas.contract.events import ENTRANCES
from schemas.contract.identifiers import PLACE, TOPIC
from schemas.reference import reference_data
from schemas.reference.places import load_zone, region_of, zone_of, zone_table_fingerprint


def test_89_regions_with_distinct_codes_and_prefixes() -> None:
    regions = reference_data.regions()
    assert len(regions) == 89
    assert len({region.code for region in regions}) == len({region.prefix for region in regions}) == 89
    assert all(region.code == region.prefix.ljust(8, "0") for region in regions)
    assert len({region.federal_district for region in regions} - {None}) == 8


def test_only_the_regions_of_2022_are_marked_unconfirmed_and_lack_a_district() -> None:
    unconfirmed = {r.prefix for r in reference_data.regions() if r.note and r.note.startswith("unconfirmed")}
    assert unconfirmed == {"21", "23", "43", "74"}
    assert {r.prefix for r in reference_data.regions() if r.federal_district is None} == unconfirmed


@pytest.mark.parametrize(
    ("place", "region"),
    [
        ("11701000", "Архангельская область"),
        ("11851000", "Ненецкий автономный округ"),
        ("71701000", "Тюменская область"),
        ("71876000", "Ханты-Мансийский автономный округ — Югра"),
        ("71956000", "Ямало-Ненецкий автономный округ"),
        ("01701000", "Алтайский край"),
    ],
)
def test_the_longest_prefix_names_the_region(place: str, region: str) -> None:
    found = region_of(place)
    assert found is not None
    assert found.name == region


@pytest.mark.parametrize("place", ["00000000", "la:cd-4", "synthetic:1", "55000000"])
def test_places_outside_the_regions_have_none(place: str) -> None:
    assert region_of(place) is None


@pytest.mark.parametrize(
    ("place", "zone"),
    [
        ("27701000", "Europe/Kaliningrad"),
        ("77701000", "Asia/Anadyr"),
        ("98701000", "Asia/Yakutsk"),
        ("98616000", "Asia/Vladivostok"),
        ("98639000", "Asia/Ust-Nera"),
        ("64743000", "Asia/Srednekolymsk"),
        ("la:cd-4", "America/Los_Angeles"),
        ("nhs:QE1", "Europe/London"),
        ("elsewhere:1", "Europe/Moscow"),
        ("00000000", "Europe/Moscow"),
        ("55000000", "Europe/Moscow"),
    ],
)
def test_zone_of_a_place(place: str, zone: str) -> None:
    assert zone_of(place) == zone


def test_every_zone_is_in_the_time_zone_package() -> None:
    zones = {row.zone for row in reference_data.regions()}
    zones |= {row.zone for row in reference_data.zone_exceptions()}
    zones |= {row.zone for row in reference_data.namespaces()}
    assert {load_zone(zone).key for zone in zones} == zones


def test_the_zone_tables_fingerprint_is_stable_within_a_release() -> None:
    assert zone_table_fingerprint() == zone_table_fingerprint()
    assert len(zone_table_fingerprint()) == 16


def test_municipalities_lie_in_their_regions_and_say_when_they_were_counted() -> None:
    codes = Counter(row.code for row in reference_data.municipalities())
    assert max(codes.values()) == 1
    for row in reference_data.municipalities():
        region = region_of(row.code)
        assert region is not None
        assert region.code == row.region
        assert PLACE.fullmatch(row.code)
        assert (row.population is None) == (row.population_year is None)


def test_the_demo_spans_all_eleven_zones_of_the_country() -> None:
    zones = {load_zone(zone_of(row.code)) for row in reference_data.municipalities()}
    offsets = {datetime(2026, 1, 1, tzinfo=zone).utcoffset() for zone in zones}
    assert len(offsets) == 11


def test_entrances_are_those_of_the_contract_and_two_are_social() -> None:
    rows = reference_data.entrances()
    assert tuple(row.code for row in rows) == ENTRANCES
    assert {row.code for row in rows if row.in_social_networks} == {
        "public_page",
        "social_other",
    }


def test_topics_have_two_levels_and_every_leaf_has_its_parent() -> None:
    rows = reference_data.topics()
    top = {row.code for row in rows if row.parent is None}
    leaves = [row for row in rows if row.parent is not None]
    assert 12 <= len(top) <= 15
    assert len(leaves) >= 60
    for leaf in leaves:
        assert TOPIC.fullmatch(leaf.code)
        assert leaf.parent in top
        assert leaf.code.startswith(f"{leaf.parent}.")
    assert len({row.code for row in rows}) == len(rows)
