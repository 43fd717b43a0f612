"""Panels: a number, a line, bars, a table, a tile map, a row; each with a stable id, a unit and what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from msgspec import Struct

from dashboards.builders.targets import DATASOURCE, Query
from dashboards.builders.units import (
    ACCENT,
    CONTEXT,
    DECIMALS,
    GRAFANA_UNITS,
    NO_DATA,
    PLAIN,
    QUIET,
    defaults,
    without_value,
)
from schemas.metric_catalogue import metric

#: Fields of the newest classic schema that Grafana 11.6 reads.
PANEL_VERSION: Final = "11.6.0"
#: Else Grafana takes texts of digits for numbers: 21.11 becomes 21,11, and the code 04000000 is 4000000 in a link.
TEXT_UNIT: Final = "string"
TO_DO: Final = "Что делать: "


class Place(Struct, frozen=True):
    """Where a panel stands on the grid of 24 columns; a unit of height is 38 pixels with its gap."""

    x: int
    y: int
    w: int
    h: int

    @property
    def json(self) -> dict[str, int]:
        """As Grafana writes it."""
        return {"h": self.h, "w": self.w, "x": self.x, "y": self.y}


class Panel(Struct, frozen=True, kw_only=True):
    """A panel: ``json`` without id, place, title, description and targets, which are the same for all kinds."""

    id: int
    at: Place
    title: str
    what: str
    to_do: str
    queries: tuple[Query, ...]
    body: Mapping[str, Any]
    #: Keys of the metrics that it shows: the labels and the description come from the catalogue.
    metrics: tuple[str, ...] = ()
    links: tuple[Mapping[str, Any], ...] = ()

    def description(self, variables: Sequence[tuple[str, str]]) -> str:
        """What the question mark shows; ``variables`` are the board's filters by name and label."""
        parts = [self.what, *(f"{metric(key).title}. {metric(key).explanation}" for key in self.metrics)]
        obeyed = frozenset.intersection(*(query.filters for query in self.queries)) if self.queries else frozenset()
        deaf = [f"«{label}»" for name, label in variables if name not in obeyed]
        if deaf:
            parts.append(f"Фильтры, которые здесь не действуют: {', '.join(deaf)}.")
        parts.append(TO_DO + self.to_do)
        return "\n\n".join(part for part in parts if part)

    def json(self, variables: Sequence[tuple[str, str]]) -> dict[str, Any]:
        """The panel in Grafana's form."""
        return {
            "id": self.id,
            "title": self.title,
            "description": self.description(variables),
            "gridPos": self.at.json,
            "datasource": DATASOURCE,
            "pluginVersion": PANEL_VERSION,
            "targets": [query.target("ABCDEFGH"[i]) for i, query in enumerate(self.queries)],
            "links": list(self.links),
            **self.body,
        }


def row(number: int, y: int, title: str) -> dict[str, Any]:
    """A row's heading. Its title carries how much the figures below cover and until when they are complete."""
    return {
        "id": number,
        "type": "row",
        "title": title,
        "collapsed": False,
        "gridPos": {"h": 1, "w": 24, "x": 0, "y": y},
        "panels": [],
    }


def stat(key: str, colours: Mapping[str, Any] = PLAIN, *, change: str = "", absent: str = NO_DATA) -> dict[str, Any]:
    """One number. ``change`` shows the change from the first row to the last: ``good``, ``bad`` or plain growth."""
    modes = {"good": "standard", "bad": "inverted", "plain": "same_as_value"}
    field = defaults(metric(key), dict(colours), absent) | {"mappings": without_value(absent)}
    return {
        "type": "stat",
        "fieldConfig": {"defaults": field, "overrides": []},
        "options": {
            "colorMode": "value",
            "graphMode": "none",
            "justifyMode": "center",
            "orientation": "auto",
            "percentChangeColorMode": modes.get(change, "standard"),
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "showPercentChange": bool(change),
            "textMode": "value",
            "wideLayout": True,
        },
    }


def stats(key: str, colours: Mapping[str, Any] = PLAIN, absent: str = NO_DATA) -> dict[str, Any]:
    """Several numbers of one unit below each other, each with its name."""
    body = stat(key, colours, absent=absent)
    body["options"] |= {
        "textMode": "value_and_name",
        "orientation": "horizontal",
        "text": {"titleSize": 10, "valueSize": 15},
    }
    return body


