"""What happens now in the demonstration: an imported export, messages through VK's webhook, a spike, a detector."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from deploy.cli.demo.course import DRAIN_PATIENCE_S, FEDERATION, DemoError, await_rollups, log_state, simulate
from deploy.cli.spikes.running import SETTLE_S, STEP_S
from deploy.clickhouse.client import clickhouse
from deploy.errors import FAILURE, INTERRUPTED, UserError
from deploy.machine import stack, workers
from deploy.settings import Settings
from ingest.simulator.federation import Federation

MAPPING: Final = Path(__file__).with_name("export.toml")
_MOSCOW: Final = ZoneInfo("Europe/Moscow")
#: Events of the last hour, sent at once, and those of each round afterwards. About as many appeals as usual, so that
#: the planted spike is the only one; reactions move the screen.
_LAST_HOUR: Final = ("--events", "200", "--appeals", "0.02")
_ROUND: Final = timedelta(minutes=5)
_ROUND_EVENTS: Final = 300
_ROUND_APPEALS: Final = "0.003"
_EXPORT: Final = ("--days", "3", "--events", "600", "--no-readings")
#: A spike takes a quarter of the span of its run, somewhere in the second half.
_SPIKE_SPAN: Final = timedelta(hours=2)


def write_export(settings: Settings) -> Path:
    """Write the export of another system: three days of appeals outside the pages. Returns its path."""
    import argparse

    from deploy.cli.simulate.command import configure, spec_of

    parser = argparse.ArgumentParser()
    configure(parser)
    federation = Federation(spec_of(parser.parse_args([*FEDERATION, *_EXPORT]), time.time_ns() // 1_000_000))
    events = (json.loads(value) for _, _, value in federation.records())
    # One row an appeal: its further messages are left out.
    appeals = {
        event["appeal"]: event
        for event in events
        if event["kind"] == "appeal_received" and event["entrance"] == "social_other"
    }
    path = settings.data / "demo-export.csv"
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        rows = csv.writer(file, delimiter=";")
        rows.writerow(("id", "created", "network", "place", "topic"))
        for key, event in appeals.items():
            created = datetime.fromtimestamp(event["at"] / 1000, _MOSCOW)
            rows.writerow((key, f"{created:%Y-%m-%d %H:%M:%S}", event["channel"], event["place"], event.get("topic")))
    return path


def send(settings: Settings) -> None:
    """Send the last hour through the webhook, and a spike in a small municipality. Raises UserError."""
    end = datetime.now(UTC)
    _through_webhook(settings, end - timedelta(hours=1), end, *_LAST_HOUR)
    _through_webhook(
        settings,
        end - _SPIKE_SPAN,
        end,
        "--events",
        "80",
        "--appeals",
        "0.02",
        "--spikes",
        "1",
        "--spike-size",
        "18",
        "--small-spikes",
    )


def go_on(settings: Settings) -> None:
    """Send live messages round by round until interrupted: each at the moment at which it happens."""
    while True:
        begin = datetime.now(UTC)
        rate = f"{_ROUND_EVENTS / _ROUND.total_seconds():g}"
        size = ("--events", str(_ROUND_EVENTS), "--appeals", _ROUND_APPEALS, "--rate", rate)
        _through_webhook(settings, begin, begin + _ROUND, *size)


def await_counted(settings: Settings) -> None:
    """Wait until everything in the log is counted, and bring every roll-up up to date. Raises DemoError."""
    deadline = time.monotonic() + DRAIN_PATIENCE_S
    while True:
        end, folded = log_state(settings)
        if folded >= end:
            break
        if time.monotonic() > deadline:
            raise DemoError("the workers did not catch up; `gospulse status` and `gospulse logs` say more")
        time.sleep(0.3)
    await_rollups(settings)


def now() -> str:
    """The moment to evaluate, ISO 8601 in UTC: the one that a running detector would take now, never a later one.

    The detector is started afterwards and must not meet an evaluation of its future.
    """
    moment = (time.time() - SETTLE_S) // STEP_S * STEP_S
    return datetime.fromtimestamp(moment, UTC).isoformat()


def episode_of_a_municipality(settings: Settings) -> str | None:
    """The identity of the most unusual open episode of a municipality."""
    with clickhouse(settings.clickhouse) as client:
        rows = client.query(
            "SELECT id FROM gospulse.spikes WHERE state = 'open' AND level = 'municipality' "
            "ORDER BY best_alarms LIMIT 1"
        ).result_rows
    return str(rows[0][0]) if rows else None


def start_detector(settings: Settings, say: Callable[[str], None]) -> None:
    """Start the spike detector, now that there is a history to learn from."""
    if settings.spikes:
        stack.up(msgspec.structs.replace(settings, spikes=True), say)


def _through_webhook(settings: Settings, begin: datetime, end: datetime, *options: str) -> None:
    process = simulate(
        settings, "--start", begin.isoformat(), "--end", end.isoformat(), "--no-readings", *options,
        "--through", "webhook", "--force",
    )  # fmt: skip
    try:
        code = process.wait()
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()
    if code == INTERRUPTED:
        raise KeyboardInterrupt
    if code != 0:
        raise UserError(f"live messages were not sent; see {workers.log_file(settings.data, 'simulate')}", FAILURE)
