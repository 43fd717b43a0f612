"""Rules that every board keeps: what Grafana needs, what the people at the screen need, what SQL must not do.

Source: Grafana's best practices, dashboard-linter's rules as far as they apply to SQL, and known defects of versions 12
and 13 (panels without unique ids are dropped).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from dashboards.builders.panels import TEXT_UNIT, TO_DO
from dashboards.builders.targets import DATASOURCE

#: A wall of graphs is read by nobody.
MOST_PANELS: Final = 12
COLUMNS: Final = 24
KINDS: Final = ("stat", "timeseries", "barchart", "table", "geomap", "row")
_BARE_VARIABLE: Final = re.compile(r"\$(?!__)\w+|\$\{(?!__)\w+\}")
_CONDITIONAL_END: Final = re.compile(r", \$\w+\)")
_FIELD_OF_LINK: Final = re.compile(r'fields\[\\"([^"\\]+)\\"\]')
_REFRESH: Final = re.compile(r"(\d+)([smh])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600}


def faults(board: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with a board, one sentence each; nothing where it keeps the rules."""
    name = board.get("title") or "a board"
    yield from (f"{name}: {fault}" for fault in _of_board(board))
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    ids = [panel.get("id") for panel in board["panels"]]
    if len(set(ids)) != len(ids) or not all(isinstance(each, int) and each > 0 for each in ids):
        yield f"{name}: panel ids must be unique numbers above 0"
    if len(panels) > MOST_PANELS:
        yield f"{name}: {len(panels)} panels are more than {MOST_PANELS}"
    yield from (f"{name}: {fault}" for fault in _overlaps(board["panels"]))
    for panel in panels:
        yield from (f"{name}, panel {panel.get('id')}: {fault}" for fault in _of_panel(panel))
    for variable in board["templating"]["list"]:
        yield from (f"{name}, variable {variable.get('name')}: {fault}" for fault in _of_variable(variable))


def _of_board(board: Mapping[str, Any]) -> Iterator[str]:
    if not re.fullmatch(r"gospulse-[a-z-]{1,30}", str(board.get("uid"))):
        yield "uid must be gospulse- and Latin letters"
    for field in ("title", "description", "tags"):
        if not board.get(field):
            yield f"{field} is missing"
    if board.get("editable") is not False:
        yield "it must not be editable: the files are its source"
    if "/" not in str(board.get("timezone")):
        yield "timezone must be an IANA name"
    if board.get("weekStart") != "monday":
        yield "the week must start on Monday"
    if board.get("graphTooltip") != 1:
        yield "graphTooltip must be 1: one moment on all charts"
    found = _REFRESH.fullmatch(str(board.get("refresh")))
    if found is None or int(found[1]) * _SECONDS[found[2]] < 30:
        yield "refresh must be 30 seconds or more"
    if "elements" in board or "layout" in board:
        yield "schema version 2 is refused by file provisioning"
    links = board.get("links", [])
    if not links or not all(link.get("keepTime") and link.get("includeVars") for link in links):
        yield "links to other boards must exist and keep time and variables"


def _of_panel(panel: Mapping[str, Any]) -> Iterator[str]:
    if panel["type"] not in KINDS:
        yield f"kind {panel['type']} is not one that the boards use"
    for field in ("title", "description", "targets", "pluginVersion"):
        if not panel.get(field):
            yield f"{field} is missing"
    if TO_DO not in str(panel.get("description")):
        yield f"the description must end with «{TO_DO.strip()} …»"
    fields = panel["fieldConfig"]["defaults"]
    for field in ("unit", "noValue", "thresholds"):
        if field not in fields:
            yield f"{field} is missing"
    if panel["type"] != "table" and "decimals" not in fields:
        yield "decimals are missing"
    if panel["type"] == "stat" and not panel["options"]["reduceOptions"]["calcs"]:
        yield "a stat needs a calculation"
    yield from _as_grafana_draws(panel)
    for target in panel.get("targets", []):
        yield from _of_target(target)


