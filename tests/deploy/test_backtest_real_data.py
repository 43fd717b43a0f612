"""``gospulse spikes backtest`` on real service requests of Los Angeles, with a spike that is planted in them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deploy.cli.main import main
from tests.bench.spikes.la311 import SPIKE_PLACE
from tests.bench.spikes.la311 import main as write_la311
from tests.stack.test_real_data import REQUESTS


@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_planted_spike_is_found_among_real_requests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if not REQUESTS.exists():
        pytest.skip(f"there is no {REQUESTS}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    assert write_la311([str(REQUESTS), str(tmp_path)]) == 0
    assert main(["spikes", "backtest", str(tmp_path / "counts.csv"), "--truth", str(tmp_path / "truth.csv")]) == 0
    said = capsys.readouterr().out
    assert "recall 1.00 (1 of 1 spikes)" in said, said
    alerts = re.findall(r"^20\d\d-\d\d-\d\d \d\d:\d\d +(CD \d+|Los Angeles|RU)", said, re.MULTILINE)
    # Bursts that the drawn weeks repeat alert as well; the whole city does not.
    assert SPIKE_PLACE in alerts and not {"Los Angeles", "RU"} & set(alerts), said
