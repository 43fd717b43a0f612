"""The examples of the contract as tests use them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).resolve().parents[3] / "schemas" / "examples"


def names(prefix: str) -> list[str]:
    """Names of the examples of ``event``, ``reading`` or ``rejection``."""
    return sorted(path.stem for path in EXAMPLES.glob(f"{prefix}*.json"))


def raw(name: str) -> bytes:
    """An example as its file has it."""
    return (EXAMPLES / f"{name}.json").read_bytes()


def fields(name: str) -> dict[str, Any]:
    """An example as a dictionary of its own."""
    found: dict[str, Any] = json.loads(raw(name))
    return found


def without(record: dict[str, Any], field: str) -> bytes:
    """The record as JSON, one field left out."""
    return json.dumps({name: value for name, value in record.items() if name != field}).encode()


def changed(record: dict[str, Any], **values: object) -> bytes:
    """The record as JSON, some fields replaced or added."""
    return json.dumps({**record, **values}).encode()
