"""Metrics of a worker: what it measures."""

from __future__ import annotations

from typing import Final

from schemas.prometheus_metrics import Metric, MetricValues

PREFIX: Final = "gospulse_worker_"

METRICS: Final = (
    Metric(
        "records_total", "counter", ("topic",), "Records folded and acknowledged, repeats and rejected ones included."
    ),
    Metric("accepted_total", "counter", ("topic", "kind"), "Accepted records by kind of event or metric of reading."),
    Metric("repeats_total", "counter", ("topic",), "Records whose identity stood in the window: not counted again."),
    Metric("rejected_total", "counter", ("topic",), "Records that the contract rejects; each has a row of `rejected`."),
    Metric("excluded_total", "counter", ("topic",), "Records of import runs that the generation excludes."),
    Metric("unknown_fields_total", "counter", ("topic",), "Accepted records with fields outside the contract."),
    Metric("replayed_total", "counter", ("topic",), "Records read again after an assignment: window and chunk."),
    Metric("batches_total", "counter", ("topic",), "Batches that came from Kafka."),
    Metric(
        "batch_records_total", "counter", ("topic",), "Records in those batches: divided by batches, the batch fill."
    ),
    Metric("rewinds_total", "counter", ("topic",), "Seeks back because a batch began beyond the expected offset."),
    Metric("discards_total", "counter", ("topic",), "Folds thrown away and begun again at their chunk."),
    Metric("rebalances_total", "counter", (), "Assignments that the group gave this worker."),
    Metric("flushes_total", "counter", (), "Flushes that were acknowledged as a whole."),
    Metric("inserts_total", "counter", (), "Inserts that ClickHouse acknowledged."),
    Metric("insert_rows_total", "counter", (), "Rows in those inserts."),
    Metric("insert_seconds_total", "counter", (), "Seconds spent in acknowledged inserts."),
    Metric("insert_failures_total", "counter", (), "Attempts to insert that were not acknowledged; each is repeated."),
    Metric("lag_records", "gauge", ("topic", "partition"), "Records of the log that are not acknowledged yet."),
    Metric("stopped", "gauge", ("topic", "partition"), "1 while the partition is stopped; the log says why."),
    Metric("partitions", "gauge", ("state",), "Partitions that this worker owns, by state."),
    Metric("held_records", "gauge", (), "Records in memory that are not acknowledged yet."),
    Metric("flush_age_seconds", "gauge", (), "Seconds since the last acknowledged flush."),
    Metric("flush_interval_seconds", "gauge", (), "Time between two flushes that the insert budget allows now."),
    Metric("sink_good", "gauge", (), "1 while ClickHouse acknowledges, 0 while it is away or refuses."),
)


class Metrics(MetricValues):
    """Values of :data:`METRICS`."""

    def __init__(self) -> None:
        super().__init__(PREFIX, METRICS)
