"""Queries as Grafana's ClickHouse data source takes them, with the columns that they must give."""

from __future__ import annotations

from typing import Any, Final, Literal

from msgspec import Struct

DATASOURCE_UID: Final = "gospulse-ch"
DATASOURCE_TYPE: Final = "grafana-clickhouse-datasource"
PLUGIN_VERSION: Final = "4.20.0"

#: What a column is for a panel: a moment, a number, a text.
Kind = Literal["time", "number", "text"]

DATASOURCE: Final[dict[str, Any]] = {"type": DATASOURCE_TYPE, "uid": DATASOURCE_UID}


class Query(Struct, frozen=True, kw_only=True):
    """One SQL query of a panel.

    ``columns`` are its columns in order with what they are; ``filters`` the variables that it obeys; ``series`` whether
    it gives a time series (first column the time, ascending) instead of a table; ``may_be_empty`` whether no row is a
    good answer.
    """

    sql: str
    columns: tuple[tuple[str, Kind], ...]
    filters: frozenset[str] = frozenset()
    series: bool = False
    may_be_empty: bool = False

    def target(self, ref: str) -> dict[str, Any]:
        """The target of a panel: `format` is a number, 0 a time series and 1 a table."""
        kind = "timeseries" if self.series else "table"
        return {
            "refId": ref,
            "datasource": DATASOURCE,
            "editorType": "sql",
            "pluginVersion": PLUGIN_VERSION,
            "queryType": kind,
            "format": 0 if self.series else 1,
            "rawSql": self.sql.strip() + "\n",
        }
