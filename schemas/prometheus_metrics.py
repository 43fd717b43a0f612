"""Metrics that a process reports about itself: a list of metrics, their values, and the text for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from msgspec import Struct


class Metric(Struct, frozen=True):
    """One metric: its name without the prefix, its kind, its labels, one sentence."""

    name: str
    kind: Literal["counter", "gauge"]
    labels: tuple[str, ...]
    help: str


class MetricValues:
    """Values of a list of metrics.

    A name outside the list raises KeyError; other labels than those of the list raise ValueError.
    """

    def __init__(self, prefix: str, metrics: Sequence[Metric]) -> None:
        self._prefix = prefix
        self._metrics = {metric.name: metric for metric in metrics}
        self._values: dict[str, dict[tuple[str, ...], float]] = {name: {} for name in self._metrics}

    def add(self, name: str, value: float, *labels: str) -> None:
        """Raise a counter."""
        values = self._values[name]
        before = values.get(labels)
        if before is None:
            self._checked(name, labels)
            before = 0.0
        values[labels] = before + value

    def set(self, name: str, value: float, *labels: str) -> None:
        """Set a gauge, or a counter that is kept elsewhere."""
        self._checked(name, labels)[labels] = value

    def replace(self, name: str, values: Mapping[tuple[str, ...], float]) -> None:
        """Set a gauge for these labels and remove all others, such as those of a lost partition."""
        for labels in values:
            self._checked(name, labels)
        self._values[name] = dict(values)

    def get(self, name: str, *labels: str) -> float:
        """The value now; 0 where nothing was counted."""
        return self._checked(name, labels).get(labels, 0.0)

    def text(self) -> str:
        """All values in Prometheus' text format, version 0.0.4."""
        return "".join(f"{line}\n" for line in self._lines())

    def _lines(self) -> Iterator[str]:
        for metric in self._metrics.values():
            name = self._prefix + metric.name
            yield f"# HELP {name} {metric.help}"
            yield f"# TYPE {name} {metric.kind}"
            values = self._values[metric.name]
            for labels in sorted(values) or ([()] if not metric.labels else []):
                marked = ",".join(f'{key}="{value}"' for key, value in zip(metric.labels, labels, strict=True))
                shown = f"{name}{{{marked}}}" if marked else name
                yield f"{shown} {values.get(labels, 0.0):.15g}"

    def _checked(self, name: str, labels: tuple[str, ...]) -> dict[tuple[str, ...], float]:
        expected = self._metrics[name].labels
        if len(expected) != len(labels):
            raise ValueError(f"{name} has the labels {expected}, not {labels}")
        return self._values[name]
