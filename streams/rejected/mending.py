"""Rejected records: reading a record's structure without its values, and mending one that is sent again.

A mended record is sent under an id that is derived from where its original stands, so that mending twice adds nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Final

import msgspec
from msgspec import Struct

from schemas.contract.events import Event, EventValidator, encode_event
from schemas.contract.keys import event_key, reading_key
from schemas.contract.readings import Reading, ReadingValidator, encode_reading
from schemas.contract.rejected import Rejected
from schemas.contract.topics import EVENTS, READINGS
from streams.positions import Position

#: Deeper or longer structures are not followed: the contract knows one level.
_MAX_DEPTH: Final = 4
_MAX_FIELDS: Final = 200
_MAX_NAME: Final = 64


class MendingError(ValueError):
    """A position or a mended record that cannot be used; the message is one sentence."""


class Field(Struct, frozen=True):
    """One field of a record, without its value."""

    path: str
    type: str
    #: Characters of a text, items of a list or object, digits of a number; None where it has none.
    length: int | None


class Mended(Struct, frozen=True):
    """A mended record that is ready to be sent."""

    origin: Position
    topic: str
    id: str
    #: Key where the original's is not known: the source's own, as far as the record names it.
    key: str
    value: bytes


def parse_origin(text: str) -> Position:
    """The position in ``log:partition:offset``. Raises :class:`MendingError`."""
    parts = text.split(":")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() for part in parts):
        raise MendingError(f"{text!r} is not a position such as 1:3:4711 (log:partition:offset)")
    return Position(*(int(part) for part in parts))


def structure(value: bytes) -> list[Field] | None:
    """The fields of a JSON record with their types and lengths; None where it is not JSON in UTF-8."""
    try:
        content = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return [field for _, field in zip(range(_MAX_FIELDS), _fields("", content, 0), strict=False)]


def _fields(path: str, content: Any, depth: int) -> Iterator[Field]:
    yield Field(path or "(record)", _type(content), _length(content))
    if depth >= _MAX_DEPTH:
        return
    if isinstance(content, dict):
        for name, inner in content.items():
            shown = name if name.isprintable() and len(name) <= _MAX_NAME else f"(a name of {len(name)} characters)"
            yield from _fields(f"{path}.{shown}" if path else shown, inner, depth + 1)
    elif isinstance(content, list):
        for inner in content[:1]:
            yield from _fields(f"{path}[0]", inner, depth + 1)


def _type(content: Any) -> str:
    names = {dict: "object", list: "list", str: "text", bool: "true or false", int: "whole number", float: "number"}
    return names.get(type(content), "null")


def _length(content: Any) -> int | None:
    if isinstance(content, dict | list | str):
        return len(content)
    if isinstance(content, int) and not isinstance(content, bool):
        return len(str(abs(content)))
    return None


def mended_id(origin: Position) -> str:
    """The id of the mended copy of what stands at ``origin``: 32 hex digits, always the same."""
    return hashlib.sha256(f"gospulse mended {origin}".encode()).hexdigest()[:32]


def mend(origin: Position, record: object) -> Mended:
    """Check a mended record (an object as JSON gives it) and put it under its derived id.

    Raises :class:`MendingError` with the contract's own sentence where it is still rejected.
    """
    if not isinstance(record, dict):
        raise MendingError("the mended record is not a JSON object")
    identity = mended_id(origin)
    raw = msgspec.json.encode(record | {"id": identity})
    if "metric" in record:
        reading = _accepted(ReadingValidator()(raw))
        assert isinstance(reading, Reading)
        return Mended(origin, READINGS, identity, reading_key(reading), encode_reading(reading))
    event = _accepted(EventValidator()(raw))
    assert isinstance(event, Event)
    return Mended(origin, EVENTS, identity, event_key(event), encode_event(event))


def _accepted(verdict: Event | Reading | Rejected) -> Event | Reading:
    if isinstance(verdict, Rejected):
        raise MendingError(f"the mended record is rejected too: {verdict.reason}")
    return verdict


class MendedLine(Struct, forbid_unknown_fields=True):
    """One line of a file of mended records."""

    origin: str
    record: dict[str, Any]


def parse_line(line: bytes) -> Mended:
    """One line, ``{"origin": "log:partition:offset", "record": {...}}``. Raises :class:`MendingError`."""
    try:
        parsed = msgspec.json.decode(line, type=MendedLine)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MendingError(f'the line is not {{"origin": ..., "record": ...}}: {_plain(error)}') from error
    return mend(parse_origin(parsed.origin), parsed.record)


def _plain(error: Exception) -> str:
    # The decoder's message may quote a value: only its first words, which name the type and the place, are kept.
    return str(error).split(",")[0][:120] if isinstance(error, msgspec.ValidationError) else "not JSON in UTF-8"
