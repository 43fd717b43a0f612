"""Numbered SQL files of the tables and views: which there are, their checksums, and the statements they stand for."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Final, Literal

from msgspec import Struct

from schemas.clickhouse.expressions import (
    IN_FORCE,
    PRECEDENCE_OF_LEVELS,
    SHARE_OF_MONTHS,
    SHARE_OF_REGIONS,
    day_of_period,
    region_of_place,
)
from schemas.clickhouse.flat_appeals import shown_appeals
from schemas.clickhouse.literals import literal as literal
from schemas.clickhouse.rollup_columns import expand

Scope = Literal["base", "generation", "views"]

DATA: Final = "gospulse_data"
VIEWS: Final = "gospulse"

_NAME = re.compile(r"[0-9]{4}_[a-z0-9_]+\.sql")
#: Strings, quoted names and comments, so that a semicolon or a brace inside them is left alone.
_TOKEN = re.compile(r"'(?:[^'\\]|\\.|'')*'|`[^`]*`|--[^\n]*|;|[^'`;-]+|-", re.DOTALL)
_ENGINE = re.compile(r"\{(?P<engine>[A-Za-z]*MergeTree)\}(?:\((?P<arguments>[^()]*)\))?")
_PLACEHOLDER = re.compile(r"\{(?P<name>[a-z][a-z0-9_]*)\}")

#: By table: the setting that governs it, and the time by whose age its rows leave. Marks and roll-ups go with their
#: cells.
_AGE: Final[Mapping[str, tuple[str, str]]] = {
    "appeals": ("appeals", "toDateTime(tupleElement(first, 'at'))"),
    "appeal_rows": ("appeals", "toDateTime(received_at)"),
    "answer_month": ("appeals", "month"),
    "messages": ("appeals", "toDateTime(tupleElement(first, 'at'))"),
    "lives": ("appeals", "toDateTime(tupleElement(life, 'received_at'))"),
    "answers": ("answers", "toDateTime(tupleElement(first, 'at'))"),
    "appeal_changes": ("appeal_changes", "toDateTime(tupleElement(first, 'at'))"),
    "page_hour": ("page_hour", "hour"),
    "fact_hours": ("page_hour", "hour"),
    "touched": ("page_hour", "hour"),
    "place_hour": ("page_hour", "hour"),
    "region_hour": ("page_hour", "hour"),
    "place_5min": ("page_hour", "time"),
    "place_day": ("page_hour", "day"),
    "share_day": ("page_hour", "day"),
    "share_region_day": ("page_hour", "day"),
    "network_day": ("page_hour", "day"),
    "coverage_day": ("page_hour", "day"),
    "page_day": ("page_hour", "day"),
    "people_day": ("people_day", "day"),
    "people_unions": ("people_day", "begin"),
    "readings": ("readings", "toDateTime(period_from)"),
    "totals": ("readings", "toDateTime(period_from)"),
    "rejected": ("rejected", "toDateTime(appended)"),
}


class SqlFileError(ValueError):
    """A file that cannot be turned into statements; the message names it."""


class Retention(Struct, frozen=True, kw_only=True):
    """Days that the rows of a table are kept after they happened; None keeps them for ever (the default).

    ``page_hour`` governs the cells, the marks and every roll-up made from them together: a roll-up that outlives its
    cells would be recomputed from what is left of them.
    """

    appeals: int | None = None
    answers: int | None = None
    appeal_changes: int | None = None
    page_hour: int | None = None
    people_day: int | None = None
    readings: int | None = None
    #: Rejections are for mending, not for history.
    rejected: int | None = 400


#: Settings of a MergeTree table with which an acknowledged insert survives a power failure: its parts and the folder
#: that names them are synced first (ClickHouse, "MergeTree tables settings").
FSYNC: Final = ("fsync_after_insert", "fsync_part_directory")


class Rendering(Struct, frozen=True, kw_only=True):
    """What fills the placeholders: one switch for a replicated cluster, retention, the limits of the ratings."""

    #: Replicated engines and ON CLUSTER; ClickHouse's own macros {cluster} and {replica} name the places.
    replicated: bool = False
    #: Tables sync each insert to the disk before they acknowledge it, whatever the server's own default is.
    fsync: bool = False
    retention: Retention = Retention()
    #: An official answer is on time within so many hours of receipt (organisational target, not law).
    answer_limit_h: int = 24
    #: A region with fewer due appeals has no rank.
    minimum_sample: int = 30


class SqlFile(Struct, frozen=True):
    """One numbered file: scope (folder), name and text with the columns of the roll-ups filled in."""

    scope: Scope
    name: str
    text: str

    @property
    def checksum(self) -> str:
        """SHA-256 of the text before placeholders are filled."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def sql_files(scope: Scope) -> tuple[SqlFile, ...]:
    """The files of a scope in the order of their numbers. Raises :class:`SqlFileError` for a wrong name or number."""
    folder = files("schemas") / "clickhouse" / scope
    found = sorted(
        (
            # Expanded at once: a changed column changes the checksum, and the documents show it.
            SqlFile(scope, entry.name, expand(entry.read_text(encoding="utf-8")))
            for entry in folder.iterdir()
            if entry.is_file()
        ),
        key=lambda file: file.name,
    )
    numbers: dict[str, str] = {}
    for file in found:
        if not _NAME.fullmatch(file.name):
            raise SqlFileError(f"{scope}/{file.name} is not named like 0001_subject.sql.")
        other = numbers.setdefault(file.name[:4], file.name)
        if other != file.name:
            raise SqlFileError(f"{scope}/{file.name} and {scope}/{other} have the same number.")
    return tuple(found)


