"""Rebuilds on the running stack: under load and killed on the way, with another definition, from a cut after a trim."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.run import prepare
from tests.servers.machine import ROOT, Machine, machine

pytestmark = pytest.mark.long

EVENTS = 6_000
REQUESTS = 150
#: Small chunks, so that a short log has some that a trim may delete.
CHUNK = 32
ELSEWHERE = "98701000"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    settings = {"WORKERS": "1", "KAFKA_HEAP_MB": "256", "CLICKHOUSE_MEMORY_MB": "2000"}
    with machine(tmp_path_factory.mktemp("rebuild"), settings) as made:
        prepare(made, CHUNK)
        # Two workers, by a setting that only this command has: the rebuilds do not know it.
        made.environ["GOSPULSE_WORKERS"] = "2"
        made.run("up")
        made.environ["GOSPULSE_WORKERS"] = "1"
        yield made


@pytest.mark.timeout(900)
def test_a_rebuild_under_load_that_is_killed_on_the_way(stack: Machine, tmp_path: Path) -> None:
    before = _shown(stack)
    number = before + 1
    feeder = stack.start(
        *("simulate", "--seed", "8", "--events", str(EVENTS), "--rate", "1500", "--no-readings"),
        output=tmp_path / "simulate.log",
    )
    begun = stack.folded(before) or 0
    _await(lambda: (stack.folded(before) or 0) > begun + EVENTS // 10)
    killed = stack.start("rebuild", "--yes", "--keep-grid", "--workers", "1", output=tmp_path / "rebuild.log")
    _await(lambda: f"rebuild-g{number}-1" in stack.processes())
    killed.kill()
    killed.wait()
    assert "being built already" in stack.run("rebuild", "--yes", expect=1)
    said = stack.run("rebuild", "--resume", "--yes", "--workers", "1")
    assert f"the views read generation {number}" in said
    assert feeder.wait(timeout=300) == 0
    assert set(stack.processes()) == {"kafka", "clickhouse", "worker-1", "worker-2"}
    _await(lambda: (stack.folded(number) or 0) >= begun + EVENTS)
    assert _verified(stack, number)["findings"]["compared"]["page_hour"] > 100
    listed = stack.run("rebuild", "list")
    assert re.search(rf"{before}\s+retired", listed)
    assert "tables dropped" in stack.run("rebuild", "drop", str(before))
    assert stack.query("SELECT count() FROM gospulse.appeals")[0][0] > 100


@pytest.mark.timeout(900)
@pytest.mark.chaos  # Half a minute; tests/streams/rebuild/test_rebuild.py does the same without processes.
def test_another_definition_and_then_a_cut(stack: Machine, tmp_path: Path) -> None:
    """A load is excluded and a page moved; then the log is trimmed and the next generation begins at a cut."""
    before = _shown(stack)
    imported = stack.run(
        *("import", "appeals", str(_requests(tmp_path / "requests.csv")), "--load", "wrong-file"),
        *("--mapping", str(ROOT / "ingest" / "mappings" / "service-requests-311.toml")),
    )
    assert str(REQUESTS) in imported
    stack.run("simulate", "--seed", "9", "--events", str(EVENTS // 2), "--force")
    _await(lambda: stack.query(_COUNTS)[0][1] == REQUESTS and stack.is_folded())
    appeals = stack.query(_COUNTS)[0][0]
    page, of_page = stack.query(
        "SELECT page, count() FROM gospulse.appeals WHERE page IS NOT NULL GROUP BY page ORDER BY 2 DESC, 1 LIMIT 1"
    )[0]
    stamps = tmp_path / "stamps.csv"
    stamps.write_text(f"page,from,to,place\n{page},2000-01-01T00:00:00Z,2100-01-01T00:00:00Z,{ELSEWHERE}\n")

    again = ("--yes", "--keep-grid", "--workers", "1")
    stack.run("rebuild", *again, "--exclude-load", "wrong-file", "--restamp", str(stamps))
    assert stack.query(_COUNTS) == [(appeals, 0)]
    moved = f"SELECT DISTINCT place, count() FROM gospulse.{{}} WHERE page = '{page}' GROUP BY place"
    assert stack.query(moved.format("appeals")) == [(ELSEWHERE, of_page)]
    assert [place for place, _ in stack.query(moved.format("page_day"))] == [ELSEWHERE]
    _verified(stack, before + 1)

    stack.run("rebuild", "drop", str(before))
    assert "deleted" in stack.run("trim", "--yes")
    assert "--from-cut" in stack.run("rebuild", *again, expect=1)
    said = stack.run("rebuild", *again, "--from-cut")
    assert "carried over the rows below the cut" in said
    assert stack.query(_COUNTS) == [(appeals, 0)]
    assert stack.query(moved.format("appeals")) == [(ELSEWHERE, of_page)]
    report = _verified(stack, before + 2)
    assert any(partition["judged_from"] for partition in report["partitions"])
    assert report["findings"]["gone"]["appeals"] > 0
    assert report["findings"]["compared"]["appeals"] > 0
    assert report["rollups_behind"] == []


_COUNTS = "SELECT countIf(source != 'import:myla311'), countIf(source = 'import:myla311') FROM gospulse.appeals"


def _requests(path: Path) -> Path:
    """Requests with the columns of a 311 line, made up here."""
    names = "SRNumber CreatedDate UpdatedDate ClosedDate RequestType RequestSource Status Owner CD NCName"
    lines = [names.replace(" ", ",")]
    for number in range(REQUESTS):
        day = f"2026-09-{1 + number % 28:02}"
        times = f"{day}T10:00:00,{day}T12:00:00,{day}T12:00:00"
        lines.append(f"1-{number},{times},Bulky Items,Call,Closed,BOS,{number % 15 + 1},NOWHERE")
    path.write_text("\n".join(lines) + "\n")
    return path


def _shown(stack: Machine) -> int:
    return int(stack.query("SELECT max(generation) FROM gospulse.generation")[0][0])


def _verified(stack: Machine, generation: int) -> dict[str, Any]:
    """The report on the generation that is shown, which is green."""
    _await(stack.is_folded)
    stack.refresh(generation)
    report = json.loads(stack.run("verify", "--json"))
    assert (report["green"], report["generation"]) == (True, generation)
    return dict(report)


def _await(condition: Callable[[], bool], patience_s: float = 300.0) -> None:
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)
