"""Real data through the whole stack: every figure equals a direct count, and a second import changes nothing."""

from __future__ import annotations

import csv
import gzip
import json
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.machine import ROOT, Machine, machine

DATA = ROOT.parent / "shared" / "data"
REQUESTS = DATA / "la311" / "la311.csv.gz"
CALLS = DATA / "nhs_calls" / "nhs_calls.csv.gz"
MAPPINGS = ROOT / "ingest" / "mappings"
#: What says how complete or how often, not what was counted, may change when the same is sent again; the ages of
#: unanswered appeals (``answer_times``) grow by themselves.
NOT_COMPARED = {"freshness", "coverage", "reconciliation", "sources", "rollups", "answer_times"}

pytestmark = pytest.mark.skipif(
    not (REQUESTS.exists() and CALLS.exists()), reason="the real data sets are not beside this checkout"
)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with machine(tmp_path_factory.mktemp("real"), {"WORKERS": "1"}) as made:
        made.run("up")
        yield made


@pytest.mark.timeout(300)
def test_real_data_is_counted_exactly_and_a_second_import_changes_nothing(stack: Machine, tmp_path: Path) -> None:
    stack.run(
        "import", "appeals", str(REQUESTS), "--mapping", str(MAPPINGS / "service-requests-311.toml"), "--load", "la"
    )
    stack.run("import", "appeals", str(CALLS), "--mapping", str(MAPPINGS / "counted-calls.toml"), "--load", "nhs")
    await_drained(stack)

    assert stack.query("SELECT count() FROM gospulse.appeals") == [(19_999,)]
    stored = stack.query(
        "SELECT toString(toDate(received_at, 'America/Los_Angeles')), channel, count() "
        "FROM gospulse.appeals GROUP BY ALL"
    )
    assert {(day, channel): count for day, channel, count in stored} == dict(counted_requests())

    assert stack.query("SELECT sum(value) FROM gospulse.outside_totals") == [(4_101_446,)]
    stored = stack.query(
        "SELECT toString(toDate(period_from, 'Europe/London')), channel, sum(value) "
        "FROM gospulse.outside_totals GROUP BY ALL"
    )
    assert {(day, channel): count for day, channel, count in stored} == dict(counted_calls())

    stack.run("verify")
    before = figures(stack)

    stack.run("down")
    stack.run("up")
    again = shuffled(REQUESTS, tmp_path / "again.csv.gz"), shuffled(CALLS, tmp_path / "calls-again.csv.gz")
    stack.run("import", "appeals", str(again[1]), "--mapping", str(MAPPINGS / "counted-calls.toml"), "--load", "nhs")
    stack.run(
        "import", "appeals", str(again[0]), "--mapping", str(MAPPINGS / "service-requests-311.toml"), "--load", "la"
    )
    await_drained(stack)

    assert figures(stack) == before
    stack.run("verify")


def counted_requests() -> Counter[tuple[str, str]]:
    """Requests by local day and channel, counted from the file itself."""
    with gzip.open(REQUESTS, "rt", encoding="utf-8", newline="") as file:
        return Counter((row["CreatedDate"][:10], row["RequestSource"]) for row in csv.DictReader(file))


def counted_calls() -> Counter[tuple[str, str]]:
    """Calls by day and channel, counted from the file itself."""
    counts: Counter[tuple[str, str]] = Counter()
    with gzip.open(CALLS, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            counts[row["date"], row["site_type"]] += int(row["count"])
    return counts


def shuffled(source: Path, target: Path) -> Path:
    """The same rows in another order."""
    with gzip.open(source, "rt", encoding="utf-8", newline="") as file:
        head, *lines = file.readlines()
    random.Random(1).shuffle(lines)
    with gzip.open(target, "wt", compresslevel=1, encoding="utf-8", newline="") as file:
        file.writelines([head, *lines])
    return target


def figures(stack: Machine) -> dict[str, tuple[int, int]]:
    """Rows of every view that shows figures, and the exclusive or of their hashes, whatever their order."""
    names = [
        name for (name,) in stack.query("SELECT name FROM system.tables WHERE database = 'gospulse' ORDER BY name")
    ]
    found = {}
    for name in names:
        if name not in NOT_COMPARED:
            ((rows, mark),) = stack.query(
                f"SELECT count(), groupBitXor(cityHash64(toString(tuple(*)))) FROM gospulse.{name}"
            )
            found[name] = (int(rows), int(mark))
    assert len(found) > 10
    return found


def await_drained(stack: Machine, patience_s: float = 60) -> None:
    """Until everything in the log is folded and the roll-ups are made from it."""
    deadline = time.monotonic() + patience_s
    while True:
        rows = json.loads(stack.outcome("status", "--json")[1])["partitions"]
        if rows and all(row["lag"] == 0 for row in rows):
            stack.refresh()
            return
        assert time.monotonic() < deadline, rows
        time.sleep(0.3)
