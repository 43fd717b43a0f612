"""Reading a mapping: from a TOML file to a checked mapping."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from ingest.mapping.check import check
from ingest.mapping.mapping import AppealMapping, MappingError

SHIPPED: Final = Path(__file__).parents[1] / "mappings"


def load_mapping(path: Path) -> AppealMapping:
    """Read and check a mapping.

    Raises:
        MappingError: it is absent, not TOML, or cannot work.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise MappingError(f"There is no mapping {path}; these come with Gospulse: {shipped()}.") from error
    except OSError as error:
        raise MappingError(f"The mapping {path} cannot be read: {error.strerror}.") from error
    try:
        raw = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MappingError(f"The mapping {path} is not TOML in UTF-8: {error}.") from error
    try:
        mapping = mapping_from(raw, path.stem, hashlib.sha256(content).hexdigest())
        check(mapping)
    except MappingError as error:
        raise MappingError(f"The mapping {path}: {error}") from error
    return mapping


def mapping_from(raw: Mapping[str, Any], name: str, digest: str) -> AppealMapping:
    """The mapping from its tables, not yet checked.

    Raises:
        MappingError: a key is unknown or missing, or a value has the wrong type.
    """
    if reserved := {"name", "digest"} & raw.keys():
        raise MappingError(f"unknown key `{min(reserved)}`.")
    try:
        return msgspec.convert({**raw, "name": name, "digest": digest}, AppealMapping)
    except msgspec.ValidationError as error:
        raise MappingError(_sentence(str(error))) from error


def shipped() -> str:
    """Names of the mappings that come with Gospulse."""
    return ", ".join(sorted(path.stem for path in SHIPPED.glob("*.toml")))


def _sentence(message: str) -> str:
    """msgspec's message with the key in front."""
    what, _, where = message.partition(" - at `")
    where = where.rstrip("`").removeprefix("$").removeprefix(".")
    unknown = re.search(r"unknown field `([^`]*)`", what)
    if unknown:
        key = f"{where}.{unknown[1]}" if where else unknown[1]
        return f"unknown key `{key}`."
    missing = re.search(r"missing required field `([^`]*)`", what)
    if missing:
        key = f"{where}.{missing[1]}" if where else missing[1]
        return f"key `{key}` is missing."
    return f"key `{where}`: {what[:1].lower()}{what[1:]}."
