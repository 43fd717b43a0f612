"""A board: question, variables, panels in rows, links; and its classic JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct

from dashboards.builders.panels import Panel
from dashboards.builders.variables import Variable

#: The newest schema version that Grafana 11.6 writes; version 2 is refused by file provisioning.
SCHEMA_VERSION: Final = 41
TIME_ZONE: Final = "Europe/Moscow"
TAG: Final = "госпульс"


class Board(Struct, frozen=True, kw_only=True):
    """A dashboard. ``question`` is what it answers, in its description."""

    uid: str
    title: str
    question: str
    since: str
    variables: tuple[Variable, ...]
    #: Rows and panels in the order of reading.
    parts: tuple[Panel | Mapping[str, Any], ...]
    links: tuple[Mapping[str, Any], ...]
    refresh: str = "30s"

    @property
    def panels(self) -> tuple[Panel, ...]:
        """The panels without the headings."""
        return tuple(part for part in self.parts if isinstance(part, Panel))

    def json(self) -> dict[str, Any]:
        """The board in Grafana's classic form."""
        filters = [(variable.name, variable.label) for variable in self.variables if not variable.hidden]
        return {
            "uid": self.uid,
            "title": self.title,
            "description": self.question,
            "tags": [TAG],
            "editable": False,
            "graphTooltip": 1,
            "timezone": TIME_ZONE,
            "weekStart": "monday",
            "refresh": self.refresh,
            "time": {"from": self.since, "to": "now"},
            "timepicker": {"refresh_intervals": ["30s", "1m", "5m", "15m", "1h"]},
            "schemaVersion": SCHEMA_VERSION,
            "fiscalYearStartMonth": 0,
            "liveNow": False,
            "annotations": {"list": []},
            "links": list(self.links),
            "templating": {"list": [variable.json() for variable in self.variables]},
            "panels": [part.json(filters) if isinstance(part, Panel) else dict(part) for part in self.parts],
        }

    def text(self) -> str:
        """The file that is committed."""
        return json.dumps(self.json(), ensure_ascii=False, indent=2, sort_keys=True) + "\n"
