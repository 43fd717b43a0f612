"""Macros of the data source's back end: time filters and intervals, nested calls, comments.

Source: grafana/clickhouse-datasource, ``pkg/macros/macros.go`` (plugin 4.20); the expectations of its
``macros_test.go`` are the cases of our test. Not here, because no query of ours uses them: ``$__columns`` and the other
macros that rewrite whole statements.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from msgspec import Struct

_NAME: Final = re.compile(r"\$__(\w+)")
#: What a comment or a quoted region is, longest first; the rest is looked at sign by sign.
_REGION: Final = re.compile(
    r"(?P<quoted>'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.)*\"|`(?:[^`\\]|\\.)*`|\$(?P<tag>[A-Za-z_]*)\$.*?\$(?P=tag)\$)"
    r"|(?P<comment>--[^\n]*|/\*.*?\*/)",
    re.DOTALL,
)
_DURATION: Final = re.compile(r"(?P<number>\d+(?:\.\d+)?)(?P<unit>ms|s|m|h)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class MacroError(ValueError):
    """A macro with the wrong number of arguments or an interval that is none; the message names it."""


class Window(Struct, frozen=True):
    """What a request asks for: both ends in milliseconds UTC, the interval of a point in milliseconds."""

    from_ms: int
    to_ms: int
    interval_ms: int = 60_000


Macro = Callable[[Window, Sequence[str]], str]


def expand(sql: str, window: Window) -> str:
    """The SQL that the server gets. Unknown macros stay as they are; inner calls are expanded first.

    Raises :class:`MacroError`.
    """
    return _expand(_without_comments(sql), window)


def _expand(sql: str, window: Window) -> str:
    parts: list[str] = []
    at = 0
    while (found := _NAME.search(sql, at)) is not None:
        macro = _MACROS.get(found[1])
        parts.append(sql[at : found.start()])
        at = found.end()
        if macro is None:
            parts.append(found[0])
            continue
        arguments: list[str] = []
        if sql[at : at + 1] == "(":
            arguments, at = _arguments(sql, at)
        parts.append(macro(window, [_expand(argument, window).strip() for argument in arguments]))
    return "".join(parts) + sql[at:]


def _arguments(sql: str, at: int) -> tuple[list[str], int]:
    """Arguments of the call whose bracket opens at ``at``, and where it ends; what is quoted does not count."""
    found: list[str] = []
    depth, begin, i = 0, at + 1, at
    while i < len(sql):
        region = _REGION.match(sql, i)
        if region is not None:
            i = region.end()
            continue
        sign = sql[i]
        depth += (sign == "(") - (sign == ")")
        if depth == 0:
            last = sql[begin:i]
            return ([*found, last] if found or last.strip() else []), i + 1
        if sign == "," and depth == 1:
            found.append(sql[begin:i])
            begin = i + 1
        i += 1
    raise MacroError("a macro's bracket is not closed")


def _without_comments(sql: str) -> str:
    return _REGION.sub(lambda region: region[0] if region["quoted"] else "", sql)


def _needs(name: str, number: int, build: Callable[..., str]) -> Macro:
    def macro(window: Window, arguments: Sequence[str]) -> str:
        if len(arguments) != number:
            raise MacroError(f"$__{name} expected {number} argument(s), received {len(arguments)}")
        return build(window, *arguments)

    return macro


def _seconds(ms: int) -> str:
    return f"toDateTime({ms // 1000})"


def _milliseconds(ms: int) -> str:
    return f"fromUnixTimestamp64Milli({ms})"


def _date(ms: int) -> str:
    return f"toDate('{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%d}')"


def _between(write: Callable[[int], str], window: Window, column: str) -> str:
    return f"{column} >= {write(window.from_ms)} AND {column} <= {write(window.to_ms)}"


def _of_seconds(window: Window) -> int:
    return max(window.interval_ms // 1000, 1)


def _group(_window: Window, column: str, period: str) -> str:
    text = period.strip("'\"")
    parts = list(_DURATION.finditer(text))
    if not parts or "".join(part[0] for part in parts) != text:
        raise MacroError(f"$__timeGroup: invalid interval {text!r}")
    seconds = round(sum(float(part["number"]) * _SECONDS[part["unit"]] for part in parts))
    if seconds <= 0:
        raise MacroError(f"$__timeGroup: interval must be positive, got {text!r}")
    return f"toStartOfInterval(toDateTime({column}), INTERVAL {seconds} second)"


def _dates_and_times(window: Window, date: str, time: str) -> str:
    return f"({_between(_date, window, date)}) AND ({_between(_seconds, window, time)})"


_MACROS: Final[dict[str, Macro]] = {
    "fromTime": lambda window, _: _seconds(window.from_ms),
    "toTime": lambda window, _: _seconds(window.to_ms),
    "fromTime_ms": lambda window, _: _milliseconds(window.from_ms),
    "toTime_ms": lambda window, _: _milliseconds(window.to_ms),
    "timeFilter": _needs("timeFilter", 1, lambda window, column: _between(_seconds, window, column)),
    "timeFilter_ms": _needs("timeFilter_ms", 1, lambda window, column: _between(_milliseconds, window, column)),
    "dateFilter": _needs("dateFilter", 1, lambda window, column: _between(_date, window, column)),
    "dateTimeFilter": _needs("dateTimeFilter", 2, _dates_and_times),
    "dt": _needs("dt", 2, _dates_and_times),
    "timeFrom": _needs("timeFrom", 1, lambda window, column: f"{column} >= {_seconds(window.from_ms)}"),
    "timeTo": _needs("timeTo", 1, lambda window, column: f"{column} <= {_seconds(window.to_ms)}"),
    "timeInterval": _needs(
        "timeInterval",
        1,
        lambda window, column: f"toStartOfInterval(toDateTime({column}), INTERVAL {_of_seconds(window)} second)",
    ),
    "timeInterval_ms": _needs(
        "timeInterval_ms",
        1,
        lambda window, column: (
            f"toStartOfInterval(toDateTime64({column}, 3), INTERVAL {max(window.interval_ms, 1)} millisecond)"
        ),
    ),
    "timeGroup": _needs("timeGroup", 2, _group),
    "interval_s": lambda window, _: str(_of_seconds(window)),
}
