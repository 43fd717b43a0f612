"""Metrics: the text that Prometheus reads, and a documentation that knows every one of them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from streams.worker.metrics import METRICS, PREFIX, Metrics

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "worker-metrics.md"


def test_values_appear_in_prometheus_text() -> None:
    metrics = Metrics()
    metrics.add("records_total", 5, "events")
    metrics.add("records_total", 2, "events")
    metrics.set("sink_good", 1)
    metrics.replace("lag_records", {("events", "0"): 7})
    metrics.replace("lag_records", {("events", "1"): 9})
    lines = metrics.text().splitlines()
    assert f'{PREFIX}records_total{{topic="events"}} 7' in lines
    assert f"{PREFIX}sink_good 1" in lines
    assert f'{PREFIX}lag_records{{topic="events",partition="1"}} 9' in lines
    assert not any('partition="0"' in line for line in lines), "a partition that was lost is still shown"
    assert all(f"# TYPE {PREFIX}{metric.name} {metric.kind}" in lines for metric in METRICS)


def test_a_large_counter_keeps_its_digits() -> None:
    metrics = Metrics()
    metrics.add("records_total", 123_456_789, "events")
    assert f'{PREFIX}records_total{{topic="events"}} 123456789' in metrics.text()


def test_wrong_labels_are_a_mistake() -> None:
    with pytest.raises(ValueError, match="labels"):
        Metrics().add("records_total", 1)


def test_every_metric_is_documented_and_nothing_else() -> None:
    documented = set(re.findall(r"^\| `(\w+)` \|", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE))
    assert documented == {PREFIX + metric.name for metric in METRICS}
