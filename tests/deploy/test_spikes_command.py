"""``gospulse spikes`` against the real engine: list, show, explain, decide, quality, backtest; exit codes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from clickhouse_connect.driver.client import Client

from deploy.cli.main import main
from deploy.clickhouse.client import clickhouse as open_clickhouse
from streams.spikes.episodes import Episode, identity, write_episodes
from tests.conftest import ClickHouseServer

NOW = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
PLACE = "57701000"
OPEN, CLOSED = identity(PLACE, NOW - timedelta(hours=2)), identity("22701000", NOW - timedelta(days=3))

Gospulse = Callable[..., tuple[int, str]]


def episode(series: str, since: datetime, **fields: Any) -> Episode:
    defaults: dict[str, Any] = {
        "id": identity(series, since),
        "series": series,
        "level": "municipality",
        "since": since,
        "evaluated": since + timedelta(hours=1),
        "state": "open",
        "active_at": since,
        "alerted_at": since,
        "window_h": 3,
        "observed": 24,
        "expected": 1.5,
        "alarms": 1e-6,
        "best_alarms": 1e-6,
        "authors": 20,
        "nature": "spike",
        "push": True,
        "reason": "24 обращения за 3 ч, обычно 1,5",
        "pages": (("vk:1", 24),),
        "topics": (("housing.heating", 24),),
        "entrances": (),
    }
    return Episode(**(defaults | fields))


@pytest.fixture(scope="module")
def client(clickhouse_server: ClickHouseServer) -> Any:
    """One open and one closed episode, what is usual at the open one's place, one evaluation."""
    clickhouse_server.prepare()
    with open_clickhouse(clickhouse_server.connection) as opened:
        closed_at = NOW - timedelta(days=2)
        write_episodes(
            opened,
            [
                episode(PLACE, NOW - timedelta(hours=2)),
                episode("22701000", NOW - timedelta(days=3), state="closed", closed_at=closed_at, push=False),
            ],
        )
        hours = [NOW - timedelta(hours=h) for h in range(40)]
        opened.insert(
            "gospulse_data.spike_expected",
            [[PLACE, hour, "municipality", 0.5, 0.0, 2.0, NOW] for hour in hours],
            column_names=["series", "hour", "level", "expected", "low", "high", "learnt"],
        )
        yield opened


