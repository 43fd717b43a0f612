"""The committed JSON Schema: what the types say today, about every field."""

from __future__ import annotations

import re
from typing import Any

import pytest

from schemas.contract.json_schema import GENERATED, TYPES, render, schema_of
from tests.schemas.builders.contract_examples import fields, names

PREFIX = {"events": "event", "readings": "reading", "rejections": "rejection"}


@pytest.mark.parametrize("name", TYPES)
def test_the_committed_schema_is_what_the_types_say(name: str) -> None:
    committed = (GENERATED / f"{name}.schema.json").read_text(encoding="utf-8")
    assert committed == render(name), "run `python -m schemas.contract.json_schema` and commit what it writes"


@pytest.mark.parametrize("name", TYPES)
def test_every_field_is_described(name: str) -> None:
    schema = schema_of(name)
    assert list(schema["properties"]) == list(TYPES[name].__struct_fields__)
    assert all(schema["properties"][field]["description"] for field in TYPES[name].__struct_fields__)


@pytest.mark.parametrize("name", TYPES)
def test_examples_obey_the_schemas_patterns_ranges_and_lists(name: str) -> None:
    schema = schema_of(name)
    for example in names(PREFIX[name]):
        record = fields(example)
        assert set(schema["required"]) <= set(record) <= set(schema["properties"])
        for field, value in record.items():
            assert_obeys(value, schema["properties"][field])


def assert_obeys(value: Any, said: dict[str, Any]) -> None:
    branch = said["anyOf"][0] if "anyOf" in said else said
    if "const" in branch:
        assert value == branch["const"]
    if "enum" in branch:
        assert value in branch["enum"]
    if "pattern" in branch:
        assert re.search(branch["pattern"], value)
    assert branch.get("minimum", value) <= value
    assert branch.get("maximum", value) >= value
    if isinstance(value, str):
        assert branch.get("minLength", 0) <= len(value) <= branch.get("maxLength", 10**9)
