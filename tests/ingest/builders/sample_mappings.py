"""Small mappings for tests, as the tables of their TOML, and the converters that they make."""

from __future__ import annotations

from typing import Any

from ingest.files.conversion import AppealConverter
from ingest.identities import IdentityKey
from ingest.mapping.check import check
from ingest.mapping.file import mapping_from
from ingest.mapping.mapping import AppealMapping

KEY = IdentityKey(bytes(range(32)))
#: 2026-11-01T00:00:00Z, the time at which these imports run.
NOW_MS = 1_793_491_200_000

APPEALS: dict[str, Any] = {
    "shape": "appeals",
    "source": "import:test",
    "key": ["id"],
    "time": {"zone": "Asia/Yekaterinburg"},
    "fields": {
        "channel": {"column": "how"},
        "entrance": {"column": "how", "values": {"call": "phone", "mail": "email"}},
        "place": {"template": "test:d-{district}", "empty": "test:none"},
        "topic": {"column": "about", "values": {"cold": "housing.heating"}, "unlisted": ""},
    },
    "events": [
        {"kind": "appeal_received", "at": "came"},
        {"kind": "appeal_closed", "at": "closed", "responder": {"column": "who"}},
    ],
}
COLUMNS = "id,how,district,about,came,closed,who"

TOTALS: dict[str, Any] = {
    "shape": "totals",
    "source": "import:counts",
    "key": ["line", "place"],
    "time": {"zone": "Europe/London"},
    "fields": {
        "channel": {"column": "line"},
        "entrance": {"column": "line", "values": {"111": "phone", "web": "portal"}},
        "place": {"template": "test:{place}"},
    },
    "total": {"period": "day", "value": "n"},
}


def made(tables: dict[str, Any], **changes: Any) -> AppealMapping:
    """A checked mapping: the tables with some of them replaced (None takes one out)."""
    merged = {name: value for name, value in {**tables, **changes}.items() if value is not None}
    mapping = mapping_from(merged, "test", "digest")
    check(mapping)
    return mapping


def converter(mapping: AppealMapping | None = None, **changes: Any) -> AppealConverter:
    """The converter of a mapping of appeals."""
    given: dict[str, Any] = {"source": "import:test", "load": "load-1", "now_ms": NOW_MS, **changes}
    return AppealConverter(mapping or made(APPEALS), KEY, **given)


def cells(mapping: AppealMapping, **row: str) -> list[str]:
    """A row's texts in the mapping's order; what is not given is empty."""
    return [row.get(column, "") for column in mapping.columns]
