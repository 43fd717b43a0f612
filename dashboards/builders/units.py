"""Units of fields as Grafana writes them, and colours with a meaning."""

from __future__ import annotations

from typing import Any, Final

from schemas.metrics.metric import Metric, Unit

#: Grafana's `locale` writes thousands with separators; a suffix of our own keeps units Russian. `time:` takes the
#: letters of moment.js: the units that Grafana names write dates as Americans do.
GRAFANA_UNITS: Final[dict[Unit, str]] = {
    "count": "locale",
    "share": "percentunit",
    "change": "percentunit",
    "hours": "suffix: ч",
    "days": "suffix: дн.",
    "per_10k": "none",
    "per_1k": "none",
    "per_page": "suffix: на стр.",
    "moment": "time:DD.MM.YY HH:mm",
    "date": "time:DD.MM.YYYY",
    "text": "none",
    "minutes": "suffix: мин",
    "ratio": "none",
    "expected": "locale",
}
DECIMALS: Final[dict[Unit, int]] = {
    "count": 0,
    "share": 1,
    "change": 0,
    "hours": 1,
    "days": 1,
    "per_10k": 1,
    "per_1k": 2,
    "per_page": 1,
    "moment": 0,
    "date": 0,
    "text": 0,
    "minutes": 0,
    "ratio": 2,
    "expected": 1,
}

NO_DATA: Final = "нет данных"

#: One accent; grey for what is only context; red, amber and green say bad, watch and good, and nothing else.
ACCENT: Final = "#5794F2"
CONTEXT: Final = "#8E95A3"
GOOD: Final = "#56A64B"
WATCH: Final = "#F2A93B"
BAD: Final = "#E0524A"
QUIET: Final = "#3A3F4B"


def thresholds(first: str, *steps: tuple[float, str]) -> dict[str, Any]:
    """Absolute thresholds: the colour below the first step, then ``(from, colour)`` ascending."""
    return {
        "mode": "absolute",
        "steps": [{"color": first, "value": None}, *({"color": colour, "value": value} for value, colour in steps)],
    }


PLAIN: Final = thresholds(ACCENT)
#: Answers in time: half is bad, four fifths are good.
IN_TIME: Final = thresholds(BAD, (0.6, WATCH), (0.8, GOOD))
#: Share through public pages: the country stands at 0.65.
SHARE: Final = thresholds(BAD, (0.4, WATCH), (0.65, GOOD))
COVERAGE: Final = thresholds(BAD, (0.5, WATCH), (0.9, GOOD))
#: More waiting than nothing is no alarm by itself.
OVERDUE: Final = thresholds(GOOD, (1, WATCH))


def without_value(text: str) -> list[dict[str, Any]]:
    """The mapping of NULL to a grey text. Without it Grafana gives NULL the colour of the lowest threshold."""
    return [{"type": "special", "options": {"match": "null", "result": {"text": text, "color": CONTEXT, "index": 0}}}]


def defaults(metric: Metric, colours: dict[str, Any] = PLAIN, absent: str = NO_DATA) -> dict[str, Any]:
    """The field defaults of a panel that shows one metric; ``absent`` is shown where there is no value."""
    return {
        "unit": GRAFANA_UNITS[metric.unit],
        "decimals": DECIMALS[metric.unit],
        "noValue": absent,
        "thresholds": colours,
        "color": {"mode": "thresholds"},
    }
