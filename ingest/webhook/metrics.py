"""Metrics of the webhook service: the list of what is measured, and its text for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from msgspec import Struct


class Metric(Struct, frozen=True):
    """One metric: its name without the prefix, what kind it is, its labels, one sentence."""

    name: str
    kind: Literal["counter", "gauge"]
    labels: tuple[str, ...]
    help: str


PREFIX: Final = "gospulse_webhook_"

METRICS: Final = (
    Metric("responses_total", "counter", ("status",), "Answers by HTTP status, broken requests included."),
    Metric("requests_total", "counter", ("platform", "outcome"), "Requests to a platform's address by outcome."),
    Metric("payloads_total", "counter", ("platform", "type"), "Accepted requests by their type."),
    Metric("retries_total", "counter", ("platform",), "Requests that the platform marked as sent again."),
    Metric("events_total", "counter", ("platform", "kind"), "Events that Kafka acknowledged, by kind."),
    Metric("unplaced_total", "counter", ("platform",), "Events of pages that the register does not know."),
    Metric("rejections_total", "counter", ("platform",), "Records of the topic `rejected` that Kafka acknowledged."),
    Metric("kafka_failures_total", "counter", (), "Requests whose records Kafka did not acknowledge."),
    Metric("kafka_seconds_total", "counter", (), "Seconds from a parsed request to Kafka's acknowledgement."),
    Metric("kafka_open", "gauge", (), "1 while requests are handed to Kafka, 0 while it is away."),
    Metric("connections", "gauge", (), "Open connections."),
    Metric("connections_rejected_total", "counter", (), "Connections beyond the limit."),
    Metric("connections_silent_total", "counter", (), "Connections closed because no request came on them."),
    Metric("defects_total", "counter", ("platform",), "Requests that met a defect of the service; the log says where."),
    Metric("sources", "gauge", ("platform",), "Pages whose calls are expected."),
    Metric("register_pages", "gauge", (), "Pages that the register in memory knows."),
    Metric("register_age_seconds", "gauge", (), "Seconds since the register was read from ClickHouse."),
)
_BY_NAME: Final = {metric.name: metric for metric in METRICS}


class Metrics:
    """Values of :data:`METRICS`; a name or label outside the list is a mistake and raises KeyError or ValueError."""

    def __init__(self) -> None:
        self._values: dict[str, dict[tuple[str, ...], float]] = {metric.name: {} for metric in METRICS}

    def add(self, name: str, value: float, *labels: str) -> None:
        """Raise a counter."""
        values = self._checked(name, labels)
        values[labels] = values.get(labels, 0.0) + value

    def set(self, name: str, value: float, *labels: str) -> None:
        """Set a gauge."""
        self._checked(name, labels)[labels] = value

    def get(self, name: str, *labels: str) -> float:
        """The value now; 0 where nothing was noted."""
        return self._checked(name, labels).get(labels, 0.0)

    def text(self) -> str:
        """All values in Prometheus' text format, version 0.0.4."""
        return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        for metric in METRICS:
            name = PREFIX + metric.name
            yield f"# HELP {name} {metric.help}"
            yield f"# TYPE {name} {metric.kind}"
            values = self._values[metric.name]
            for labels in sorted(values) or ([()] if not metric.labels else []):
                marked = ",".join(f'{key}="{value}"' for key, value in zip(metric.labels, labels, strict=True))
                shown = f"{name}{{{marked}}}" if marked else name
                yield f"{shown} {values.get(labels, 0.0):.15g}"

    def _checked(self, name: str, labels: tuple[str, ...]) -> dict[tuple[str, ...], float]:
        if len(_BY_NAME[name].labels) != len(labels):
            raise ValueError(f"{name} has the labels {_BY_NAME[name].labels}, not {labels}")
        return self._values[name]
