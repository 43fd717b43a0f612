"""JSON Schema of the contract: `python -m schemas.contract.json_schema` generates the committed files."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from schemas.contract import VERSION
from schemas.contract.events import (
    ENTRANCES,
    FACT_KINDS,
    FORMATS,
    KINDS,
    MESSAGE_KINDS,
    NAMES_APPEAL,
    NATURES,
    POST_KINDS,
    Event,
)
from schemas.contract.identifiers import FORMS
from schemas.contract.readings import METRICS, Reading
from schemas.contract.rejections import Rejection

GENERATED: Final = Path(__file__).parents[1] / "generated"

#: The contract's types by the name of their schema.
TYPES: Final[dict[str, type[Struct]]] = {"events": Event, "readings": Reading, "rejections": Rejection}

#: Closed lists in the contract's order; msgspec sorts them by the alphabet.
_LISTS: Final = {"kind": KINDS, "entrance": ENTRANCES, "format": FORMATS, "nature": NATURES, "metric": METRICS}


def _present(*fields: str) -> dict[str, Any]:
    return {"required": list(fields), "properties": {field: {"not": {"type": "null"}} for field in fields}}


def _kind_among(kinds: Sequence[str]) -> dict[str, Any]:
    return {"properties": {"kind": {"enum": list(kinds)}}}


#: What the value of one field demands of others.
_CONDITIONS: Final[dict[str, list[dict[str, Any]]]] = {
    "events": [
        {"if": _kind_among(FACT_KINDS), "then": {"properties": {"amount": {"const": 1}}}},
        {"if": _kind_among(sorted(NAMES_APPEAL)), "then": _present("appeal")},
        {"if": _kind_among(sorted(MESSAGE_KINDS)), "then": {"anyOf": [_present("appeal"), _present("message")]}},
        {"if": _kind_among(["appeal_rated"]), "then": _present("rating")},
        {"if": _kind_among(POST_KINDS), "then": _present("page", "object")},
    ],
    "readings": [
        {"if": {"properties": {"metric": {"const": "appeals"}}}, "then": _present("channel", "entrance")},
    ],
    "rejections": [],
}


def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of ``events``, ``readings`` or ``rejections``.

    Types, lengths, ranges and descriptions are msgspec's; forms of texts are the validators' regular expressions.
    What a schema cannot say (a text is one printable line; ``period_to`` lies behind ``period_from``) stands in
    docs/contract.md.
    """
    kind = TYPES[name]
    found: dict[str, Any] = msgspec.json.schema(kind)["$defs"][kind.__name__]
    properties = {field: _property(field, found["properties"][field]) for field in kind.__struct_fields__}
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Gospulse {name}, version {VERSION}",
        "description": (inspect.getdoc(kind) or "").splitlines()[0],
        "type": "object",
        "properties": properties,
        "required": found["required"],
        # Unknown fields are dropped and counted, so they do no harm.
        "additionalProperties": True,
    }
    if _CONDITIONS[name]:
        schema["allOf"] = _CONDITIONS[name]
    return schema


def render(name: str) -> str:
    """The schema as the text of its committed file."""
    return json.dumps(schema_of(name), ensure_ascii=False, indent=2) + "\n"


def _property(field: str, found: dict[str, Any]) -> dict[str, Any]:
    said = dict(found)
    description = said.pop("description")
    branch = said
    if "anyOf" in said:
        said["anyOf"] = [dict(option) for option in said["anyOf"]]
        branch = said["anyOf"][0]
    if field in _LISTS and "enum" in branch:
        branch["enum"] = list(_LISTS[field])
    if field in FORMS and (pattern := FORMS[field].pattern):
        branch["pattern"] = f"^(?:{pattern.pattern})$"
    if field == "v":
        said = {"const": VERSION}
    return {"description": description, **said}


def main() -> int:
    """Write the committed files; with ``--check`` only compare (exit code 1 where one differs)."""
    check = sys.argv[1:] == ["--check"]
    stale = []
    GENERATED.mkdir(exist_ok=True)
    for name in TYPES:
        path = GENERATED / f"{name}.schema.json"
        if check and (not path.exists() or path.read_text(encoding="utf-8") != render(name)):
            stale.append(path.name)
        elif not check:
            path.write_text(render(name), encoding="utf-8")
    if stale:
        print(
            f"{', '.join(stale)} differ from the types: run `python -m schemas.contract.json_schema`.", file=sys.stderr
        )
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
