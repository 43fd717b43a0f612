"""Metrics of a worker: the typed list of what is measured, and its text for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final, Literal

from msgspec import Struct


class Metric(Struct, frozen=True):
    """One metric: its name without the prefix, what kind it is, its labels, one sentence."""

    name: str
    kind: Literal["counter", "gauge"]
    labels: tuple[str, ...]
    help: str


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
        """Set a gauge, or a counter that is kept elsewhere."""
        self._checked(name, labels)[labels] = value

    def replace(self, name: str, values: Mapping[tuple[str, ...], float]) -> None:
        """Set a gauge for exactly these labels: what is not named is gone, such as a lost partition."""
        for labels in values:
            self._checked(name, labels)
        self._values[name] = dict(values)

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
