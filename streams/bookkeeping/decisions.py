"""Decisions of the operator, recorded in ``gospulse_data.decisions``. Every worker follows them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Final, Literal

from clickhouse_connect.driver.client import Client
from msgspec import Struct

from streams.positions import Partition, Position

#: Folding goes on at ``off`` with an empty window: nothing below it is read.
SKIP_GAP: Final = "skip_gap"
#: Offsets below ``off`` at which the log holds no record are passed over, although no header explains them.
ACCEPT_GAPS: Final = "accept_gaps"
#: Records below ``off`` may be rejected however many: the brake does not stop the partition for them.
ACCEPT_REJECTIONS: Final = "accept_rejections"
#: Records of the log below ``off`` are deleted; recorded before they are.
TRIM: Final = "trim"
#: The rejected record at ``off`` was mended and sent again: it stays rejected in every later generation.
MENDED: Final = "mended"

Kind = Literal["skip_gap", "accept_gaps", "accept_rejections", "trim", "mended"]
#: Kinds by which a stopped partition goes on. Each may be undone by a row of the same offset.
RESUMING: Final[tuple[Kind, ...]] = ("skip_gap", "accept_gaps", "accept_rejections")
_UNDO: Final = "undo_"


class Allowed(Struct, frozen=True):
    """The decisions on one partition. Of several of one kind the farthest offset stands."""

    resume_from: int | None = None
    accept_gaps_until: int = 0
    accept_rejections_until: int = 0


class Decision(Struct, frozen=True):
    """A decision by which a stopped partition goes on."""

    kind: Kind
    offset: int
    decided_at: datetime
    #: ``folded`` of the partition at that moment; None where nothing was folded.
    folded: int | None


def decisions(client: Client, generation: int) -> dict[Partition, list[Decision]]:
    """The decisions of a generation that were not undone, in the order in which they were made."""
    kinds = [*RESUMING, *(_UNDO + kind for kind in RESUMING)]
    rows = client.query(
        "SELECT log, part, off, replaceOne(kind, %(undo)s, '') AS what, argMax(kind, decided_at) AS last, "
        "max(decided_at) AS at, argMax(detail, decided_at) FROM gospulse_data.decisions "
        "WHERE kind IN %(kinds)s AND generation IN (0, %(generation)s) "
        "GROUP BY log, part, off, what HAVING last = what ORDER BY at",
        parameters={"generation": generation, "kinds": kinds, "undo": _UNDO},
    ).result_rows
    found: dict[Partition, list[Decision]] = {}
    for log, part, offset, kind, _, at, detail in rows:
        folded = json.loads(detail or "{}").get("folded")
        found.setdefault(Partition(int(log), int(part)), []).append(Decision(kind, int(offset), at, folded))
    return found


def allowed(client: Client, generation: int) -> dict[Partition, Allowed]:
    """What the decisions of a generation allow, by partition."""
    return {partition: together(each) for partition, each in decisions(client, generation).items()}


def together(found: Iterable[Decision]) -> Allowed:
    """What decisions on one partition allow together."""
    farthest: dict[Kind, int] = {}
    for decision in found:
        farthest[decision.kind] = max(decision.offset, farthest.get(decision.kind, 0))
    return Allowed(farthest.get(SKIP_GAP), farthest.get(ACCEPT_GAPS, 0), farthest.get(ACCEPT_REJECTIONS, 0))


def trimmed_to(client: Client) -> dict[Partition, int]:
    """By (log, partition): the offset of the latest decision to trim. Records below it are or will be deleted."""
    rows = client.query(
        "SELECT log, part, argMax(off, decided_at) FROM gospulse_data.decisions WHERE kind = %(trim)s "
        "GROUP BY log, part",
        parameters={"trim": TRIM},
    ).result_rows
    return {Partition(int(log), int(part)): int(off) for log, part, off in rows}


def mended_origins(client: Client) -> set[Position]:
    """(log, partition, offset) of every record that was mended and sent again."""
    rows = client.query(
        "SELECT DISTINCT log, part, off FROM gospulse_data.decisions WHERE kind = %(mended)s",
        parameters={"mended": MENDED},
    ).result_rows
    return {Position(int(log), int(part), int(off)) for log, part, off in rows}


def record(
    client: Client,
    kind: Kind,
    *,
    generation: int,
    log: int,
    part: int,
    offset: int,
    detail: str,
    facts: Mapping[str, int | None] | None = None,
) -> None:
    """Record a decision, with ClickHouse's time, one sentence of its maker, and figures of that moment."""
    _insert(client, kind, generation, Position(log, part, offset), {"why": detail} | dict(facts or {}))


def undo(client: Client, decision: Decision, *, generation: int, partition: Partition, why: str) -> None:
    """Undo a decision. The record of it stays."""
    _insert(client, _UNDO + decision.kind, generation, Position(*partition, decision.offset), {"why": why})


def _insert(client: Client, kind: str, generation: int, position: Position, detail: Mapping[str, object]) -> None:
    client.command(
        "INSERT INTO gospulse_data.decisions (decided_at, kind, generation, log, part, off, detail) SELECT now64(3), "
        "%(kind)s, %(generation)s, %(log)s, %(part)s, %(off)s, %(detail)s",
        parameters={
            "kind": kind,
            "generation": generation,
            "log": position.log,
            "part": position.part,
            "off": position.off,
            "detail": json.dumps(detail, ensure_ascii=False),
        },
        settings={"async_insert": 0, "wait_end_of_query": 1},
    )
