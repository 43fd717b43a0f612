"""Real data through the whole stack: every figure equals a direct count, and a second import changes nothing."""

from __future__ import annotations

import csv
import gzip
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.machine import ROOT, Machine, machine

DATA = ROOT.parent / "shared" / "data"
REQUESTS = DATA / "la311" / "la311.csv.gz"
CALLS = DATA / "nhs_calls" / "nhs_calls.csv.gz"
MAPPINGS = ROOT / "ingest" / "mappings"
#: What says how complete or how often, not what was counted, may change when the same is sent again; the ages of
#: unanswered appeals (``answer_times``, ``appeals_waiting``) grow by themselves.
NOT_COMPARED = {"freshness", "coverage", "reconciliation", "sources", "rollups", "answer_times", "appeals_waiting"}

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(
        not (REQUESTS.exists() and CALLS.exists()), reason="the real data sets are not beside this checkout"
    ),
]


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    with machine(tmp_path_factory.mktemp("real"), {"WORKERS": "1"}) as made:
        made.run("up")
        yield made


@pytest.mark.timeout(900)
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
    by_day = {(day, channel): count for day, channel, count in stored}
    assert by_day == dict(counted_requests())
    assert by_day == table_of_readme(REQUESTS.with_name("README.md"))
    places = counts(stack, "place")
    assert (len(places), places["la:unknown"], places["la:cd-13"]) == (16, 13, 2_035)
    assert counts(stack, "entrance") == {
        "phone": 8_976,
        "app": 4_373,
        "other": 3_409,
        "portal": 3_171,
        "email": 55,
        "office": 15,
    }
    assert stack.query("SELECT count() FROM gospulse.appeals WHERE topic IS NULL OR topic = ''") == [(0,)]
    # Some were closed before they were received, by their source's clock.
    assert stack.query(
        "SELECT countIf(closed_at IS NOT NULL), countIf(closed_at < received_at) FROM gospulse.appeals"
    ) == [(19_994, 25)]

    assert stack.query("SELECT sum(value), uniqExact(place) FROM gospulse.outside_totals") == [(4_101_446, 239)]
    stored = stack.query(
        "SELECT toString(toDate(period_from, 'Europe/London')), channel, sum(value) "
        "FROM gospulse.outside_totals GROUP BY ALL"
    )
    assert {(day, channel): count for day, channel, count in stored} == dict(counted_calls())

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


def counts(stack: Machine, column: str) -> dict[str, int]:
    """Appeals by a column of their view."""
    rows = stack.query(f"SELECT {column}, count() FROM gospulse.appeals GROUP BY {column}")
    return {str(row[0]): int(row[1]) for row in rows}


def counted_requests() -> Counter[tuple[str, str]]:
    """Requests by local day and channel, counted from the file itself."""
    with gzip.open(REQUESTS, "rt", encoding="utf-8", newline="") as file:
        return Counter((row["CreatedDate"][:10], row["RequestSource"]) for row in csv.DictReader(file))


def table_of_readme(readme: Path) -> dict[tuple[str, str], int]:
    """Requests by (day, channel) as the data's own description counts them."""
    lines = [line for line in readme.read_text().splitlines() if line.startswith("| day |") or re.match(r"\| 20", line)]
    head, *days = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {
        (cells[0][:10], channel): int(number.replace(",", ""))
        for cells in days
        for channel, number in zip(head[2:], cells[2:], strict=True)
        if number != "0"
    }


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


def await_drained(stack: Machine, patience_s: float = 300) -> None:
    """Until everything in the log is folded and the roll-ups are made from it."""
    deadline = time.monotonic() + patience_s
    while True:
        if stack.is_folded():
            stack.refresh()
            return
        assert time.monotonic() < deadline, stack.partitions()
        time.sleep(0.3)
