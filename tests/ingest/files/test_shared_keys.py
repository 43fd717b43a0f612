"""Keys that rows share are counted without their content, in bounded memory."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from ingest.files import shared_keys
from ingest.files.importer import default_load
from ingest.files.shared_keys import SharedKeys
from ingest.mapping.mapping import AppealMapping
from schemas.contract.identifiers import SOURCE
from tests.ingest.builders.sample_mappings import APPEALS, cells, made


def added(keys: list[str], mapping: AppealMapping) -> SharedKeys:
    shared = SharedKeys(mapping)
    for line, key in enumerate(keys, start=2):
        shared.add(line, cells(mapping, id=key))
    return shared


def test_rows_with_the_key_of_an_earlier_row_are_counted() -> None:
    shared = added(["a", "b", "a", "c", "b", "a"], made(APPEALS))
    assert (shared.rows, shared.keys, shared.most, shared.shortened) == (3, 2, (2, 3), False)
    assert added(["a", "b"], made(APPEALS)).most == (0, 0)


def test_a_key_of_two_columns_is_shared_as_a_whole() -> None:
    mapping = made(APPEALS, key=["id", "who"])
    shared = SharedKeys(mapping)
    for line, who in enumerate(["x", "y", "x"], start=2):
        shared.add(line, cells(mapping, id="1", who=who))
    assert shared.rows == 1


@pytest.mark.parametrize(
    ("key", "shortened"), [("1,01E+11", True), ("1.01e+11", True), ("1E+11", True), ("101", False), ("E+11", False)]
)
def test_numbers_that_a_spreadsheet_has_shortened_are_known(key: str, shortened: bool) -> None:
    assert added([key, key], made(APPEALS)).shortened is shortened
    assert not added([key], made(APPEALS)).shortened


def test_memory_is_bounded_and_known_keys_are_still_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_keys, "REMEMBERED", 3)
    shared = added(["a", "b", "c", "d", "d", "e", "a"], made(APPEALS))
    assert (shared.rows, shared.most) == (1, (2, 2))


def test_any_name_of_a_mapping_gives_a_load_of_the_contract() -> None:
    digest = "0123456789abcdef"
    loads = set()
    for name in ("моё", "наше", "my map", "..", "test", "x" * 200, "[a]"):
        load = default_load(replace(made(APPEALS), name=name, digest=name.encode().hex()), digest)
        assert SOURCE.fullmatch(load), load
        loads.add(load)
    assert len(loads) == 7
    assert "test-0123456789ab" in loads