def lines(key: str, fact: str, band: tuple[str, str, str] | None = None) -> dict[str, Any]:
    """Lines over time: the fact in the accent, what is usual in grey, the space between its quartiles filled."""
    field = defaults(metric(key))
    field["color"] = {"mode": "fixed", "fixedColor": CONTEXT}
    field["min"] = 0
    field["custom"] = {
        "drawStyle": "line",
        "lineInterpolation": "linear",
        "lineWidth": 1,
        "fillOpacity": 0,
        "showPoints": "never",
        "spanNulls": False,
        "axisSoftMin": 0,
    }
    overrides = [_override(fact, color={"mode": "fixed", "fixedColor": ACCENT}, **{"custom.lineWidth": 3})]
    if band is not None:
        low, middle, high = band
        hidden = {"custom.lineWidth": 0}
        overrides += [
            _override(middle, **{"custom.lineStyle": {"fill": "dash", "dash": [8, 6]}}),
            _override(low, **hidden, **{"custom.hideFrom": {"legend": True, "tooltip": False, "viz": False}}),
            _override(high, **hidden, **{"custom.fillBelowTo": low, "custom.fillOpacity": 18}),
        ]
    return {
        "type": "timeseries",
        "fieldConfig": {"defaults": field, "overrides": overrides},
        "options": {
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": True, "calcs": []},
            "tooltip": {"mode": "multi", "sort": "none"},
        },
    }


