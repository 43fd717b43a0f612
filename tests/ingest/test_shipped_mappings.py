"""The mappings that come with the product, on the data for which they were written (skipped where these are absent)."""

from __future__ import annotations

import csv
import gzip
import json
import re
import tomllib
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ingest.import_job import ImportJob, Summary
from ingest.importer import Importer
from ingest.mapping_check import check
from ingest.mapping_file import SHIPPED, load_mapping, mapping_from
from ingest.publisher import Publisher
from schemas import reference_data
from schemas.connections import KafkaConnection
from schemas.topics import EVENTS, READINGS
from tests.ingest.conftest import Records
from tests.ingest.sample_mappings import KEY, NOW_MS

SHARED = Path(__file__).parents[2].parent / "shared" / "data"


def shared(name: str) -> Path:
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"the reference data {path} are not on this machine")
    return path


def imported(kafka: KafkaConnection, file: Path, mapping: str, state: Path) -> Summary:
    job = ImportJob(file=file, mapping=load_mapping(SHIPPED / f"{mapping}.toml"), state=state)
    importer = Importer(job, KEY, now_ms=NOW_MS)
    try:
        return importer.run(
            lambda delivered: Publisher(kafka, on_delivered=delivered), report=lambda _: None, stop=lambda: False
        )
    finally:
        importer.close()


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda path: str(path.stem))
def test_every_mapping_is_sound_and_uses_known_topics(path: Path) -> None:
    mapping = load_mapping(path)
    known = {topic.code for topic in reference_data.topics()}
    topic = mapping.fields.topic
    assert topic is None or topic.results - {""} <= known


def test_the_example_of_the_documentation_is_a_mapping() -> None:
    text = (Path(__file__).parents[2] / "docs" / "importing.md").read_text(encoding="utf-8")
    example = text.split("```toml\n")[1].split("```")[0]
    mapping = mapping_from(tomllib.loads(example), "example", "")
    check(mapping)
    assert mapping.columns == (
        "number",
        "how",
        "region",
        "district",
        "theme",
        "registered",
        "finished",
        "result",
        "department",
    )


def local_day(ms: int, zone: str) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone(ZoneInfo(zone)).date().isoformat()


def table_of_readme(readme: Path) -> Counter[tuple[str, str]]:
    """Appeals by (day, channel) as the data's own description counts them."""
    lines = [line for line in readme.read_text().splitlines() if line.startswith("| day |") or re.match(r"\| 20", line)]
    head, *days = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return Counter(
        {
            (cells[0][:10], channel): int(number.replace(",", ""))
            for cells in days
            for channel, number in zip(head[2:], cells[2:], strict=True)
            if number != "0"
        }
    )


def test_service_requests_by_local_day_and_channel(
    topics: KafkaConnection, read_topic: Callable[[str], Records], tmp_path: Path
) -> None:
    file = shared("la311/la311.csv.gz")
    summary = imported(topics, file, "service-requests-311", tmp_path)
    assert (summary.rows, summary.rejected, summary.failure) == (19_999, 0, None)
    events = [json.loads(value) for _, _, value in read_topic(EVENTS)]
    received = {e["appeal"]: e for e in events if e["kind"] == "appeal_received"}
    assert len(received) == 19_999
    by_day = Counter((local_day(e["at"], "America/Los_Angeles"), e["channel"]) for e in received.values())
    assert by_day == table_of_readme(file.with_name("README.md"))
    closed = [e for e in events if e["kind"] == "appeal_closed"]
    assert len(closed) == 19_994 and len({e["id"] for e in events}) == len(events)
    assert sum(e["at"] < received[e["appeal"]]["at"] for e in closed) == 25
    places = Counter(e["place"] for e in received.values())
    assert len(places) == 16 and places["la:unknown"] == 13 and places["la:cd-13"] == 2_035
    entrances = Counter(e["entrance"] for e in received.values())
    assert entrances == {"phone": 8_976, "app": 4_373, "other": 3_409, "portal": 3_171, "email": 55, "office": 15}
    assert all("topic" in e for e in received.values())


def test_counted_calls_by_day_and_channel(
    topics: KafkaConnection, read_topic: Callable[[str], Records], tmp_path: Path
) -> None:
    file = shared("nhs_calls/nhs_calls.csv.gz")
    summary = imported(topics, file, "counted-calls", tmp_path)
    assert (summary.rows, summary.rejected, summary.withheld, summary.failure) == (253_670, 0, 0, None)
    expected: Counter[tuple[str, str]] = Counter()
    with gzip.open(file, "rt", encoding="utf-8", newline="") as text:
        for row in csv.DictReader(text):
            expected[row["date"], row["site_type"]] += int(row["count"])
    readings = [json.loads(value) for _, _, value in read_topic(READINGS)]
    found: Counter[tuple[str, str]] = Counter()
    for reading in readings:
        found[local_day(reading["period_from"], "Europe/London"), reading["channel"]] += reading["value"]
    assert found == expected
    assert sum(reading["value"] for reading in readings) == 4_101_446
    assert len({(r["object"], r["period_from"]) for r in readings}) == len(readings) == summary.readings
    assert len({r["place"] for r in readings}) == 239
