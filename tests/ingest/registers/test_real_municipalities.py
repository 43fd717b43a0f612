"""The municipalities of Russia as others published them: every code has its region, and the import takes them whole."""

from __future__ import annotations

import csv
import io
from datetime import UTC, date, datetime

import pytest

from ingest.registers.plan import Options, Surroundings, plan
from ingest.registers.registers import PLACES
from ingest.registers.table_file import read_content
from schemas.reference.places import load_zone, region_of, zone_of
from tests.servers.machine import ROOT

REFERENCE = ROOT.parent / "shared" / "data" / "ref"
MUNICIPALITIES, CITIES = REFERENCE / "municipalities_oktmo_population.csv", REFERENCE / "city.csv"

pytestmark = pytest.mark.skipif(
    not (MUNICIPALITIES.exists() and CITIES.exists()),
    reason="the reference data of others are not beside this checkout",
)


def published(name: str) -> list[dict[str, str]]:
    with (REFERENCE / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_each_region_of_others_is_one_region_by_the_longest_prefix() -> None:
    """118, 718 and 719 lie inside 11 and 71: two digits would join four regions of the published list to two."""
    ours: dict[str, set[str]] = {}
    for row in published(MUNICIPALITIES.name):
        region = region_of(row["oktmo8"])
        assert region is not None, row
        ours.setdefault(row["region_name"], set()).add(region.code)
    assert all(len(codes) == 1 for codes in ours.values())
    assert len({code for codes in ours.values() for code in codes}) == len(ours) == 85


def test_all_municipalities_are_imported_as_russian_excel_saves_them() -> None:
    rows = published(MUNICIPALITIES.name)
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter=";", lineterminator="\r\n")
    writer.writerow(["ОКТМО", "Наименование", "Население", "Год населения", "Источник населения"])
    for row in rows:
        population = row["pop_2024"].removesuffix(".0")
        # Excel drops the zeros in front.
        year = ("2024", "Росстат") if population else ("", "")
        writer.writerow([row["oktmo8"].lstrip("0"), row["municipal_district_name"], population, *year])
    file = read_content(stream.getvalue().encode("cp1251"), "municipalities.csv", PLACES)
    found = plan(PLACES, file, Surroundings({}), Options(today=date(2026, 11, 27)))
    assert found.problems == []
    assert {write.key for write in found.writes} == {row["oktmo8"] for row in rows}
    known = [PLACES.column(write.entry, "population") for write in found.writes]
    assert sum(number for number in known if number is not None) == 132_156_864
    assert sum(1 for number in known if number is not None) == 2_363


def test_days_of_cities_are_cut_in_the_zone_that_others_give_them() -> None:
    summer = datetime(2026, 7, 1, tzinfo=UTC)
    differing = []
    for row in published(CITIES.name):
        place = row["oktmo"][:8]
        offset = summer.astimezone(load_zone(zone_of(place))).utcoffset()
        assert offset is not None
        if f"UTC+{offset.seconds // 3600}" != row["timezone"]:
            differing.append((row["city"], row["timezone"], zone_of(place)))
    assert differing == []
