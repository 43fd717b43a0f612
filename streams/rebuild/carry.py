"""Carries rows below a cut from the old generation's tables over to the new one's, and marks their hours as touched.

Every statement may be repeated: the tables are joins, and rows below a cut never change.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from clickhouse_connect.driver.client import Client

from schemas.clickhouse.sql_files import literal
from streams.definition import Definition, Stamp
from streams.grid import REST
from streams.rebuild.plan import RebuildRefusedError, changed_loads, changed_stamps

DATA: Final = "gospulse_data"
#: Facts: table -> its key.
FACTS: Final = {
    "appeals": "appeal",
    "answers": "id",
    "appeal_changes": "id",
    "posts": "object",
    "post_removals": "object",
}
#: Tables that are carried over by the position of ``first``: their key, and how the other columns merge.
_UNIONS: Final = {"hours": "groupUniqArrayArray(hours)", "names": "groupUniqArrayArray(names)"}
_CARRIED: Final[dict[str, tuple[str, dict[str, str]]]] = {
    **{table: (FACTS[table], _UNIONS) for table in ("appeals", "answers", "appeal_changes")},
    **{table: (FACTS[table], {}) for table in ("posts", "post_removals")},
    "messages": ("message", _UNIONS),
    "fact_hours": ("hour, fact, key", {"standing": "min(standing)"}),
}
READING_KEY: Final = "metric, object, period_from, period_to, source"
#: The chunk of a row of counters, also where a decision of the operator split the chunk.
CHUNK_OF_ROW: Final = f"bitAnd(chunk, {REST - 1})"
_DAY_S: Final = 86_400
_DURABLE: Final[dict[str, Any]] = {"async_insert": 0, "wait_end_of_query": 1, "insert_deduplicate": 0}


class Carried:
    """The rows that a new generation carries over from the old one: below the cuts, and of logs of deleted topics."""

    def __init__(self, definition: Definition, before: Definition, gone_logs: Collection[int]) -> None:
        self.definition = definition
        self.before = before
        self._gone = sorted(gone_logs)

    @property
    def nothing(self) -> bool:
        """Whether the whole history is folded from the log."""
        return not self.definition.cut and not self._gone

    def cells(self) -> str:
        """The condition on rows of ``page_hour``."""
        chunk = self.before.chunk
        below = [
            f"(log = {log} AND part = {part} AND {CHUNK_OF_ROW} < {cut // chunk})"
            for log, part, cut in self.definition.cut
        ]
        return " OR ".join(below + self._gone_condition("log"))

    def positions(self, log: str, part: str, off: str) -> str:
        """The condition on a position, given as SQL expressions."""
        below = [f"({log} = {of} AND {part} = {at} AND {off} < {cut})" for of, at, cut in self.definition.cut]
        return " OR ".join(below + self._gone_condition(log))

    def _gone_condition(self, log: str) -> list[str]:
        return [f"{log} IN ({', '.join(map(str, self._gone))})"] if self._gone else []


def gone_logs(client: Client, generation: int, logs: Collection[int]) -> set[int]:
    """Logs of deleted topics of which a generation has rows."""
    rows = client.query(f"SELECT DISTINCT log FROM {DATA}.progress_g{generation}").result_rows
    carried = client.query(f"SELECT DISTINCT log FROM {DATA}.touched_g{generation}").result_rows
    return {int(log) for (log,) in [*rows, *carried]} - set(logs)


def refuse_changes(client: Client, carried: Carried) -> None:
    """Raise :class:`RebuildRefusedError` if a change of the definition concerns carried rows."""
    if carried.nothing:
        return
    for stamp in changed_stamps(carried.definition, carried.before):
        if _holds_page(client, carried, stamp):
            raise RebuildRefusedError(
                f"The changed stamp of {stamp.page} reaches rows that are carried over (the log no longer holds their "
                "records): they would keep their old place. Leave it out, or restore the log."
            )
    for load in changed_loads(carried.definition, carried.before):
        if load in carried.before.excluded_loads:
            raise RebuildRefusedError(
                f"The load {load} was excluded: its records below the cut are not in the rows that are carried over."
            )
        reached = _reached_by_load(client, carried, load)
        if reached:
            raise RebuildRefusedError(f"The load {load} cannot be excluded: {reached}. Restore the log, or keep it.")


def carry(client: Client, carried: Carried) -> None:
    """Carry the rows over into the new generation's tables."""
    if carried.nothing:
        return
    for statement in statements(carried):
        client.command(statement, settings=_DURABLE)