def _as_grafana_draws(panel: Mapping[str, Any]) -> Iterator[str]:
    """What Grafana 12.3 draws otherwise than one expects."""
    defaults, overrides = panel["fieldConfig"]["defaults"], panel["fieldConfig"]["overrides"]
    set_by_override = {
        override["matcher"]["options"]: {each["id"]: each["value"] for each in override["properties"]}
        for override in overrides
    }
    nulls = [each for each in defaults.get("mappings", []) if each.get("options", {}).get("match") == "null"]
    if panel["type"] in ("stat", "table", "geomap") and not nulls:
        yield "NULL needs a mapping: it has the colour of the lowest threshold else"
    if panel["type"] == "barchart" and set_by_override.get(panel["options"]["xField"], {}).get("unit") != TEXT_UNIT:
        yield "names of bars need the unit string: 21.11 is a number else"
    for name in sorted(set(_FIELD_OF_LINK.findall(json.dumps(panel["fieldConfig"], ensure_ascii=False)))):
        if set_by_override.get(name, {}).get("unit") != TEXT_UNIT:
            yield f"{name} stands in a link and needs the unit string: 04000000 is 4000000 else"
    if panel["type"] == "table":
        if not defaults["custom"].get("wrapHeaderText"):
            yield "headings must wrap: they are cut else"
        for name, own in set_by_override.items():
            if own.get("custom.cellOptions", {}).get("type") == "gauge" and (
                own.get("min"),
                own.get("fieldMinMax"),
            ) != (0, True):
                yield f"bars of {name} must begin at 0: they begin at the least of all numbers else"
    for layer in panel["options"].get("layers", []):
        style = layer["config"]["style"]
        if "text" in style and style["opacity"] != 0:
            yield f"layer {layer['name']}: a text has the colour of its symbol, so it needs a layer of its own"


def _of_target(target: Mapping[str, Any]) -> Iterator[str]:
    if target.get("datasource") != DATASOURCE:
        yield "the data source must be the provisioned one"
    if not target.get("refId") or target.get("format") not in (0, 1):
        yield "a target needs a refId and a format that is a number"
    sql = str(target.get("rawSql"))
    yield from _of_sql(sql)
    if "$__fromTime" not in sql and "$__toTime" not in sql and "$__timeFilter" not in sql:
        yield "the query has no time filter"
    if target.get("format") == 1 and "LIMIT" not in sql and "arrayJoin" not in sql and "GROUP BY" in sql:
        yield "a table needs a LIMIT"
    if target.get("format") == 0 and "ORDER BY time" not in sql:
        yield "a time series must be ordered by time"


def _of_sql(sql: str) -> Iterator[str]:
    if re.search(r"SELECT\s+\*", sql):
        yield "SELECT * breaks when a view gets a column"
    if re.search(r"--|/\*", sql):
        yield "comments are stripped by the data source together with what is in them"
    if _BARE_VARIABLE.search(_CONDITIONAL_END.sub(")", sql)):
        yield "a variable needs a format: without one the data source quotes without escaping"
    if any("$__" in literal for literal in re.findall(r"'(?:[^'\\]|\\.|'')*'", sql)):
        yield "a macro inside quotes is expanded by some versions only"
    if "gospulse_data" in sql:
        yield "boards read the documented views, never the tables behind them"
    if re.search(r"\bavg\(", sql):
        yield "means hide the slow: use quantiles"
    if "$__adHocFilters" in sql or "$__timeInterval" in sql:
        yield "ad-hoc filters need rights that a reader has not, and intervals of seconds do not know local days"


def _of_variable(variable: Mapping[str, Any]) -> Iterator[str]:
    for field in ("name", "label"):
        if not variable.get(field):
            yield f"{field} is missing"
    query = variable.get("query", {})
    if query.get("rawSql") != variable.get("definition"):
        yield "query and definition differ"
    yield from _of_sql(str(query.get("rawSql")))
    if variable.get("hide") != 2 and "ORDER BY" not in str(query.get("rawSql")):
        yield "options need an order"
    if variable.get("refresh") != 2:
        yield "options must follow the time range"


def _overlaps(panels: list[Mapping[str, Any]]) -> Iterator[str]:
    taken: dict[tuple[int, int], int] = {}
    for panel in panels:
        at = panel["gridPos"]
        if at["x"] < 0 or at["x"] + at["w"] > COLUMNS:
            yield f"panel {panel['id']} leaves the grid of {COLUMNS} columns"
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                if (other := taken.setdefault((x, y), panel["id"])) != panel["id"]:
                    yield f"panels {other} and {panel['id']} overlap"
                    return
