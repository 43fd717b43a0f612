"""A data directory is moved, backed up, restored and given new passwords, under any name and in the locale C."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from deploy.clickhouse.client import clickhouse
from deploy.errors import UserError
from deploy.settings_sources import load
from tests.servers.machine import Machine, machine

pytestmark = pytest.mark.long

SETTINGS = {
    "WORKERS": "1",
    "SPIKES": "false",
    "WEBHOOK_PROCESSES": "0",
    "KAFKA_HEAP_MB": "256",
    "CLICKHOUSE_MEMORY_MB": "2000",
}
COUNTED = (
    "SELECT count(), countIf(first_answer_at IS NOT NULL), uniqExact(place), min(received_at) FROM gospulse.appeals"
)
ENGAGEMENT = "SELECT day, sum(reaction_added), sum(comment_added) FROM gospulse.place_day GROUP BY day ORDER BY day"


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Machine]:
    """A stack in a directory with Cyrillic letters and a space."""
    folder = tmp_path / "Мои документы"
    folder.mkdir()
    with machine(folder, SETTINGS) as made:
        made.environ |= {"LC_ALL": "C", "LANG": "C"}
        yield made


def figures(stack: Machine) -> list[Sequence[Any]]:
    return [*stack.query(COUNTED), *stack.query(ENGAGEMENT)]


def send(stack: Machine, seed: int) -> None:
    stack.run("simulate", "--seed", str(seed), "--events", "2000", "--no-readings")
    stack.verified()


@pytest.mark.timeout(900)
def test_a_data_directory_is_moved_and_restored_from_a_copy(stack: Machine, tmp_path: Path) -> None:
    stack.run("up")
    send(stack, 1)
    before = figures(stack)
    assert before[0][0] > 0
    assert {path.name for path in stack.folder.iterdir()} == {"data"}
    stack.run("down")
    backup, elsewhere = tmp_path / "backup", tmp_path / "elsewhere"
    shutil.copytree(stack.data, backup, symlinks=True)

    # Moved: everything goes on under another name.
    elsewhere.mkdir()
    stack.data.rename(elsewhere / "data")
    with machine(elsewhere, SETTINGS) as moved:
        moved.run("up")
        assert figures(moved) == before
        send(moved, 2)
        assert figures(moved)[0][0] > before[0][0]

    # Restored: the copy knows nothing of what came later.
    shutil.copytree(backup, stack.data, symlinks=True)
    stack.run("up")
    assert figures(stack) == before
    stack.verified()
    send(stack, 3)
    assert figures(stack)[0][0] > before[0][0]


@pytest.mark.timeout(900)
def test_up_brings_in_a_new_password(stack: Machine) -> None:
    stack.run("up")
    send(stack, 1)
    settings = load(stack.environ, stack.folder)
    former, pids = settings.analyst, {name: process.pid for name, process in stack.processes().items()}
    assert stack.run("up") == "everything is up already\n"

    (stack.data / "passwords" / "analyst").unlink()
    said = stack.run("up")
    assert "new password of analyst: clickhouse is restarted with it" in said
    with pytest.raises(UserError, match="check its password"), clickhouse(former):
        pytest.fail("the former password is accepted")
    assert stack.run("query", "SELECT 1 AS one", "--csv") == "one\n1\n"
    now = {name: process.pid for name, process in stack.processes().items()}
    assert {name for name in pids if now[name] != pids[name]} == {"clickhouse"}

    # The login that writes: the workers as well.
    (stack.data / "passwords" / "gospulse").write_text("another one, chosen by the operator\n")
    assert "new password of gospulse: clickhouse is restarted with it" in stack.run("up")
    assert stack.processes()["worker-1"].pid != now["worker-1"]
    send(stack, 2)
    assert stack.run("up") == "everything is up already\n"
