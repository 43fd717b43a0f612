"""Judging one record: what the validators of events, readings and rejections have in common."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec
from msgspec import Struct

from schemas.contract import VERSION
from schemas.contract.identifiers import NAME
from schemas.contract.rejected import Rejected, from_decoder, rejected_version

Record = TypeVar("Record", bound=Struct)
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class _Head(Struct):
    v: object = None
    kind: object = None
    metric: object = None


class RecordValidator(Generic[Record]):
    """Judges one record alone: a ``Record``, or the :class:`Rejected` that says what is wrong with it.

    ``unknown_fields`` counts accepted records with fields outside the contract; these fields are dropped.
    """

    #: The field with a list of names: an unknown name is repeated in the verdict.
    named = ""

    def __init__(self, strict: type[Record], lenient: type[Record]) -> None:
        """``strict`` forbids unknown fields, ``lenient`` drops them: the first is the fast path."""
        self.unknown_fields = 0
        self._strict = msgspec.json.Decoder(strict).decode
        self._lenient = msgspec.json.Decoder(lenient).decode

    def __call__(self, raw: bytes) -> Record | Rejected:
        """Judge ``raw``, one JSON object in UTF-8. Never raises."""
        try:
            record = self._strict(raw)
        except _UNREADABLE:
            return self._second_look(raw)
        return self._check(record) or record

    def _check(self, record: Record) -> Rejected | None:
        """What is wrong with a decoded record; None where nothing is."""
        raise NotImplementedError

    def _second_look(self, raw: bytes) -> Record | Rejected:
        try:
            record = self._lenient(raw)
        except msgspec.ValidationError as error:
            return self._named(raw, from_decoder(str(error)))
        except _UNREADABLE:
            return Rejected("", "The record is not valid JSON in UTF-8.")
        why = self._check(record)
        if why is not None:
            return why
        self.unknown_fields += 1
        return record

    def _named(self, raw: bytes, why: Rejected) -> Rejected:
        """A later version is named before its fields are judged; an unknown kind or metric by its name."""
        try:
            head = msgspec.json.decode(raw, type=_Head)
        except _UNREADABLE:
            return why
        if isinstance(head.v, int) and not isinstance(head.v, bool) and head.v > VERSION:
            return rejected_version(head.v)
        name = getattr(head, self.named, None)
        if why.field == self.named and isinstance(name, str) and NAME.fullmatch(name):
            return Rejected(self.named, f"Field `{self.named}`: {name} is not a {self.named} of version {VERSION}.")
        return why
