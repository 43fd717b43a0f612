"""The mappings that come with the product. ``tests/stack/test_real_data.py`` imports the data that they are for."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from ingest.mapping.check import check
from ingest.mapping.file import SHIPPED, load_mapping, mapping_from
from schemas.reference import reference_data


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.toml")), ids=lambda path: str(path.stem))
def test_every_mapping_is_sound_and_uses_known_topics(path: Path) -> None:
    mapping = load_mapping(path)
    known = {topic.code for topic in reference_data.topics()}
    topic = mapping.fields.topic
    assert topic is None or topic.results - {""} <= known


def test_the_example_of_the_documentation_is_a_mapping() -> None:
    text = (Path(__file__).parents[3] / "docs" / "importing.md").read_text(encoding="utf-8")
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
