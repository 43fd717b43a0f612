"""The page of failure scenarios names, for each, a test that exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = [
    line
    for line in (ROOT / "docs" / "failure-scenarios.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith("| what happens")
]


def test_every_scenario_names_tests_that_exist() -> None:
    assert len(ROWS) > 40
    for row in ROWS:
        named = re.findall(r"`(tests/[^`]+)`", row)
        assert named, f"no test shows: {row[:80]}"
        for test in named:
            path, _, function = test.partition("::")
            source = ROOT / path
            assert source.is_file(), test
            assert re.search(rf"^(async )?def {function}\(", source.read_text(), re.MULTILINE), test
