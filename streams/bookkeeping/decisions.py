"""Decisions: what an operator allowed explicitly, recorded in ``gospulse_data.decisions``, honoured by every worker."""

from __future__ import annotations

import json
from typing import Final, Literal

from clickhouse_connect.driver.client import Client
from msgspec import Struct

from streams.positions import Partition, Position

#: Folding goes on at ``off``, a boundary of chunks, with an empty window; what lies before it is not asked for.
SKIP_GAP: Final = "skip_gap"
#: Records below ``off`` may be refused however many: the brake does not stop the partition for them.
ACCEPT_REFUSALS: Final = "accept_refusals"
#: Records of the log below ``off`` are deleted; recorded before they are.
TRIM: Final = "trim"
#: The refused record at ``off`` was mended and sent again: it stays refused in every later generation.
MENDED: Final = "mended"

Kind = Literal["skip_gap", "accept_refusals", "trim", "mended"]


class Allowed(Struct, frozen=True):
    """What was decided for one partition."""

    resume_from: int | None = None
    accept_refusals_until: int = 0


def allowed(client: Client, generation: int) -> dict[Partition, Allowed]:
    """Decisions for a generation by (log, partition); of several of one kind the farthest offset stands."""
    rows = client.query(
        "SELECT log, part, maxIf(off, kind = %(skip)s), countIf(kind = %(skip)s), maxIf(off, kind = %(accept)s) "
        "FROM gospulse_data.decisions WHERE kind IN (%(skip)s, %(accept)s) AND generation IN (0, %(generation)s) "
        "GROUP BY log, part",
        parameters={"generation": generation, "skip": SKIP_GAP, "accept": ACCEPT_REFUSALS},
    ).result_rows
    return {
        Partition(int(log), int(part)): Allowed(int(skip) if skips else None, int(accept))
        for log, part, skip, skips, accept in rows
    }


def trimmed_to(client: Client) -> dict[Partition, int]:
    """Below which offset of (log, partition) the log is, or is about to be, deleted: the latest decision to trim."""
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


def record(client: Client, kind: Kind, *, generation: int, log: int, part: int, offset: int, detail: str) -> None:
    """Record a decision, with ClickHouse's time and one sentence that says what it meant for its maker."""
    client.command(
        "INSERT INTO gospulse_data.decisions (decided_at, kind, generation, log, part, off, detail) SELECT now64(3), "
        "%(kind)s, %(generation)s, %(log)s, %(part)s, %(off)s, %(detail)s",
        parameters={
            "kind": kind,
            "generation": generation,
            "log": log,
            "part": part,
            "off": offset,
            "detail": json.dumps({"why": detail}, ensure_ascii=False),
        },
        settings={"async_insert": 0, "wait_end_of_query": 1},
    )
