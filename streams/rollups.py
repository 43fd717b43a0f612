"""Roll-ups in SQL: the statements that recompute hours and days from cells and facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, get_args

from schemas.events import ENTRANCES, EngagementKind
from streams.zones import HOUR_MS, moscow_day

DATA: Final = "gospulse_data"
HOUR_S: Final = HOUR_MS // 1000

#: Column of a roll-up -> the condition on a fact (columns ``kind``, ``entrance``) that it counts.
FACTS: Final[Mapping[str, str]] = {
    "appeals": "kind = 'appeal_received'",
    **{f"appeals_{entrance}": f"kind = 'appeal_received' AND entrance = '{entrance}'" for entrance in ENTRANCES},
    "answers_interim": "kind = 'appeal_interim'",
    "answers_final": "kind = 'appeal_answered'",
    "closings": "kind = 'appeal_closed'",
    "reopenings": "kind = 'appeal_reopened'",
    "withdrawals": "kind IN ('appeal_withdrawn', 'appeal_removed')",
}
#: Columns that come from the counters.
COUNTERS: Final[tuple[str, ...]] = get_args(EngagementKind)
COLUMNS: Final[tuple[str, ...]] = (*FACTS, *COUNTERS)


def place_hour(generation: int, versions: Mapping[int, int]) -> str:
    """Recompute whole hours by place. ``versions`` maps an hour (seconds UTC) to the sum of its marks."""
    hours = sorted(versions)
    return (
        f"INSERT INTO {DATA}.place_hour_g{generation} (hour, place, version, {', '.join(COLUMNS)}) "
        f"SELECT hour, place, {_mapped('hour', versions)}, {_sums()} FROM ({_both(generation, hours)}) "
        "GROUP BY hour, place"
    )


def place_day(generation: int, zone: str, day_of: Mapping[int, int], heads: Mapping[int, int]) -> str:
    """Sum whole local days of one zone from ``place_hour``.

    ``day_of`` maps each hour (seconds UTC) of the days to its day (days since 1970), ``heads`` to the hour's head:
    rows below it belong to an older computation. A day's version is the sum of its hours' heads.
    """
    return (
        f"INSERT INTO {DATA}.place_day_g{generation} (day, zone, place, version, {', '.join(COLUMNS)}) "
        f"SELECT {_mapped('hour', day_of, 'toDate')} AS day, '{zone}', place, "
        f"{_mapped('day', _by_day(day_of, heads), 'toUInt64', 'toUInt16')}, {_sums()} "
        f"FROM {DATA}.place_hour_g{generation} FINAL "
        f"WHERE hour IN ({_moments(day_of)}) AND version >= {_mapped('hour', heads)} AND {_in_zone(generation, zone)} "
        "GROUP BY day, place"
    )


def page_day(generation: int, zone: str, day_of: Mapping[int, int], heads: Mapping[int, int]) -> str:
    """Recompute whole local days of one zone by page, from cells and facts; arguments as for :func:`place_day`."""
    where = f" AND {_in_zone(generation, zone)}"
    return (
        f"INSERT INTO {DATA}.page_day_g{generation} (day, zone, place, page, version, {', '.join(COLUMNS)}) "
        f"SELECT {_mapped('hour', day_of, 'toDate')} AS day, '{zone}', place, page, "
        f"{_mapped('day', _by_day(day_of, heads), 'toUInt64', 'toUInt16')}, {_sums()} "
        f"FROM ({_both(generation, sorted(day_of), where)}) GROUP BY day, place, page"
    )


def head(generation: int, rollup: str, zone: str, versions: Mapping[int, int]) -> str:
    """Record that periods (seconds UTC; days as midnight of their date) are recomputed with every row written."""
    rows = ", ".join(f"('{rollup}', '{zone}', {period}, {version}, now64(3))" for period, version in versions.items())
    return f"INSERT INTO {DATA}.refreshed_g{generation} (rollup, zone, period, version, at) VALUES {rows}"


def day_versions(day_of: Mapping[int, int], heads: Mapping[int, int]) -> dict[int, int]:
    """The version of each day (midnight of its date in seconds): the sum of its hours' heads."""
    return {day * 86_400: version for day, version in _by_day(day_of, heads).items()}


