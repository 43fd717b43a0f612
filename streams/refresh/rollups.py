"""Roll-ups in SQL: the statements that recompute hours and days from cells and facts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from schemas.clickhouse.expressions import region_of_place
from schemas.clickhouse.rollup_columns import COLUMNS, COUNTERS, FACTS
from streams.zones import HOUR_MS

#: Tables whose facts roll-ups count.
FACTS_BY_HOUR: Final = "'appeals', 'answers', 'appeal_changes'"
DATA: Final = "gospulse_data"
HOUR_S: Final = HOUR_MS // 1000
DAY_S: Final = 86_400
#: Marks an hour that is part of no day to be recomputed: beyond every day that a Date can hold.
NO_DAY: Final = 1 << 20

#: A time zone and a moment (seconds UTC), such as an hour or the midnight of a local day's date.
ZoneTime = tuple[str, int]
#: A zone and the midnight of a local day's date (seconds UTC) -> the version of that day.
DayVersions = Mapping[ZoneTime, int]
#: A time zone and an hour (seconds UTC) -> the local day (days since 1970) that the hour belongs to.
DayOf = Mapping[ZoneTime, int]


def place_hour(generation: int, versions: Mapping[int, int]) -> str:
    """Recompute whole hours by place. ``versions`` maps an hour (seconds UTC) to the sum of its marks."""
    hours = sorted(versions)
    return (
        f"INSERT INTO {DATA}.place_hour_g{generation} (hour, place, version, {', '.join(COLUMNS)}) "
        f"SELECT hour, place, {mapped('toUInt32(hour)', versions)}, {_counted()} "
        f"FROM ({_cells_and_facts(generation, hours)}) GROUP BY hour, place"
    )


def region_hour(generation: int, versions: Mapping[int, int]) -> str:
    """Sum whole hours from ``place_hour``, which holds them; arguments as for :func:`place_hour`."""
    version = mapped("toUInt32(hour)", versions)
    return (
        f"INSERT INTO {DATA}.region_hour_g{generation} (hour, region, version, {', '.join(COLUMNS)}) "
        f"SELECT hour, ifNull({region_of_place()}, '') AS region, {version}, {sums()} "
        f"FROM (SELECT * FROM {DATA}.place_hour_g{generation} FINAL "
        f"WHERE {among('hour', sorted(versions))} AND version >= {version}) GROUP BY hour, region"
    )


def place_5min(generation: int, versions: Mapping[int, int]) -> str:
    """Count the appeals of whole hours by place and five minutes, from their flat rows; arguments as above."""
    hour = "toUnixTimestamp(toStartOfHour(received_at))"
    return (
        f"INSERT INTO {DATA}.place_5min_g{generation} (time, place, version, appeals) "
        f"SELECT toStartOfFiveMinutes(received_at) AS time, place, any({mapped(hour, versions)}), count() "
        f"FROM {DATA}.appeal_rows_g{generation} FINAL "
        f"WHERE {among('toStartOfHour(received_at)', sorted(versions))} GROUP BY time, place"
    )


def place_day(generation: int, day_of: DayOf, heads: Mapping[int, int]) -> str:
    """Sum whole local days from ``place_hour``.

    ``day_of`` maps each hour of the days, by zone, to its day; ``heads`` maps an hour to its head: rows below it belong
    to an older computation. A day's version is the sum of its hours' heads.
    """
    hours = sorted({hour for _, hour in day_of})
    source = (
        f"SELECT * FROM {DATA}.place_hour_g{generation} FINAL "
        f"WHERE {among('hour', hours)} AND version >= {mapped('toUInt32(hour)', heads)}"
    )
    return (
        f"INSERT INTO {DATA}.place_day_g{generation} (day, zone, place, version, {', '.join(COLUMNS)}) "
        f"{_by_local_day(generation, source, 'place', sums(), day_of, heads)}"
    )


def page_day(generation: int, day_of: DayOf, heads: Mapping[int, int]) -> str:
    """Recompute whole local days by page, from cells and facts; arguments as for :func:`place_day`."""
    source = _cells_and_facts(generation, sorted({hour for _, hour in day_of}))
    columns = f"{_counted()}, ifNull({region_of_place()}, '')"
    return (
        f"INSERT INTO {DATA}.page_day_g{generation} (day, zone, place, page, version, {', '.join(COLUMNS)}, region) "
        f"{_by_local_day(generation, source, 'place, page', columns, day_of, heads)}"
    )


def day_numbers(versions: DayVersions) -> list[int]:
    """The days, since 1970-01-01."""
    return sorted({midnight // DAY_S for _, midnight in versions})


def listed_days(versions: DayVersions) -> str:
    """Days with their versions, as a question: day, zone, version."""
    rows = ", ".join(f"({midnight // DAY_S}, '{zone}', {version})" for (zone, midnight), version in versions.items())
    return (
        f"SELECT toDate(number) AS day, zone, version FROM values('number UInt16, zone String, version UInt64', {rows})"
    )


def heads(generation: int, versions_of: Mapping[str, Mapping[ZoneTime, int]]) -> str:
    """Record that periods of roll-ups have every row of a version written.

    ``versions_of`` maps a roll-up to the versions of its periods (zone, seconds UTC; days as midnight of their date).
    """
    rows = ", ".join(
        f"('{rollup}', '{zone}', {period}, {version})"
        for rollup, versions in versions_of.items()
        for (zone, period), version in versions.items()
    )
    return f"INSERT INTO {DATA}.refreshed_g{generation} (rollup, zone, period, version) VALUES {rows}"


def day_versions(day_of: DayOf, heads: Mapping[int, int]) -> dict[ZoneTime, int]:
    """The version of each day (its zone, midnight of its date in seconds): the sum of its hours' heads."""
    versions: dict[ZoneTime, int] = {}
    for (zone, hour), day in day_of.items():
        key = (zone, day * DAY_S)
        versions[key] = versions.get(key, 0) + heads.get(hour, 0)
    return versions


