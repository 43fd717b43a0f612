"""What a metric is: a figure that people see, with its unit, source and limits of use."""

from __future__ import annotations

from typing import Final, Literal

from msgspec import Struct

#: How a value is written: thousands have separators, shares of 1 are per cent.
Unit = Literal[
    "count",
    "share",
    "change",
    "hours",
    "days",
    "per_10k",
    "per_1k",
    "per_page",
    "moment",
    "date",
    "text",
    "minutes",
    "ratio",
    "expected",
]

UNIT_NAMES: Final[dict[Unit, str]] = {
    "count": "штуки",
    "share": "доля, %",
    "change": "изменение, %",
    "hours": "часы",
    "days": "дни",
    "per_10k": "на 10 тыс. жителей",
    "per_1k": "на 1000 просмотров",
    "per_page": "на страницу",
    "moment": "дата и время",
    "date": "дата",
    "text": "слово",
    "minutes": "минуты",
    "ratio": "отношение",
    "expected": "ожидаемое число",
}

MOSCOW: Final = "московское время"
LOCAL_DAY: Final = "местный день муниципалитета"


class Metric(Struct, frozen=True, kw_only=True):
    """A figure that people see: what it is called, what it means, where it comes from, what it must not be used for."""

    key: str
    title: str
    definition: str
    formula: str
    unit: Unit
    zone: str
    view: str
    columns: tuple[str, ...]
    not_for: str

    @property
    def explanation(self) -> str:
        """Definition, formula, time and limits of use: what a panel says before its «Что делать»."""
        return f"{self.definition} Как считается: {self.formula}. Время: {self.zone}. Не годится: {self.not_for}."
