"""Metrics of the webhook service: what it measures."""

from __future__ import annotations

from typing import Final

from schemas.prometheus_metrics import Metric, MetricValues

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


class Metrics(MetricValues):
    """Values of :data:`METRICS`."""

    def __init__(self) -> None:
        super().__init__(PREFIX, METRICS)
