"""What Grafana makes of a rule's rows: which instances fire, which resolve. Its own rules, retyped.

A numeric table (one number, all other columns texts) gives one instance a row; the texts are its labels; equal labels
are an error. An instance whose row is missing resolves after some evaluations (Grafana's pkg/expr and ngalert).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from msgspec import Struct

from dashboards.checker import kind_of
from dashboards.datasource.request import Answer

Labels = tuple[tuple[str, str], ...]


class NoNumberTableError(ValueError):
    """The rows cannot be evaluated; the message is Grafana's."""


class Instances(Struct, frozen=True):
    """State of a rule after an evaluation: firing instances, and for those without a row the evaluations missed."""

    firing: frozenset[Labels] = frozenset()
    missing: Mapping[Labels, int] = {}
    resolved: frozenset[Labels] = frozenset()


def values(answer: Answer) -> dict[Labels, float]:
    """The number of each instance. Raises NoNumberTableError where Grafana would end in an error."""
    kinds = [kind_of(declared) for declared in answer.types]
    if kinds.count("number") != 1 or any(kind not in ("number", "text") for kind in kinds):
        raise NoNumberTableError("input data must be a wide series but got type not")
    column = kinds.index("number")
    found: dict[Labels, float] = {}
    for row in answer.rows:
        labels = tuple(
            (name, str(value)) for n, (name, value) in enumerate(zip(answer.columns, row, strict=True)) if n != column
        )
        if labels in found:
            raise NoNumberTableError("frame cannot uniquely be identified by its labels: has duplicate results")
        found[labels] = float(row[column])
    return found


def evaluate(
    before: Instances, answer: Answer, *, no_data: Literal["OK", "Alerting"], missing_evaluations: int
) -> Instances:
    """One evaluation after another, for a condition of "above 0.5" without a waiting time."""
    found = values(answer)
    if not found and no_data == "Alerting":
        return Instances(frozenset({(("alertname", "DatasourceNoData"),)}))
    firing = {labels for labels, value in found.items() if value > 0.5}
    resolved = {labels for labels in before.firing if labels in found and labels not in firing}
    missing: dict[Labels, int] = {}
    for labels in before.firing - set(found):
        count = before.missing.get(labels, 0) + 1
        if count >= missing_evaluations:
            resolved.add(labels)
        else:
            missing[labels] = count
            firing.add(labels)
    return Instances(frozenset(firing), missing, frozenset(resolved))


def would_fire(answer: Answer) -> Sequence[Labels]:
    """Instances that fire on these rows alone."""
    return sorted(evaluate(Instances(), answer, no_data="OK", missing_evaluations=1).firing)
