"""Clients of Kafka and ClickHouse: how they connect, and what an error of ClickHouse says."""

from __future__ import annotations

from enum import Enum
from typing import Any, Final

import clickhouse_connect
from clickhouse_connect.driver.client import Client

from schemas.connections import ClickHouseConnection, KafkaConnection

#: ClickHouse's error codes for which a retry helps: timeouts, network, too many parts or queries,
#: memory, read-only replicas.
PASSING_CODES: Final = frozenset(
    {159, 164, 202, 209, 210, 241, 242, 243, 252, 285, 286, 287, 319, 394, 425, 439, 999, 1000, 1001}
)


class SinkState(Enum):
    """How ClickHouse answered last."""

    GOOD = "good"
    #: No answer, or an error that passes by itself.
    AWAY = "away"
    #: An error that a person must mend: a login, a missing table, a column that does not fit.
    REFUSED = "refused"


def connect(connection: ClickHouseConnection) -> Client:
    """A client without a session, so that its statements may run one beside another; raises ClickHouseError."""
    return clickhouse_connect.get_client(
        **connection.client_options(), connect_timeout=5, send_receive_timeout=120, query_limit=0
    )


def state_after(error: Exception) -> SinkState:
    """What an error says about ClickHouse: whether a retry helps or a person must act."""
    code = getattr(error, "code", None)
    return SinkState.AWAY if code is None or code in PASSING_CODES else SinkState.REFUSED


def consumer_options(connection: KafkaConnection) -> dict[str, Any]:
    """The options of an aiokafka consumer that reads without a group and never resets by itself."""
    return connection.client_options() | {
        "client_id": "gospulse-verify",
        "group_id": None,
        "enable_auto_commit": False,
        "auto_offset_reset": "none",
        # Records of aborted transactions do not count.
        "isolation_level": "read_committed",
        "max_partition_fetch_bytes": 2 * 1024 * 1024,
        # At the end of the log the broker would delay every answer, and so the end of the reader, by half a second.
        "fetch_max_wait_ms": 20,
    }
