"""The mutants are those of today's code: each old text stands where it did, and its tests exist."""

from __future__ import annotations

import re

import pytest

from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import ROOT, Mutant, StaleMutantError


def test_there_are_mutants_of_every_part() -> None:
    assert len(MUTANTS) >= 35
    assert len({(mutant.file, mutant.old) for mutant in MUTANTS}) == len(MUTANTS)
    assert {mutant.file.partition("/")[0] for mutant in MUTANTS} == {"schemas", "ingest", "streams", "deploy"}


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.file)
def test_a_mutant_changes_one_line_that_stands_once(mutant: Mutant) -> None:
    assert "\n" not in mutant.old + mutant.new
    text = (ROOT / mutant.file).read_text(encoding="utf-8")
    assert mutant.mutated(text) != text
    assert mutant.breaks


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.file)
def test_its_tests_exist(mutant: Mutant) -> None:
    assert mutant.tests
    for test in mutant.tests:
        path, _, function = test.partition("::")
        source = (ROOT / path).read_text(encoding="utf-8")
        assert not function or re.search(rf"^(async )?def {function}\(", source, re.MULTILINE), test


def test_a_mutant_whose_text_is_gone_says_so() -> None:
    mutant = Mutant("a.py", "x = 1", "x = 2", "x", ("t.py",))
    with pytest.raises(StaleMutantError, match=r"a\.py: `x = 1` stands there 2 times"):
        mutant.mutated("x = 1\nx = 1\n")
    with pytest.raises(StaleMutantError, match="0 times"):
        mutant.mutated("y = 1\n")
