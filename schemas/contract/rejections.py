"""Rejections, contract version 1: what ingest could not understand, without what it said (it may be personal)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from schemas.contract import VERSION
from schemas.contract.events import Code, TimeMs
from schemas.contract.identifiers import SOURCE
from schemas.contract.rejected import Rejected, rejected_version, wrong_form
from schemas.contract.validator import RecordValidator


class Rejection(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One record of the topic ``rejected``."""

    v: Annotated[int, Meta(description="Version of the contract, always 1.")]
    at: Annotated[TimeMs, Meta(description="When ingest rejected it: milliseconds since 1970-01-01T00:00:00Z.")]
    source: Annotated[Code, Meta(description="Which feed brought it.")]
    field: Annotated[str, Meta(max_length=64, description="The offending field, or an empty text.")]
    reason: Annotated[str, Meta(min_length=1, max_length=300, description="One sentence; never a value of the record.")]
    origin: Annotated[
        Annotated[str, Meta(max_length=160)] | None,
        Meta(
            description="Where the original stands, in the source's own terms (a line number, an update's type); never "
            "its content."
        ),
    ] = None
    load: Annotated[Code | None, Meta(description="One run of an import.")] = None


def encode_rejection(rejection: Rejection) -> bytes:
    """The rejection as JSON in UTF-8; defaults are left out."""
    return msgspec.json.encode(rejection)


class RejectionValidator(RecordValidator[Rejection]):
    """Judges one record alone: a :class:`Rejection` or the :class:`Rejected` that says what is wrong with it.

    Fields that version 1 does not know are dropped and not counted.
    """

    def __init__(self) -> None:
        super().__init__(Rejection, Rejection)

    def _check(self, rejection: Rejection) -> Rejected | None:
        if rejection.v != VERSION:
            return rejected_version(rejection.v)
        for field in ("source", "load"):
            text = getattr(rejection, field)
            if text is not None and not SOURCE.fullmatch(text):
                return wrong_form(field)
        for field in ("field", "reason", "origin"):
            text = getattr(rejection, field)
            if text is not None and not text.isprintable():
                return wrong_form(field)
        return None
