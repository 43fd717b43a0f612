"""Checks of a mapping: constants within the contract, an existing zone, a known encoding."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ingest.mapping.mapping import AppealMapping, MappingError, Rule
from ingest.mapping.times import ZONELESS, time_reader
from schemas.contract.events import ENTRANCES, FORMATS
from schemas.contract.identifiers import PAGE, PLACE, SOURCE, TOPIC, is_label

_REQUIRED: Final = frozenset({"channel", "entrance"})
TRUE_TEXTS: Final = frozenset({"true", "yes", "1"})
FALSE_TEXTS: Final = frozenset({"", "false", "no", "0"})

_FORMS: Final[dict[str, tuple[Callable[[str], object], str]]] = {
    "channel": (is_label, "one printable line"),
    "entrance": (lambda text: text in ENTRANCES, f"one of {', '.join(ENTRANCES)}"),
    "place": (PLACE.fullmatch, "eight digits of OKTMO or namespace:code"),
    "topic": (TOPIC.fullmatch, "two dotted levels such as housing.heating"),
    "page": (PAGE.fullmatch, "vk:, ok:, tg: or max: followed by the page's public id"),
    "responder": (is_label, "one printable line"),
    "object": (is_label, "one printable line"),
    "format": (lambda text: text in FORMATS, f"one of {', '.join(FORMATS)}"),
    "urgent": (lambda text: text.lower() in TRUE_TEXTS | FALSE_TEXTS, "true or false"),
}


def check(mapping: AppealMapping) -> None:
    """Raise MappingError, one sentence that names the key, when the mapping cannot work on any file."""
    if not SOURCE.fullmatch(mapping.source):
        raise MappingError("key `source` must be letters, digits and _ . : / - (at most 96).")
    _check_file(mapping)
    _check_times(mapping)
    for name, rule in mapping.fields.given().items():
        _check_rule(f"fields.{name}", name, rule)
    if mapping.shape == "appeals":
        _check_events(mapping)
    else:
        _check_total(mapping)


def _check_file(mapping: AppealMapping) -> None:
    encoding = mapping.file.encoding
    try:
        codecs.lookup(encoding)
        # Lines are split before they are decoded, so that a bad row does not affect others.
        splittable = '\r\n,"{}:'.encode(encoding) == b'\r\n,"{}:' and "\n".encode(encoding) == b"\n"
    except (LookupError, UnicodeError, ValueError):
        raise MappingError(f"key `file.encoding`: {encoding} is not a text encoding.") from None
    if not splittable:
        raise MappingError(f"key `file.encoding`: {encoding} cannot be read line by line; convert the file to UTF-8.")
    delimiter = mapping.file.delimiter
    if delimiter is not None and (delimiter in '"\r\n' or not delimiter.isascii()):
        raise MappingError("key `file.delimiter` must be one character such as a comma, a semicolon or a tab.")


def _check_times(mapping: AppealMapping) -> None:
    zone = mapping.time.zone
    forms = {"time.format": mapping.time.format}
    forms |= {f"events[{i}].format": event.format for i, event in enumerate(mapping.events) if event.format}
    if mapping.total is not None and mapping.total.format is not None:
        forms["total.format"] = mapping.total.format
    for key, form in forms.items():
        if form in ZONELESS or form == "iso":
            continue
        if "%" not in form:
            raise MappingError(f"key `{key}` must be iso, unix, unix_ms or a pattern such as %d.%m.%Y %H:%M.")
        sample = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
        try:
            time_reader(form, ZoneInfo("UTC"))(sample.strftime(form))
        except ValueError:
            raise MappingError(f"key `{key}`: times cannot be read by this pattern.") from None
    if not zone and any(form not in ZONELESS for form in forms.values()):
        raise MappingError("key `time.zone` is missing: local times need a zone such as Europe/Moscow.")
    if not zone and mapping.shape == "totals":
        raise MappingError("key `time.zone` is missing: the days of totals are cut in a zone such as Europe/Moscow.")
    find_zone(zone)


def find_zone(name: str) -> ZoneInfo:
    """The zone of a mapping; UTC where none is needed. Raises MappingError when there is no such zone."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise MappingError(f"key `time.zone`: there is no time zone {name}.") from None


def _check_rule(key: str, field: str, rule: Rule) -> None:
    given = [name for name in ("constant", "column", "template") if getattr(rule, name) is not None]
    if len(given) != 1:
        raise MappingError(f"key `{key}` must have exactly one of constant, column and template.")
    if rule.template is not None and not rule.columns:
        raise MappingError(f"key `{key}.template` names no column in braces.")
    if rule.constant is not None and (rule.values is not None or rule.unlisted is not None or rule.empty):
        raise MappingError(f"key `{key}`: a constant has no values, unlisted or empty.")
    if rule.values is None and rule.unlisted is not None:
        raise MappingError(f"key `{key}.unlisted` needs `{key}.values`.")
    fits, form = _FORMS[field]
    for text in sorted(rule.results):
        if text == "":
            if field in _REQUIRED and (
                rule.constant == "" or rule.unlisted == "" or "" in (rule.values or {}).values()
            ):
                raise MappingError(f"key `{key}`: an empty {field} is not possible; it must be {form}.")
            continue
        if not fits(text):
            raise MappingError(f"key `{key}`: {text[:60]!r} is not possible; it must be {form}.")


def _check_events(mapping: AppealMapping) -> None:
    if mapping.total is not None:
        raise MappingError("key `total` belongs to the shape totals.")
    kinds = [event.kind for event in mapping.events]
    if not kinds:
        raise MappingError("key `events` is missing: name each event and the column of its time.")
    for index, event in enumerate(mapping.events):
        if event.responder is not None:
            _check_rule(f"events[{index}].responder", "responder", event.responder)
    if kinds.count("appeal_received") > 1:
        raise MappingError("key `events`: appeal_received may be there once only.")


def _check_total(mapping: AppealMapping) -> None:
    total = mapping.total
    if mapping.events or mapping.thread:
        raise MappingError("keys `events` and `thread` belong to the shape appeals.")
    if total is None:
        raise MappingError("key `total` is missing: name the columns of the period and of the count.")
    for name in ("responder", "object", "format", "urgent"):
        if getattr(mapping.fields, name) is not None:
            raise MappingError(f"key `fields.{name}` belongs to the shape appeals.")
    observed = total.observed_at
    if observed is not None and (observed.column is None) == (observed.constant is None):
        raise MappingError("key `total.observed_at` must have exactly one of column and constant.")
    named = {*mapping.key, total.period}
    for name, rule in mapping.fields.given().items():
        for column in rule.columns:
            if column not in named:
                raise MappingError(
                    f"key `key` must name the column {column} too: rows of one total must agree on fields.{name}."
                )
