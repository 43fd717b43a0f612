"""Progress: the acknowledged offset of each partition, the time until which it is complete, its worker's heartbeat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import polars as pl
from clickhouse_connect.driver.client import Client
from msgspec import Struct

from streams.positions import Partition

_MOMENT: Final = pl.Datetime("ms", "UTC")
#: Flat columns in the order of the table; the last four are the tuple ``latest``.
SCHEMA: Final = pl.Schema(
    {"log": pl.UInt16(), "part": pl.UInt16(), "folded": pl.UInt64(), "complete": _MOMENT}
    | {"heartbeat": _MOMENT, "end": pl.UInt64(), "worker": pl.String(), "stopped": pl.String()}
)

#: A worker whose heartbeat is older is not counted among those that share the insert budget.
FRESH_S: Final = 15


class Progress(Struct, frozen=True, kw_only=True):
    """One row about a partition. Times are milliseconds UTC."""

    log: int
    part: int
    #: Next offset: every row up to it is written and acknowledged.
    folded: int
    #: Every record appended before this time is counted; 0 where no such time is known.
    complete: int
    heartbeat: int
    #: End of the log, as the worker learnt it last.
    end: int
    worker: str
    #: Why the partition is stopped; empty while it is folded.
    stopped: str = ""


def progress_frame(rows: Sequence[Progress]) -> pl.DataFrame:
    """The rows as a frame with the flat columns of the table."""
    columns = {name: [getattr(row, name) for row in rows] for name in SCHEMA}
    return pl.DataFrame(columns, schema=SCHEMA)


def folded_offsets(client: Client, generation: int) -> dict[Partition, int]:
    """``folded`` by (log, partition): the acknowledged next offsets of a generation."""
    rows = client.query(
        f"SELECT log, part, max(folded) FROM gospulse_data.progress_g{generation} GROUP BY log, part"
    ).result_rows
    return {Partition(int(log), int(part)): int(folded) for log, part, folded in rows}


def live_workers(client: Client, generation: int) -> int:
    """How many workers of a generation were heard within the last 15 seconds by ClickHouse's clock; at least 1."""
    rows = client.query(
        "SELECT uniqExact(latest.worker) FROM "
        f"(SELECT max(latest) AS latest FROM gospulse_data.progress_g{generation} GROUP BY log, part) "
        f"WHERE latest.heartbeat > now64(3) - INTERVAL {FRESH_S} SECOND"
    ).result_rows
    return max(1, int(rows[0][0]))
