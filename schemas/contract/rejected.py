"""The verdict on a record that the contract rejects: why, in one sentence that names the field."""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from schemas.contract import VERSION
from schemas.contract.identifiers import FORMS

_AT_PATH = re.compile(r"(?P<what>.*?)(?: - at `(?P<where>[^`]*)`)?$", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `(?P<field>[^`]*)`")
_QUOTED_VALUE = re.compile(r"Invalid enum value .*", re.DOTALL)


class Rejected(Struct, frozen=True):
    """Why a record was rejected.

    ``field`` is the name of the offending field, or ``""`` where the record as a whole is broken;
    ``reason`` is one sentence. Neither repeats a value of the record (it may be personal data), with one
    exception: the name of an unknown ``kind`` or ``metric``, when it looks like a name.
    """

    field: str
    reason: str

    def __str__(self) -> str:
        return self.reason


#: A record that was rejected once, mended, and sent again under an identity of its own.
MENDED: Final = Rejected("", "The record was mended and sent again; this copy stays rejected.")


def from_decoder(message: str) -> Rejected:
    """Turn the decoder's message into a verdict without the record's own values.

    >>> from_decoder("Expected `int`, got `str` - at `$.at`")
    Rejected(field='at', reason='Field `at`: expected int, got str.')
    >>> from_decoder("Object missing required field `id`").field
    'id'
    """
    missing = _MISSING.search(message)
    if missing:
        field = missing["field"]
        return Rejected(field, f"Field `{field}` is missing.")
    matched = _AT_PATH.match(message)
    what, where = (matched["what"], matched["where"]) if matched else (message, None)
    if where is None or where == "$":
        if "got `" in what:
            return Rejected("", f"The record is not a JSON object: {_plain(what)}.")
        return Rejected("", "The record is not valid JSON in UTF-8.")
    field = where.removeprefix("$.")
    if _QUOTED_VALUE.match(what):
        return Rejected(field, f"Field `{field}` is not one of the values that the contract lists.")
    return Rejected(field, f"Field `{field}`: {_plain(what)}.")


def wrong_form(field: str) -> Rejected:
    """The verdict on a record whose ``field`` has not its form of :data:`schemas.contract.identifiers.FORMS`."""
    return Rejected(field, f"Field `{field}` must be {FORMS[field].sentence}.")


def rejected_version(version: object) -> Rejected:
    """The rejection of a record whose version is not the one this release reads."""
    if isinstance(version, int) and not isinstance(version, bool) and version > VERSION:
        # A number that cannot be a version may be somebody's telephone number.
        said = f"is {version}" if version < 1000 else "is a later one"
        return Rejected("v", f"Field `v` {said}: this release reads version {VERSION}; upgrade the workers first.")
    return Rejected("v", f"Field `v` must be {VERSION}.")


def _plain(what: str) -> str:
    text = what.replace("`", "").strip()
    return text[:1].lower() + text[1:]
