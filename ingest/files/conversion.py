"""From a row's texts to records of the contract: pure functions of the row, the mapping and the identity key."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from ingest.identities import IdentityKey, identity
from ingest.kafka.outgoing import Outgoing
from ingest.mapping.check import FALSE_TEXTS, TRUE_TEXTS, find_zone
from ingest.mapping.mapping import AppealMapping, EventRule, Rule, placeholders
from ingest.mapping.times import time_reader
from schemas.contract import VERSION
from schemas.contract.events import MAX_AHEAD_MS, Event, EventValidator, encode_event
from schemas.contract.identifiers import PLACE, UNKNOWN_PLACE
from schemas.contract.keys import event_key
from schemas.contract.rejected import Rejected
from schemas.contract.topics import EVENTS

_YEAR_MS: Final = 31_557_600_000
Read = Callable[[Sequence[str]], str]
#: What ``schemas.contract.identifiers.PLACE`` says, for a person.
PLACE_ALPHABET: Final = (
    "a place is eight digits of OKTMO, or `namespace:code` with a code of Latin letters, digits and _ . - (at most 48)."
    " Translate other codes with `values`."
)


class RowRejectedError(Exception):
    """A row is rejected. The reason names the field and never repeats the content of the row."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.why = Rejected(field[:64], reason)


class AppealConverter:
    """Rows that are appeals, to events: the receipt, and the further events that the mapping names.

    ``now_ms`` is the time of the import (UTC). It bounds the times of events and is part of no record. Identities come
    from the source's name and its own key alone, so a row gives the same events in any file, order and year.
    """

    def __init__(self, mapping: AppealMapping, key: IdentityKey, *, source: str, load: str, now_ms: int) -> None:
        self._identity_key = key
        self._source = source
        self._load = load
        self._now_ms = now_ms
        self._earliest_ms = now_ms - mapping.time.horizon_years * _YEAR_MS
        self._horizon_years = mapping.time.horizon_years
        self._validate = EventValidator()
        position = {column: index for index, column in enumerate(mapping.columns)}
        self._key = [position[column] for column in mapping.key]
        self._key_name = ", ".join(mapping.key)
        self._thread = [position[column] for column in mapping.thread]
        self._fields = {name: rule_reader(name, rule, position) for name, rule in mapping.fields.given().items()}
        self._events = [_EventReader(event, mapping, position) for event in mapping.events]

    def __call__(self, cells: Sequence[str]) -> list[Outgoing]:
        """The row's events, in the mapping's order.

        Raises:
            RowRejectedError: the row is rejected as a whole: none of its events may be sent.
        """
        own = [cells[index] for index in self._key]
        if not any(own):
            raise RowRejectedError("key", f"The key of the row is empty (column {self._key_name}).")
        key, source = self._identity_key, self._source
        given = {name: read(cells) for name, read in self._fields.items()}
        appeal = identity(key, "appeal", source, *own)
        thread = [cells[index] for index in self._thread]
        common = _Common(
            place=given.get("place") or UNKNOWN_PLACE,
            channel=given["channel"],
            entrance=given["entrance"],
            topic=given.get("topic") or None,
            page=given.get("page") or None,
            object=given.get("object") or None,
            format=given.get("format") or None,
            urgent=_truth(given.get("urgent", "")),
            thread=identity(key, "thread", source, *thread) if any(thread) else None,
        )
        outgoing = []
        for reader in self._events:
            at = reader.at(cells)
            if at is None:
                continue
            self._reject_beyond(at, reader.rule)
            kind = reader.rule.kind
            # The receipt of an appeal is one fact; it may be closed, reopened and closed again.
            moment = () if kind == "appeal_received" else (str(at),)
            responder = reader.responder(cells) if reader.responder else given.get("responder")
            event = Event(
                v=VERSION,
                id=identity(key, "event", source, kind, *own, *moment),
                kind=kind,
                at=at,
                source=source,
                load=self._load,
                appeal=appeal,
                responder=responder or None,
                **common._asdict(),
            )
            outgoing.append(Outgoing(EVENTS, event_key(event), self._encode(event)))
        return outgoing

    def _reject_beyond(self, at: int, rule: EventRule) -> None:
        if at > self._now_ms + MAX_AHEAD_MS:
            raise RowRejectedError("at", f"Column `{rule.at[:64]}`: the time of {rule.kind} lies in the future.")
        if at < self._earliest_ms:
            raise RowRejectedError(
                "at",
                f"Column `{rule.at[:64]}`: the time of {rule.kind} is more than {self._horizon_years} years ago"
                " (the mapping's `time.horizon_years`).",
            )

    def _encode(self, event: Event) -> bytes:
        """The event as bytes that the contract's own validator accepts: no event is rejected later."""
        try:
            raw = encode_event(event)
        except UnicodeEncodeError:
            raise RowRejectedError("", "The row holds text that is not valid Unicode.") from None
        verdict = self._validate(raw)
        if isinstance(verdict, Rejected):
            raise RowRejectedError(verdict.field, verdict.reason)
        return raw