def statements(file: SqlFile, rendering: Rendering, generation: int = 0) -> tuple[str, ...]:
    """The file's statements, without comments, every placeholder filled.

    Raises :class:`SqlFileError` for a placeholder that nobody knows.
    """
    fillings = _fillings(rendering, generation)
    return tuple(_fill(statement, file, fillings, rendering) for statement in split(file.text))


def split(text: str) -> tuple[str, ...]:
    """Cut a text of SQL into its statements, without line comments.

    >>> split("SELECT ';'; -- no; one\\nSELECT 2")
    ("SELECT ';'", 'SELECT 2')
    """
    parts: list[list[str]] = [[]]
    for token in _TOKEN.findall(text):
        if token == ";":
            parts.append([])
        elif not token.startswith("--"):
            parts[-1].append(token)
    stripped = ("".join(part).strip() for part in parts)
    return tuple(part for part in stripped if part)


def _fillings(rendering: Rendering, generation: int) -> dict[str, str]:
    fillings = {
        "generation": str(generation),
        "on_cluster": "ON CLUSTER '{cluster}'" if rendering.replicated else "",
        "answer_limit_h": str(rendering.answer_limit_h),
        "minimum_sample": str(rendering.minimum_sample),
        "region_of_place": region_of_place(),
        "day_of_period": day_of_period(),
        "share_of_regions": SHARE_OF_REGIONS.replace("{generation}", str(generation)),
        "share_of_months": SHARE_OF_MONTHS.replace("{generation}", str(generation)).replace(
            "{region_of_place}", region_of_place()
        ),
        "precedence_of_levels": PRECEDENCE_OF_LEVELS,
        "in_force": IN_FORCE,
        "shown_appeals": shown_appeals().replace("{generation}", str(generation)),
    }
    return fillings | {
        f"ttl_{table}": expression and f"TTL {expression}" for table, expression in ttls(rendering).items()
    }


def ttls(rendering: Rendering) -> dict[str, str]:
    """The TTL expression of each table that may have one, as ClickHouse itself writes it; empty: kept for ever."""
    days = {table: getattr(rendering.retention, setting) for table, (setting, _) in _AGE.items()}
    return {
        table: "" if days[table] is None else f"{moment} + toIntervalDay({days[table]})"
        for table, (_, moment) in _AGE.items()
    }


def _fill(statement: str, file: SqlFile, fillings: Mapping[str, str], rendering: Rendering) -> str:
    def engine(match: re.Match[str]) -> str:
        name, arguments = match["engine"], match["arguments"]
        if not rendering.replicated:
            return name if arguments is None else f"{name}({arguments})"
        # One path per table, generation included in its name, and no shard in it: every replica holds everything,
        # because a key that is split over shards would be summed twice.
        replicated = "'/gospulse/{database}/{table}', '{replica}'"
        return f"Replicated{name}({replicated if not arguments else f'{replicated}, {arguments}'})"

    def placeholder(match: re.Match[str]) -> str:
        value = fillings.get(match["name"])
        if value is None:
            raise SqlFileError(f"{file.scope}/{file.name} has an unknown placeholder {match[0]}.")
        return value

    # Placeholders first: what an engine or ON CLUSTER brings in are ClickHouse's own macros.
    filled = _ENGINE.sub(engine, _PLACEHOLDER.sub(placeholder, statement))
    return _synced(filled) if rendering.fsync and filled.startswith("CREATE TABLE") else filled


def _synced(statement: str) -> str:
    """A CREATE TABLE with the settings of :data:`FSYNC`; they stand before the table's comment."""
    before, comment, after = statement.rpartition("\nCOMMENT ")
    settings = ", ".join(f"{name} = 1" for name in FSYNC)
    clause = f", {settings}" if "\nSETTINGS " in before else f"\nSETTINGS {settings}"
    return f"{before}{clause}{comment}{after}"
