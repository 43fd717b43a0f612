"""The process of the endpoint: `deploy.clickhouse_process` starts it, as the stack does."""

from __future__ import annotations

from deploy.clickhouse_process import STOP_PATIENCE_S
from deploy.clickhouse_process import start_clickhouse as start_endpoint

__all__ = ["STOP_PATIENCE_S", "start_endpoint"]