@pytest.fixture
def gospulse(
    client: Client,
    clickhouse_server: ClickHouseServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Gospulse:
    """Runs ``gospulse spikes``: its exit code and what it printed."""
    login = clickhouse_server.connection
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("GOSPULSE_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("GOSPULSE_CLICKHOUSE", f"http://{login.host}:{login.port}")
    monkeypatch.setenv("GOSPULSE_CLICKHOUSE_PASSWORD", login.password.reveal())
    client.command("TRUNCATE TABLE gospulse_data.spike_decisions")
    client.command("TRUNCATE TABLE gospulse_data.spike_evaluations")

    def run(*arguments: str) -> tuple[int, str]:
        capsys.readouterr()
        try:
            code = main(["spikes", *arguments])
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capsys.readouterr()
        return code, said.out + said.err

    return run


def test_list_shows_open_episodes_and_with_all_the_closed_ones(gospulse: Gospulse) -> None:
    code, said = gospulse("list")
    assert code == 0 and OPEN in said and CLOSED not in said and "24 in 3 h" in said
    code, said = gospulse("list", "--all", "--json")
    assert code == 0 and {row["id"]: row["state"] for row in json.loads(said)} == {OPEN: "open", CLOSED: "closed"}
    assert gospulse("list", "--days", "0")[0] == 2


def test_show_tells_what_carries_an_episode(gospulse: Gospulse) -> None:
    code, said = gospulse("show", OPEN)
    assert code == 0 and "housing.heating" in said and "24 обращения за 3 ч" in said
    code, said = gospulse("show", "0000000000000000")
    assert code == 1 and "there is no episode" in said and "spikes list --all" in said


def test_explain_sets_observed_against_usual(gospulse: Gospulse) -> None:
    code, said = gospulse("explain", PLACE, "--at", NOW.isoformat())
    assert code == 0 and "usual" in said and "observed 0, usual 0.5 (0 to 2)" in said
    assert f"Episode {OPEN} since" in said and "UTC, alerted: 24 обращения за 3 ч" in said
    before = (NOW - timedelta(hours=3)).isoformat()
    assert "No episode is open: nothing is unusual enough" in gospulse("explain", PLACE, "--at", before)[1]
    code, said = gospulse("explain", "99999999", "--at", NOW.isoformat())
    assert code == 1 and "99999999" in said
    code, said = gospulse("explain", PLACE, "--at", "2026-11-27T12:00")
    assert code == 2 and "no time zone" in said


def test_a_decision_is_kept_and_counted(gospulse: Gospulse, client: Client) -> None:
    assert gospulse("accept", OPEN, "--why", "called the utility")[0] == 0
    assert gospulse("confirm", OPEN, "--why", "no heating\n in three houses")[0] == 0
    rows = client.query("SELECT decision, why FROM gospulse_data.spike_decisions ORDER BY at").result_rows
    assert rows == [("accept", "called the utility"), ("confirm", "no heating in three houses")]
    assert "confirm" in gospulse("list")[1]
    assert gospulse("hand-over", OPEN, "--why", "night shift")[0] == 0
    assert gospulse("dismiss", "0000000000000000", "--why", "test")[0] == 1
    code, said = gospulse("dismiss", OPEN, "--why", "  ")
    assert code == 2 and "--why takes 1 to 500 characters" in said
    assert gospulse("dismiss", OPEN)[0] == 2


def test_quality_fails_where_the_detector_is_dead(gospulse: Gospulse, client: Client) -> None:
    code, said = gospulse("quality")
    assert code == 1 and re.search(r"alive +(false|False|no|0)", said)
    client.insert(
        "gospulse_data.spike_evaluations",
        [[datetime.now(UTC), datetime.now(UTC), 0.5, 2400, 2300, 0, 0.1, 0, 1, ""]],
        column_names=[
            *("evaluated", "written_at", "seconds", "series", "tested", "excluded_hours", "expected_episodes"),
            *("below_hundredth", "open", "held"),
        ],
    )
    code, said = gospulse("quality")
    assert code == 0 and "2300" in said


def history(path: Path, *, extra: int = 0) -> Path:
    """40 days of two messages an hour in six places, ``extra`` more in one of them on day 35 at noon."""
    random = np.random.default_rng(2)
    begin = datetime(2026, 1, 5, tzinfo=UTC)
    lines = ["time,place,region,count"]
    for place in range(6):
        for hour, count in enumerate(random.poisson(2.0, 40 * 24)):
            more = extra if place == 3 and hour == 35 * 24 + 12 else 0
            lines.append(f"{begin + timedelta(hours=hour):%Y-%m-%dT%H:%M:%SZ},place-{place},region,{count + more}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_backtest_prints_precision_recall_delay_and_draws(gospulse: Gospulse, tmp_path: Path) -> None:
    counts = history(tmp_path / "counts.csv", extra=80)
    truth = tmp_path / "truth.csv"
    truth.write_text(
        "place,from,to\nplace-3,2026-02-09T12:00:00Z,2026-02-10T12:00:00Z\nplace-1,2026-02-05,2026-02-05\n"
    )
    code, said = gospulse("backtest", str(counts), "--truth", str(truth), "--plot", str(tmp_path / "plots"))
    assert code == 0
    assert "Precision 1.00 (1 of 1 alerts), recall 0.50 (1 of 2 spikes), median delay 1 h." in said
    assert "1 alerts" in said and "Calibration" in said
    assert (tmp_path / "plots" / "place_3.svg").read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("text", "code", "why"),
    [
        (None, 2, "there is no file"),
        ("when,place\n", 2, "has no column time"),
        ("time,place\nyesterday,a\n", 2, "line 2: time is 'yesterday'"),
        ("time,place,count\n2026-01-01,a,many\n", 2, "line 2: count is 'many'"),
        ("time,place,count\n2026-01-01,a,-1\n", 2, "line 2: count is '-1'"),
        ("time,place\n", 1, "holds no rows"),
        ("time,place\n2026-01-01,a\n2026-01-05,a\n", 1, "at least 29 days"),
    ],
)
def test_backtest_rejects_a_wrong_file(
    gospulse: Gospulse, tmp_path: Path, text: str | None, code: int, why: str
) -> None:
    file = tmp_path / "counts.csv"
    if text is not None:
        file.write_text(text, encoding="utf-8")
    found, said = gospulse("backtest", str(file))
    assert found == code and why in said and "Traceback" not in said


def test_backtest_rejects_a_wrong_truth(gospulse: Gospulse, tmp_path: Path) -> None:
    counts = history(tmp_path / "counts.csv")
    truth = tmp_path / "truth.csv"
    assert gospulse("backtest", str(counts), "--truth", str(truth))[0] == 2
    truth.write_text("place,from\na,2026-01-01\n")
    code, said = gospulse("backtest", str(counts), "--truth", str(truth))
    assert code == 2 and "has no column to" in said


def test_backtest_of_an_empty_system_says_so(gospulse: Gospulse) -> None:
    code, said = gospulse("backtest", "-")
    assert code == 1 and "there are no appeals in the last 120 days" in said
