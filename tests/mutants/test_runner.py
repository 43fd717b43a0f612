"""Controls of the runner: it tells a change that matters from one that does not, and restores the file."""

from __future__ import annotations

from pathlib import Path

from tests.mutants.mutant import ROOT, Mutant
from tests.mutants.runner import Copy

FILE, OLD, TESTS = "streams/grid.py", "return offset - offset % chunk", ("tests/streams/test_grid.py",)


def test_a_wrong_line_dies_and_a_harmless_one_survives(tmp_path: Path) -> None:
    copy = Copy(tmp_path)
    wrong, harmless = (Mutant(FILE, OLD, new, "x", TESTS) for new in ("return offset", f"{OLD}  # the same"))
    assert [copy.judge(mutant, 120).outcome for mutant in (wrong, harmless)] == ["died", "SURVIVED"]
    assert copy.judge(harmless, 0).outcome == "NO VERDICT"
    assert (tmp_path / FILE).read_bytes() == (ROOT / FILE).read_bytes()
