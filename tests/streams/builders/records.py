"""Small logs for the tests of the fold: events with sensible defaults, batches, a definition with small chunks."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from schemas.reference.places import zone_table_fingerprint
from streams.definition import FOLD, Definition
from streams.fold.batch import Batch

#: 2026-03-02T08:00:00Z, a Monday.
T0 = 1_772_438_400_000
HOUR = 3_600_000
#: When the records of a test are appended unless it says otherwise.
APPENDED = T0 + 6 * HOUR


def hex32(name: object) -> str:
    """An identity: 32 hex digits that belong to ``name``."""
    return hashlib.sha256(str(name).encode()).hexdigest()[:32]


def event(name: object = 0, kind: str = "reaction_added", **fields: object) -> bytes:
    """An event as JSON: ``name`` gives its identity; a field given as None is null."""
    record: dict[str, object] = {
        "v": 1,
        "id": hex32(name),
        "kind": kind,
        "at": T0,
        "source": "test",
        "page": "vk:1",
        "place": "45382000",
        "channel": "vk",
        "entrance": "public_page",
        "author": hex32("somebody"),
    }
    if kind.startswith("appeal_"):
        record["appeal"] = hex32(("appeal", name))
    if kind == "appeal_rated":
        record["rating"] = 5
    if kind.startswith("post_"):
        record["object"] = f"post-{hex32(name)}"
    return json.dumps(record | fields).encode()


def reading(name: object = 0, **fields: object) -> bytes:
    """A reading as JSON; ``name`` gives its identity."""
    record: dict[str, object] = {
        "v": 1,
        "id": hex32(name),
        "object": "vk:1",
        "metric": "subscribers",
        "value": 10,
        "period_from": T0,
        "period_to": T0 + HOUR,
        "observed_at": T0 + HOUR,
        "source": "poller",
        "place": "45382000",
        "page": "vk:1",
    }
    return json.dumps(record | fields).encode()


def report(**fields: object) -> bytes:
    """A report of ingest for the topic of rejections, as JSON."""
    record: dict[str, object] = {"v": 1, "at": T0, "source": "vk-callback", "field": "kind", "reason": "Unknown."}
    return json.dumps(record | fields).encode()


def batch(values: Sequence[bytes | None], first_offset: int = 0, appended: int = APPENDED) -> Batch:
    """Records that stand one after the other from ``first_offset`` on, all appended at one time."""
    return Batch(first_offset, list(values), [appended] * len(values))


def definition(chunk: int = 4, window_chunks: int = 2, **fields: object) -> Definition:
    """A definition with small chunks, so that a few records cross many boundaries."""
    plain = {"generation": 1, "fold": FOLD, "chunk": chunk, "window_chunks": window_chunks}
    return Definition(**(plain | {"zones": zone_table_fingerprint()} | fields))  # type: ignore[arg-type]