class _Common(NamedTuple):
    place: str
    channel: str
    entrance: str
    topic: str | None
    page: str | None
    object: str | None
    format: str | None
    urgent: bool
    thread: str | None


class _EventReader:
    """Reads one event's time and responder from a row."""

    def __init__(self, rule: EventRule, mapping: AppealMapping, position: dict[str, int]) -> None:
        self.rule = rule
        self.responder = rule_reader("responder", rule.responder, position) if rule.responder else None
        self._at = position[rule.at]
        self._read = time_reader(rule.format or mapping.time.format, find_zone(mapping.time.zone))
        self._when = (position[rule.when.column], frozenset(rule.when.values)) if rule.when else None

    def at(self, cells: Sequence[str]) -> int | None:
        """When it happened, ms UTC; None when it has not."""
        if self._when is not None and cells[self._when[0]] not in self._when[1]:
            return None
        text = cells[self._at]
        column = self.rule.at[:64]
        if not text:
            if self.rule.kind == "appeal_received":
                raise RowRejectedError("at", f"Column `{column}` is empty: the time of the appeal is not known.")
            return None
        try:
            return self._read(text)
        except ValueError:
            raise RowRejectedError("at", f"Column `{column}` is not a time of the mapping's format.") from None


def rule_reader(field: str, rule: Rule, position: dict[str, int]) -> Read:
    """A function from a row's texts to the text of one field. It raises RowRejectedError for a value that cannot be."""
    if rule.constant is not None:
        constant = rule.constant
        return lambda _cells: constant
    gather = _template(rule, position) if rule.template is not None else _column(rule, position)
    values, empty, unlisted = rule.values, rule.empty, rule.unlisted
    where = ", ".join(rule.columns)[:64]
    required = field in ("channel", "entrance")

    def read(cells: Sequence[str]) -> str:
        text = gather(cells)
        if not text:
            if required and not empty:
                raise RowRejectedError(field, f"Column `{where}` is empty, and {field} is needed.")
            return empty
        if values is None:
            if field == "place" and not PLACE.fullmatch(text):
                raise RowRejectedError(field, f"Column `{where}`: {PLACE_ALPHABET}")
            return text
        found = values.get(text, unlisted)
        if found is None:
            raise RowRejectedError(field, f"Column `{where}` holds a value that the mapping does not list for {field}.")
        return found

    return read


def _column(rule: Rule, position: dict[str, int]) -> Read:
    index = position[rule.columns[0]]
    return lambda cells: cells[index]


def _template(rule: Rule, position: dict[str, int]) -> Read:
    parts = [(text, position[column] if column else None) for text, column in placeholders(rule.template or "")]

    def read(cells: Sequence[str]) -> str:
        texts = []
        for text, index in parts:
            texts.append(text)
            if index is not None:
                if not cells[index]:
                    return ""
                texts.append(cells[index])
        return "".join(texts)

    return read


def _truth(text: str) -> bool:
    lowered = text.lower()
    if lowered in TRUE_TEXTS:
        return True
    if lowered in FALSE_TEXTS:
        return False
    raise RowRejectedError("urgent", "Field `urgent` must be true or false.")
