"""Definitions: what is recorded comes back, and what contradicts itself is refused in a sentence."""

from __future__ import annotations

import pytest

from streams.definition import (
    FOLD,
    DefinitionError,
    Stamp,
    current_definition,
    decode_definition,
    encode_definition,
    obstacle,
)
from tests.streams.builders.records import definition

FULL = definition(
    stamps=(Stamp("vk:1", 0, 10, "45382000"), Stamp("vk:1", 10, 20, "45383000")),
    excluded_loads=("import:x",),
    mended=((1, 0, 7),),
    cut=((1, 0, 8), (1, 1, 4)),
)


def test_a_definition_comes_back_from_its_record() -> None:
    assert decode_definition(encode_definition(FULL)) == FULL
    assert decode_definition(encode_definition(current_definition(3))) == current_definition(3)


def test_the_cut_of_a_partition() -> None:
    assert [FULL.cut_of(1, 0), FULL.cut_of(1, 1), FULL.cut_of(2, 0)] == [8, 4, 0]


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (definition(chunk=0), "chunk of 0 records"),
        (definition(chunk=1 << 21), "chunk of 2097152 records"),
        (definition(window_chunks=-1), "window of -1"),
        (definition(stamps=(Stamp("page", 0, 1, "45382000"),)), "'page', which is not a page"),
        (definition(stamps=(Stamp("vk:1", 0, 1, "nowhere"),)), "'nowhere', which is not a place"),
        (definition(stamps=(Stamp("vk:1", 5, 5, "45382000"),)), "ends before it begins"),
        (definition(stamps=(Stamp("vk:1", 4, 9, "45382000"), Stamp("vk:1", 0, 5, "45383000"))), "vk:1 overlap"),
        (definition(excluded_loads=("",)), "excluded load"),
        (definition(cut=((1, 0, 6),)), "not a boundary"),
        (definition(cut=((1, 0, 4), (1, 0, 8))), "cut twice"),
    ],
)
def test_a_contradiction_is_refused(wrong: object, sentence: str) -> None:
    with pytest.raises(DefinitionError, match=sentence):
        decode_definition(encode_definition(wrong))  # type: ignore[arg-type]


def test_what_is_no_definition_is_refused() -> None:
    with pytest.raises(DefinitionError, match="cannot be read"):
        decode_definition("{}")


def test_code_folds_only_generations_of_its_own_number_and_zones() -> None:
    assert obstacle(current_definition(1)) is None
    assert "gospulse rebuild" in str(obstacle(definition(fold=FOLD + 1)))
    assert "time zones" in str(obstacle(definition(zones="other")))
