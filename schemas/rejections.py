"""Rejections, contract version 1: what ingest could not understand, without what it said (it may be personal)."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from schemas.events import TimeMs


class Rejection(Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """One record of the topic ``rejected``."""

    v: int
    #: When ingest refused it: milliseconds since 1970-01-01T00:00:00Z.
    at: TimeMs
    #: Which feed brought it.
    source: Annotated[str, Meta(min_length=1, max_length=96)]
    #: The offending field, or an empty text.
    field: Annotated[str, Meta(max_length=64)]
    #: One sentence; never a value of the record.
    reason: Annotated[str, Meta(min_length=1, max_length=300)]
    #: Where the original stands, in the source's own terms (a line number, an update's type); never its content.
    origin: Annotated[str, Meta(max_length=160)] | None = None
    load: Annotated[str, Meta(min_length=1, max_length=96)] | None = None


def encode_rejection(rejection: Rejection) -> bytes:
    """The rejection as JSON in UTF-8; defaults are left out."""
    return msgspec.json.encode(rejection)
