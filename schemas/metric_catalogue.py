"""The catalogue of metrics: the only source of labels, of panel descriptions and of ``docs/metrics.md``.

``python -m schemas.metric_catalogue`` writes ``docs/metrics.md``. Texts are in Russian: people read them on the boards.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from schemas.metrics.answers import ANSWERS
from schemas.metrics.messages import MESSAGES
from schemas.metrics.metric import UNIT_NAMES, Metric
from schemas.metrics.pages import PAGES
from schemas.metrics.shares import SHARES
from schemas.metrics.spikes import SPIKES

METRICS: Final[tuple[Metric, ...]] = MESSAGES + SHARES + ANSWERS + PAGES + SPIKES


def metric(key: str) -> Metric:
    """The metric of a key. Raises KeyError for a key that the catalogue does not hold."""
    return _BY_KEY[key]


def document(catalogue: tuple[Metric, ...]) -> str:
    """The catalogue in Markdown."""
    parts = [_INTRODUCTION]
    for each in catalogue:
        columns = ", ".join(f"`{name}`" for name in each.columns)
        parts.append(
            f"## {each.title}\n\n{each.definition}\n\n"
            f"| | |\n|---|---|\n| ключ | `{each.key}` |\n| формула | {each.formula} |\n"
            f"| единица | {UNIT_NAMES[each.unit]} |\n| время | {each.zone} |\n"
            f"| представление | [`{each.view}`](views.md#{each.view}): {columns} |\n| не годится | {each.not_for} |"
        )
    return "\n\n".join(part.strip() for part in parts) + "\n"


_BY_KEY: Final = {each.key: each for each in METRICS}

_INTRODUCTION: Final = """# Metrics

The figures of the boards, in the words of the boards. This page is made from `schemas/metrics` by
`python -m schemas.metric_catalogue`. Labels and panel descriptions come from the same place: one label has one meaning
on every board. What a worker reports about itself is another matter: [worker metrics](worker-metrics.md).
"""


if __name__ == "__main__":
    Path("docs/metrics.md").write_text(document(METRICS), encoding="utf-8")