def among(expression: str, numbers: Iterable[int]) -> str:
    """The condition that a moment (seconds UTC), a date (days since 1970) or a number is one of some.

    Bare numbers: the engine takes a tenth of a millisecond for each call of a function in a list, ``toDateTime`` too.
    """
    listed = ", ".join(map(str, numbers))
    return f"{expression} IN ({listed})" if listed else "0"


def identities(some: Iterable[str]) -> str:
    """What stands right of IN for some identities, at least one. They are hexadecimal digits by the contract.

    One text instead of a literal each: of 20,000 the engine reads it in a quarter of the time, the client in none.
    """
    return f"(SELECT arrayJoin(splitByChar(' ', '{' '.join(some)}')))"


class Earliest:
    """The earliest copy of a fact, in SQL: ``sql`` is the aggregate, ``[column]`` what that copy says.

    The order of copies is that of their position in the log, so the position and the columns that are asked for decide
    as the whole tuple would, and the others are not read.
    """

    def __init__(self, *columns: str) -> None:
        self._columns = ("log", "part", "off", *columns)

    @property
    def sql(self) -> str:
        """The aggregate over the copies, named ``fact``."""
        return f"min(tuple({', '.join(f'first.{column}' for column in self._columns)})) AS fact"

    def __getitem__(self, column: str) -> str:
        return f"tupleElement(fact, {self._columns.index(column) + 1})"


def _by_local_day(
    generation: int, source: str, keys: str, columns: str, day_of: DayOf, heads: Mapping[int, int]
) -> str:
    """``columns`` over ``source`` (hour, place, ``keys``) by day of the place, behind day, zone, keys and version."""
    number_of = {zone: number for number, zone in enumerate(sorted({zone for zone, _ in day_of}))}

    def numbered(values: Mapping[ZoneTime, int]) -> dict[int, int]:
        return {(number_of[zone] << 32) + moment: value for (zone, moment), value in values.items()}

    zones = ", ".join(f"'{zone}'" for zone in number_of)
    numbers = ", ".join(f"toUInt64({number << 32})" for number in number_of.values())
    zone_number = f"transform(z.zone, [{zones}], [{numbers}], toUInt64({NO_DAY << 32}))"
    day = mapped(f"{zone_number} + toUInt32(r.hour)", numbered(day_of), NO_DAY)
    version = mapped(f"{zone_number} + day * {DAY_S}", numbered(day_versions(day_of, heads)))
    return (
        f"SELECT toDate({day} AS day), z.zone, {keys}, {version}, {columns} FROM ({source}) AS r INNER JOIN "
        f"(SELECT place AS home, any(p.zone) AS zone FROM {DATA}.place_zones_g{generation} AS p GROUP BY place) AS z "
        f"ON toString(r.place) = z.home WHERE day != {NO_DAY} GROUP BY day, z.zone, {keys}"
    )


def _cells_and_facts(generation: int, hours: list[int]) -> str:
    """Cells and facts of some hours, a row each: hour, place, page, the kind and entrance of a fact, the counters.

    A statement over a few rows costs what its text does, so each level names only the columns that it needs.
    """
    return (
        "SELECT hour, toString(place) AS place, page, '' AS kind, '' AS entrance, "
        f"{', '.join(f'max({column}) AS {column}' for column in COUNTERS)} "
        f"FROM {DATA}.page_hour_g{generation} WHERE {among('hour', hours)} "
        "GROUP BY hour, place, page, log, part, chunk "
        f"UNION ALL SELECT hour, place, page, kind, entrance, {', '.join('0' for _ in COUNTERS)} "
        f"FROM ({_facts(generation, hours)})"
    )


def _facts(generation: int, hours: Iterable[int]) -> str:
    """Every fact of some hours: hour, place, page (empty where none), kind, entrance; each fact in one hour only."""
    return (
        "SELECT hour, tupleElement(f, 'place') AS place, tupleElement(f, 'page') AS page, "
        "tupleElement(f, 'kind') AS kind, tupleElement(f, 'entrance') AS entrance FROM "
        "(SELECT hour, fact, min(first) AS f, min(standing) AS s "
        f"FROM {DATA}.fact_hours_g{generation} WHERE {among('hour', hours)} AND fact IN ({FACTS_BY_HOUR}) "
        "GROUP BY hour, fact, key) WHERE f.log < 65535 AND (f.log, f.part, f.off) <= s"
    )


def _counted() -> str:
    """The columns of a roll-up over rows of :func:`_cells_and_facts`."""
    facts = (f"countIf({condition})" for condition in FACTS.values())
    return ", ".join((*facts, *(f"sum({column})" for column in COUNTERS)))


def sums() -> str:
    """The columns of a roll-up over rows of another one."""
    return ", ".join(f"sum({column})" for column in COLUMNS)


def mapped(expression: str, values: Mapping[int, int], otherwise: int = 0) -> str:
    """An expression that maps whole numbers to whole numbers."""
    return f"transform({expression}, {_array(values)}, {_array(values.values())}, toUInt64({otherwise}))"


def _array(numbers: Iterable[int]) -> str:
    """An array of whole numbers as one text, which the engine reads faster than so many literals."""
    return f"CAST('[{','.join(map(str, numbers))}]', 'Array(UInt64)')"