def days_of_facts(hours: Iterable[int]) -> str:
    """The Moscow days (the key of facts) that hours (seconds UTC) lie in, as a list of SQL."""
    return ", ".join(f"toDate({day})" for day in sorted({moscow_day(hour * 1000) for hour in hours}))


def _by_day(day_of: Mapping[int, int], heads: Mapping[int, int]) -> dict[int, int]:
    versions: dict[int, int] = {}
    for hour, day in day_of.items():
        versions[day] = versions.get(day, 0) + heads.get(hour, 0)
    return versions


def _both(generation: int, hours: list[int], where: str = "") -> str:
    """Counters and facts of some hours by hour, place and page, each with zeros in the other's columns."""
    no_facts = ", ".join(f"toUInt64(0) AS {column}" for column in FACTS)
    no_counters = ", ".join(f"toUInt64(0) AS {column}" for column in COUNTERS)
    facts = ", ".join(f"countIf({condition}) AS {column}" for column, condition in FACTS.items())
    return (
        f"SELECT hour, toString(place) AS place, page, {no_facts}, {', '.join(f'sum({c}) AS {c}' for c in COUNTERS)} "
        f"FROM (SELECT hour, place, page, {', '.join(f'max({c}) AS {c}' for c in COUNTERS)} "
        f"FROM {DATA}.page_hour_g{generation} WHERE hour IN ({_moments(hours)}){where} "
        "GROUP BY hour, place, page, log, part, chunk) GROUP BY hour, place, page "
        f"UNION ALL SELECT hour, place, page, {facts}, {no_counters} FROM ({_facts(generation, hours)}) "
        f"WHERE hour IN ({_moments(hours)}){where} GROUP BY hour, place, page"
    )


def _facts(generation: int, hours: Iterable[int]) -> str:
    """Every fact of the days that the hours lie in: hour, place, page (empty where none), kind, entrance."""
    days = days_of_facts(hours)

    def facts(table: str, identity: str, kind: str, entrance: str) -> str:
        return (
            "SELECT toDateTime(toStartOfHour(tupleElement(fact, 'at')), 'UTC') AS hour, "
            "tupleElement(fact, 'place') AS place, ifNull(tupleElement(fact, 'page'), '') AS page, "
            f"{kind} AS kind, {entrance} AS entrance FROM (SELECT min(first) AS fact "
            f"FROM {DATA}.{table}_g{generation} WHERE day IN ({days}) GROUP BY day, {identity})"
        )

    return " UNION ALL ".join(
        (
            facts("appeals", "appeal", "'appeal_received'", "tupleElement(fact, 'entrance')"),
            facts("answers", "id", "tupleElement(fact, 'kind')", "''"),
            facts("appeal_changes", "id", "tupleElement(fact, 'kind')", "''"),
        )
    )


def _in_zone(generation: int, zone: str) -> str:
    return f"place IN (SELECT place FROM {DATA}.place_zones_g{generation} WHERE zone = '{zone}')"


def _sums() -> str:
    return ", ".join(f"sum({column})" for column in COLUMNS)


def _moments(hours: Iterable[int]) -> str:
    return ", ".join(f"toDateTime({hour}, 'UTC')" for hour in hours)


def _mapped(column: str, values: Mapping[int, int], result: str = "toUInt64", key: str = "toUInt32") -> str:
    """An expression that maps a column of hours or days to a number; what is not in the mapping becomes 0."""
    keys = ", ".join(map(str, values))
    numbers = ", ".join(f"toUInt64({value})" for value in values.values())
    return f"{result}(transform({key}({column}), [{keys}], [{numbers}], toUInt64(0)))"
