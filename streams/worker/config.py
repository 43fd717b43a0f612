"""The configuration of a worker: connections, generation, name, flush interval, limits, web port."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from msgspec import Struct

from schemas.connections import ClickHouseConnection, KafkaConnection

#: Records of one flush of a worker that lags: five chunks, so the cells of a chunk are written once or twice.
FLUSH_RECORDS: Final = 163_840
#: Limit of records in memory that ClickHouse has not acknowledged yet: beyond it the worker stops fetching.
MAX_UNFLUSHED_RECORDS: Final = 400_000


class WorkerConfig(Struct, frozen=True, kw_only=True):
    """One worker of a generation. Times are seconds."""

    kafka: KafkaConnection
    clickhouse: ClickHouseConnection
    #: The generation that it folds: a consumer group and a set of tables.
    generation: int
    #: Shown in progress, metrics and logs; two workers have two names.
    name: str
    #: Folder for Faust's own files; Gospulse stores nothing there.
    data: Path
    web_host: str = "127.0.0.1"
    web_port: int = 6066
    #: Shortest time between two flushes.
    flush_interval_s: float = 1.0
    #: Limit of inserts per second of the whole group: with more workers each flushes less often.
    inserts_per_s: float = 10.0
    flush_records: int = FLUSH_RECORDS
    max_unflushed_records: int = MAX_UNFLUSHED_RECORDS
    #: Silence after which the group gives this worker's partitions to the others.
    session_timeout_s: float = 6.0
    #: Static membership: a restart within the session timeout moves no partitions.
    group_instance_id: str | None = None
    #: Replicas that must have written an insert before it counts as acknowledged; None on a single server.
    insert_quorum: int | None = None
