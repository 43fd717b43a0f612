"""docs/contract.md: shows the shipped examples and documents every field, kind and value of the closed lists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from schemas.contract.events import ENTRANCES, FORMATS, KINDS
from schemas.contract.json_schema import TYPES
from schemas.contract.readings import METRICS
from tests.schemas.builders.contract_examples import names, raw

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "contract.md").read_text(encoding="utf-8")
SECTIONS = {"events": "Events", "readings": "Readings", "rejections": "Rejections"}


def section(title: str) -> str:
    begin = PAGE.index(f"\n## {title}\n")
    end = PAGE.find("\n## ", begin + 1)
    return PAGE[begin:end]


@pytest.mark.parametrize("name", TYPES)
def test_every_field_has_a_row(name: str) -> None:
    first_cells = [line.split("|")[1] for line in section(SECTIONS[name]).splitlines() if line.startswith("|")]
    documented = set(re.findall(r"`(\w+)`", " ".join(first_cells)))
    assert set(TYPES[name].__struct_fields__) <= documented


def test_every_value_of_the_closed_lists_is_named() -> None:
    named = set(re.findall(r"`(\w+)`", PAGE))
    assert {*KINDS, *ENTRANCES, *FORMATS, *METRICS} <= named


def test_the_examples_shown_are_those_that_ship() -> None:
    shown = re.findall(r"```json\n(.*?)```\n", PAGE, flags=re.DOTALL)
    shipped = {raw(name).decode() for kind in ("event", "reading", "rejection") for name in names(kind)}
    assert len(shown) == 3
    assert set(shown) <= shipped


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\((\.\./[^)]+)\)", PAGE):
        assert (Path(__file__).resolve().parents[3] / "docs" / target).exists(), target
