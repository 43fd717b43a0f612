"""The pages in memory: validity in Moscow days, several validities, the snapshot, ClickHouse away."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from ingest.registers.live import LiveRegister, RegisterAbsentError
from ingest.registers.page_register import SINCE_EVER, PageRegister, PageRow
from ingest.registers.snapshot import SnapshotError, read_snapshot, write_snapshot

#: 2026-01-01T00:00:00+03:00
NEW_YEAR_MS = 1_767_214_800_000
REFORM = date(2026, 1, 1)
ROWS = [
    PageRow("vk:1", SINCE_EVER, REFORM, "05617000", "2536000000", "education"),
    PageRow("vk:1", REFORM, None, "05517000", "2536000000", "education"),
    PageRow("ok:7", date(2026, 1, 2), None, "01701000"),
]


def test_a_reform_moves_a_page_at_midnight_in_moscow() -> None:
    register = PageRegister(ROWS)
    before, after = register.at("vk", "1", NEW_YEAR_MS - 1), register.at("vk", "1", NEW_YEAR_MS)
    assert before is not None and after is not None
    assert (before.place, after.place, after.organisation, after.kind) == (
        "05617000",
        "05517000",
        "2536000000",
        "education",
    )
    assert register.at("vk", "1", 0) == before


def test_a_page_is_absent_before_it_begins_and_in_other_networks() -> None:
    register = PageRegister(ROWS)
    assert register.at("ok", "7", NEW_YEAR_MS) is None
    assert register.at("ok", "7", NEW_YEAR_MS + 86_400_000) is not None
    assert register.at("vk", "7", NEW_YEAR_MS + 86_400_000) is None
    assert len(register) == 2


def test_a_snapshot_reads_back_the_same(tmp_path: Path) -> None:
    path = tmp_path / "state" / "pages"
    write_snapshot(path, PageRegister(ROWS))
    assert list(read_snapshot(path)) == list(PageRegister(ROWS))
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(SnapshotError, match="damaged"):
        read_snapshot(path)


def test_a_service_starts_from_the_snapshot_while_clickhouse_is_away(tmp_path: Path) -> None:
    def away() -> PageRegister:
        raise ConnectionRefusedError("connection refused")

    path = tmp_path / "pages"
    with pytest.raises(RegisterAbsentError, match="connection refused"):
        LiveRegister(away, path).start()
    assert LiveRegister(lambda: PageRegister(ROWS), path).refresh()
    live = LiveRegister(away, path)
    assert live.start().at("vk", "1", NEW_YEAR_MS) is not None
    assert live.failure == "connection refused"


def test_a_failed_refresh_keeps_the_register_before(tmp_path: Path) -> None:
    answers = iter([PageRegister(ROWS), PageRegister(ROWS[2:])])
    live = LiveRegister(lambda: next(answers), tmp_path / "pages")
    live.start()
    assert live.refresh() and live.register.at("vk", "1", 0) is None
    assert not live.refresh()
    assert live.register.at("ok", "7", NEW_YEAR_MS * 2) is not None
