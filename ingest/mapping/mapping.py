"""A mapping: a TOML file that turns the columns of a file into appeals, or totals of appeals."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

from ingest.mapping.times import Length
from schemas.contract.events import AppealKind

Column = Annotated[str, Meta(min_length=1, max_length=200)]
_PLACEHOLDER: Final = re.compile(r"\{([^{}]+)\}")


class MappingError(Exception):
    """The mapping cannot be used. The message is one sentence that names the key."""


class _Strict(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of the mapping: an unknown key is an error."""


class Rule(_Strict, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The source of a field's text: exactly one of ``constant``, ``column`` and ``template``.

    ``values`` translates the text. ``unlisted`` is the result for other texts; without it the row is rejected.
    ``empty`` is the result where the column, or one of the template's, is empty. An empty result means unknown: no
    value, and ``00000000`` for a place.
    """

    constant: str | None = None
    column: Column | None = None
    #: A text with columns in braces, such as ``la:cd-{CD}``.
    template: str | None = None
    values: Mapping[str, str] | None = None
    empty: str = ""
    unlisted: str | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that the rule reads."""
        if self.column is not None:
            return (self.column,)
        return tuple(_PLACEHOLDER.findall(self.template)) if self.template is not None else ()

    @property
    def results(self) -> set[str]:
        """The texts that are known without a row: the constant, the translations, and the text for an empty cell."""
        known = set(self.values.values()) if self.values else set()
        known.update(text for text in (self.constant, self.unlisted) if text is not None)
        return known if self.constant is not None else known | {self.empty}


class When(_Strict, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A condition on a row: the column holds one of the values."""

    column: Column
    values: Annotated[tuple[str, ...], Meta(min_length=1)]


class EventRule(_Strict, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One event of a row: its kind and the column of its time. Without a time it has not happened."""

    kind: AppealKind
    at: Column
    format: str | None = None
    when: When | None = None
    responder: Rule | None = None


class FileForm(_Strict, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How the file is written. Without ``format``, the file's name tells it."""

    format: Literal["csv", "jsonl"] | None = None
    encoding: str = "utf-8"
    #: By default a comma, in a file named ``.tsv`` a tab.
    delimiter: Annotated[str, Meta(min_length=1, max_length=1)] | None = None
    #: Whether quoted cells of a CSV may hold line breaks.
    multiline: bool = False


class TimeForm(_Strict, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The form of times, and the zone of those without an offset."""

    format: str = "iso"
    zone: str = ""
    #: An earlier event is rejected.
    horizon_years: Annotated[int, Meta(ge=1, le=100)] = 20


class Fields(_Strict, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The fields of the contract that a row gives."""

    channel: Rule
    entrance: Rule
    place: Rule
    topic: Rule | None = None
    page: Rule | None = None
    responder: Rule | None = None
    object: Rule | None = None
    format: Rule | None = None
    urgent: Rule | None = None

    def given(self) -> dict[str, Rule]:
        """The rules by field, without the absent ones."""
        rules = {name: getattr(self, name) for name in self.__struct_fields__}
        return {name: rule for name, rule in rules.items() if rule is not None}


class ObservedAt(_Strict, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The time at which the counts were observed: a column, or one time for the whole file."""

    column: Column | None = None
    constant: str | None = None


class Total(_Strict, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How rows that are counts become totals: rows of one key and one period are summed."""

    #: The column of the period.
    period: Column
    length: Length = "day"
    format: str | None = None
    #: The column with the count; without it every row counts as one.
    value: Column | None = None
    observed_at: ObservedAt | None = None


class AppealMapping(_Strict, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A whole mapping. ``name`` and ``digest`` come from the file that holds it."""

    shape: Literal["appeals", "totals"]
    #: Part of every identity: two sources never share one.
    source: str
    #: The columns that name a row (an appeal, or a series of totals) in its source.
    key: Annotated[tuple[Column, ...], Meta(min_length=1)]
    description: str = ""
    file: FileForm = FileForm()
    time: TimeForm = TimeForm()
    fields: Fields
    #: The columns that name the conversation, where there is one.
    thread: tuple[Column, ...] = ()
    events: tuple[EventRule, ...] = ()
    total: Total | None = None
    name: str = ""
    digest: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that is read, each once, in the mapping's order."""
        wanted: list[str] = [*self.key, *self.thread]
        for rule in self.fields.given().values():
            wanted += rule.columns
        for event in self.events:
            wanted.append(event.at)
            wanted += [event.when.column] if event.when else []
            wanted += event.responder.columns if event.responder else ()
        if self.total is not None:
            wanted.append(self.total.period)
            observed = self.total.observed_at
            wanted += [text for text in (self.total.value, observed.column if observed else None) if text]
        return tuple(dict.fromkeys(wanted))


def placeholders(template: str) -> Iterable[tuple[str, str]]:
    """A template as pairs of plain text and the column that follows it; the last column is empty."""
    parts = _PLACEHOLDER.split(template)
    return zip(parts[::2], [*parts[1::2], ""], strict=True)