def bars(
    key: str,
    label: str,
    *,
    horizontal: bool = False,
    colours: Mapping[str, str] | None = None,
    stacked: bool = False,
    links: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Bars by the texts of the column ``label``; ``colours`` by name of the other columns."""
    field = defaults(metric(key))
    field["color"] = {"mode": "fixed", "fixedColor": ACCENT}
    field["min"] = 0
    field["custom"] = {"fillOpacity": 85, "lineWidth": 0, "axisSoftMin": 0}
    field["links"] = list(links)
    return {
        "type": "barchart",
        "fieldConfig": {
            "defaults": field,
            "overrides": [
                _override(label, unit=TEXT_UNIT),
                *(
                    _override(name, color={"mode": "fixed", "fixedColor": colour})
                    for name, colour in (colours or {}).items()
                ),
            ],
        },
        "options": {
            "xField": label,
            "orientation": "horizontal" if horizontal else "vertical",
            "stacking": "normal" if stacked else "none",
            "showValue": "always" if horizontal else "auto",
            "barWidth": 0.8,
            "groupWidth": 0.8,
            "xTickLabelMaxLength": 40,
            "text": {"valueSize": 12},
            "legend": {"displayMode": "list", "placement": "bottom", "showLegend": bool(colours), "calcs": []},
            "tooltip": {"mode": "multi", "sort": "none"},
        },
    }


class Column(Struct, frozen=True, kw_only=True):
    """A column of a table: its metric for unit and decimals, how wide it is, how its cells look, where they lead."""

    name: str
    metric: str | None = None
    #: The column is a time that no metric names.
    moment: bool = False
    width: int | None = None
    #: A bar behind the number.
    gauge: bool = False
    #: A long text goes on in further lines.
    wrap: bool = False
    #: Colours of the number.
    colours: Mapping[str, Any] | None = None
    hidden: bool = False
    links: tuple[Mapping[str, Any], ...] = ()


def table(columns: Sequence[Column], *, sort: str | None = None) -> dict[str, Any]:
    """A table; columns that are hidden are there for links."""
    overrides = []
    for column in columns:
        properties: dict[str, Any] = {}
        if column.metric is not None:
            unit = metric(column.metric).unit
            properties |= {"unit": GRAFANA_UNITS[unit], "decimals": DECIMALS[unit]}
        elif column.moment:
            properties["unit"] = GRAFANA_UNITS["moment"]
        else:
            properties["unit"] = TEXT_UNIT
        if properties["unit"].startswith("time:"):
            # Grafana maps no NULL of a time.
            properties["noValue"] = "—"
        if column.width is not None:
            properties["custom.width"] = column.width
        if column.hidden:
            properties["custom.hidden"] = True
        if column.gauge:
            properties["custom.cellOptions"] = {"type": "gauge", "mode": "basic", "valueDisplayMode": "text"}
            # Bars begin at 0 and end at the highest number of their own column.
            properties |= {"color": {"mode": "fixed", "fixedColor": ACCENT}, "min": 0, "fieldMinMax": True}
        if column.wrap:
            properties["custom.cellOptions"] = {"type": "auto", "wrapText": True}
        if column.colours is not None:
            properties["custom.cellOptions"] = {"type": "color-text"}
            properties["thresholds"] = dict(column.colours)
        if column.links:
            properties["links"] = list(column.links)
        overrides.append(_override(column.name, **properties))
    return {
        "type": "table",
        "fieldConfig": {
            "defaults": {
                "unit": "none",
                # Of the whole table; a cell without a value has a dash.
                "noValue": NO_DATA,
                "mappings": without_value("—"),
                "thresholds": PLAIN,
                "color": {"mode": "thresholds"},
                "custom": {
                    "align": "auto",
                    "cellOptions": {"type": "auto"},
                    "filterable": False,
                    "wrapHeaderText": True,
                },
            },
            "overrides": overrides,
        },
        "options": {
            "showHeader": True,
            "cellHeight": "sm",
            "footer": {"show": False, "reducer": ["sum"], "countRows": False, "fields": ""},
            "sortBy": [{"displayName": sort, "desc": True}] if sort else [],
        },
    }


def tiles(
    key: str,
    colours: Mapping[str, Any],
    *,
    name: str,
    value: str,
    texts: Sequence[str],
    beside: Sequence[str],
    links: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """A tile map: a tile a region on plain ground, coloured by ``value``; needs no internet.

    The other columns are ``texts`` and the metrics ``beside`` it.

    The base layer is a file that Grafana ships, fully transparent: every other base layer asks a server elsewhere.
    Grafana draws a text in the colour of its symbol, and its widest symbol is a square. So a tile is three squares that
    overlap, and the names are a layer of their own.
    """
    field = defaults(metric(key), dict(colours)) | {"mappings": without_value(NO_DATA), "links": list(links)}
    nowhere = {"custom.hideFrom": {"tooltip": True, "viz": False, "legend": True}}
    overrides = [_override(each, unit=TEXT_UNIT, **(nowhere if each == name else {})) for each in texts]
    for other in beside:
        unit = metric(other).unit
        overrides.append(_override(metric(other).title, unit=GRAFANA_UNITS[unit], decimals=DECIMALS[unit]))
    overrides += [_override(each, **nowhere) for each in _COORDINATES]
    return {
        "type": "geomap",
        "fieldConfig": {"defaults": field, "overrides": overrides},
        "options": {
            # The padding, in per cent, keeps the outer tiles whole: only their middles are fitted.
            "view": {"id": "fit", "lat": 0, "lon": 0, "zoom": 4, "allLayers": True, "padding": 8},
            "controls": {
                "showZoom": False,
                "mouseWheelZoom": False,
                "showAttribution": False,
                "showScale": False,
                "showMeasure": False,
                "showDebug": False,
            },
            "tooltip": {"mode": "details"},
            "basemap": {
                "type": "geojson",
                "name": "Основа",
                "opacity": 0,
                "config": {"src": "public/maps/countries.geojson", "rules": [], "style": {"opacity": 0}},
            },
            "layers": [
                *(
                    _marks(metric(key).title + part, {"mode": "field", "field": value, "fixed": QUIET}, align)
                    for align, part in (("left", ": левый край"), ("center", ""), ("right", ": правый край"))
                ),
                _marks("Названия", {"mode": "fixed", "fixed": _INK}, "center", name),
            ],
        },
    }


#: Names on tiles: dark enough on green, amber, red and grey.
_INK: Final = "#111217"
#: Radius of the squares and size of the names, pixels: seventeen columns on a laptop, readable from a wall.
_TILE_RADIUS: Final = 10
_NAME_SIZE: Final = 9
_COORDINATES: Final = ("Широта плитки", "Долгота плитки")


def _marks(title: str, colour: Mapping[str, Any], align: str, name: str | None = None) -> dict[str, Any]:
    """A layer of squares, or of names."""
    style: dict[str, Any] = {
        "symbol": {"mode": "fixed", "fixed": "img/icons/marker/square.svg"},
        "symbolAlign": {"horizontal": align, "vertical": "center"},
        "size": {"mode": "fixed", "fixed": _TILE_RADIUS, "min": 2, "max": 15},
        "color": dict(colour),
        "opacity": 1,
    }
    if name is not None:
        style |= {
            "size": {"mode": "fixed", "fixed": 0, "min": 0, "max": 15},
            "opacity": 0,
            "text": {"mode": "field", "field": name, "fixed": ""},
            "textConfig": {
                "fontSize": _NAME_SIZE,
                "offsetX": 0,
                "offsetY": 0,
                "textAlign": "center",
                "textBaseline": "middle",
            },
        }
    return {
        "type": "markers",
        "name": title,
        "tooltip": name is None,
        "location": {"mode": "coords", "latitude": _COORDINATES[0], "longitude": _COORDINATES[1]},
        "config": {"showLegend": False, "style": style},
    }


def _override(field: str, **properties: Any) -> dict[str, Any]:
    return {
        "matcher": {"id": "byName", "options": field},
        "properties": [{"id": name, "value": value} for name, value in properties.items()],
    }