def statements(carried: Carried) -> Sequence[str]:
    """The statements of :func:`carry`, in order: rows first, the marks of their hours last."""
    old, new = carried.before.generation, carried.definition.generation

    def into(table: str) -> str:
        return f"INSERT INTO {DATA}.{table}_g{new}"

    done = [
        f"{into('page_hour')} SELECT * FROM {DATA}.page_hour_g{old} FINAL WHERE {carried.cells()}",
    ]
    for table, (key, unions) in _CARRIED.items():
        where = carried.positions("tupleElement(f, 'log')", "tupleElement(f, 'part')", "tupleElement(f, 'off')")
        columns = "".join(f", {name}" for name in unions)
        merged = "".join(f", {merge} AS m_{name}" for name, merge in unions.items())
        done.append(
            f"{into(table)} ({key}, first{columns}) SELECT {key}, f{columns.replace(', ', ', m_')} FROM "
            f"(SELECT {key}, min(first) AS f{merged} FROM {DATA}.{table}_g{old} GROUP BY {key}) WHERE {where}"
        )
    latest = carried.positions("tupleElement(f, 'log')", "tupleElement(f, 'part')", "tupleElement(f, 'off')")
    key = READING_KEY
    below = carried.positions("log", "part", "off")
    done += [
        f"{into('readings')} ({key}, latest) SELECT {key}, f FROM (SELECT {key}, max(latest) AS f "
        f"FROM {DATA}.readings_g{old} GROUP BY {key}) WHERE {latest}",
        f"{into('rejected')} SELECT * FROM {DATA}.rejected_g{old} FINAL WHERE {below}",
        # A sketch has no positions, so the sketches of all days of carried counters are carried over whole. Records of
        # these days that the log still holds are folded into them again, which changes nothing.
        f"{into('people_day')} SELECT * FROM {DATA}.people_day_g{old} WHERE day IN ({_carried_days(carried)})",
        f"{into('sources')} SELECT * FROM {DATA}.sources_g{old}",
        f"{into('touched')} (hour, log, part, high) SELECT hour, log, part, {_below_cut(carried)} "
        f"FROM (SELECT hour, log, part, max(high) AS h FROM {DATA}.touched_g{old} GROUP BY hour, log, part) "
        f"WHERE {carried.positions('log', 'part', '0')}",
    ]
    return done


def _below_cut(carried: Carried) -> str:
    """The mark of an hour: that of the old generation, but at most the cut."""
    branches = [f"log = {log} AND part = {part}, least(h, {cut})" for log, part, cut in carried.definition.cut]
    return f"multiIf({', '.join(branches)}, h)" if branches else "h"


def _carried_days(carried: Carried) -> str:
    """Local days of carried counters: each UTC day and its neighbours."""
    return (
        "SELECT arrayJoin([toDate(hour) - 1, toDate(hour), toDate(hour) + 1]) "
        f"FROM {DATA}.page_hour_g{carried.before.generation} WHERE {carried.cells()}"
    )


def _holds_page(client: Client, carried: Carried, stamp: Stamp) -> bool:
    start, end = stamp.from_ms // 1000 - _DAY_S, stamp.to_ms // 1000 + _DAY_S
    rows = client.query(
        f"SELECT 1 FROM {DATA}.page_hour_g{carried.before.generation} WHERE page = {literal(stamp.page)} "
        f"AND toUnixTimestamp(hour) BETWEEN {max(0, start)} AND {end} AND ({carried.cells()}) LIMIT 1"
    ).result_rows
    return bool(rows)


def _reached_by_load(client: Client, carried: Carried, load: str) -> str | None:
    """Why carried rows contain records of a load; None if they contain none.

    Counters do not name their load, but facts and readings do, and an import run sends nothing else.
    """
    generation = carried.before.generation
    where = carried.positions("tupleElement(f, 'log')", "tupleElement(f, 'part')", "tupleElement(f, 'off')")
    known = 0
    for table, key, merged in (
        *((table, key, "min(first)") for table, key in FACTS.items()),
        ("readings", READING_KEY, "max(latest)"),
    ):
        merge = f"SELECT {merged} AS f FROM {DATA}.{table}_g{generation} GROUP BY {key}"
        rows = client.query(
            f"SELECT count(), countIf({where}) FROM ({merge}) WHERE tupleElement(f, 'load') = {literal(load)}"
        ).result_rows
        known += int(rows[0][0])
        if rows[0][1]:
            return f"{rows[0][1]} of its rows in {table} are carried over, and the log no longer holds their records"
        # A reading may have replaced an earlier observation, which the rows no longer contain.
        if table == "readings" and rows[0][0] and carried.definition.cut:
            return f"{rows[0][0]} of its readings may have replaced earlier ones, and only the log would hold those"
    people = client.query(
        f"SELECT count() FROM (SELECT min(first) AS f FROM {DATA}.appeals_g{generation} GROUP BY appeal) "
        f"WHERE tupleElement(f, 'load') = {literal(load)} AND tupleElement(f, 'author') IS NOT NULL "
        f"AND toDate(tupleElement(f, 'at')) IN ({_carried_days(carried)})"
    ).result_rows
    if people[0][0]:
        return f"{people[0][0]} of its authors are in sketches of carried days"
    return None if known else "no row of the generation before names it"
