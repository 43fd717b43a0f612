"""Variables of boards: filters over registers, and the hidden line that says what the figures cover."""

from __future__ import annotations

from typing import Any, Final

from msgspec import Struct

from dashboards.builders.targets import DATASOURCE, PLUGIN_VERSION

ALL: Final = "$__all"


class Variable(Struct, frozen=True, kw_only=True):
    """A filter. ``sql`` gives value and text, in this order; ``many`` lets several values and «Все» be chosen."""

    name: str
    label: str
    sql: str
    many: bool = True
    hidden: bool = False

    def json(self) -> dict[str, Any]:
        """The variable in Grafana's form; it is asked again when the time range changes."""
        return {
            "type": "query",
            "name": self.name,
            "label": self.label,
            "datasource": DATASOURCE,
            "query": {
                "refId": self.name,
                "editorType": "sql",
                "queryType": "table",
                "format": 1,
                "pluginVersion": PLUGIN_VERSION,
                "rawSql": self.sql.strip() + "\n",
            },
            "definition": self.sql.strip() + "\n",
            "hide": 2 if self.hidden else 0,
            "includeAll": self.many,
            "multi": self.many,
            "current": {"selected": True, "text": ["Все"], "value": [ALL]} if self.many else {},
            "allowCustomValue": False,
            "options": [],
            "refresh": 2,
            "regex": "",
            "skipUrlSync": self.hidden,
            "sort": 0,
        }
