"""Conversations whose facts changed: read whole from ClickHouse, replayed, the lives of their appeals written back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from clickhouse_connect.driver.client import Client

from streams.positions import Partition
from streams.refresh.lifecycle import Happening, Life, Received, lives
from streams.refresh.rollups import DATA, Earliest, among, days_of_facts

#: Identities in one question: two megabytes of SQL are read within milliseconds, and bound the memory of a step.
KEYS_A_QUESTION: Final = 20_000
_LONG: Final[dict[str, Any]] = {"max_query_size": 16_000_000, "max_ast_elements": 1_000_000}
_DURABLE: Final[dict[str, Any]] = {"async_insert": 0, "wait_end_of_query": 1, "insert_deduplicate": 0}

#: Log and partition -> the first offset that is news.
Since = Mapping[Partition, int]


def refresh_lives(client: Client, generation: int, hours: Sequence[int], since: Since) -> int:
    """Bring the lives of all appeals up to date that facts of some hours (seconds UTC) belong to.

    Only facts at or beyond ``since`` of their partition are news; a partition that it does not name is read whole.
    Returns how many lives were written.
    """
    return sum(
        _refresh(client, generation, appeals, threads)
        for appeals, threads in _changed(client, generation, hours, since)
    )


def _changed(
    client: Client, generation: int, hours: Sequence[int], since: Since
) -> Iterator[tuple[set[str], set[str]]]:
    """In portions: appeals whose conversation the news does not tell, and the conversations that it does tell."""
    days = among("day", days_of_facts(hours))
    partitions = ", ".join(str((log << 16) + part) for log, part in since) or "0"
    offsets = ", ".join(map(str, since.values())) or "0"

    def news(table: str, key: str, columns: Sequence[str]) -> str:
        fact = Earliest("at", *columns)
        appeal, thread = key, "''"
        if "appeal" in columns:
            appeal = f"ifNull({fact['appeal']}, '')"
        if "thread" in columns:
            thread = f"ifNull({fact['thread']}, '')"
        if table == "answers":
            # An answer that names its appeal belongs to it alone, whatever conversation it was seen in.
            thread = f"if({appeal} = '', {thread}, '')"
        in_hours = among(f"toStartOfHour({fact['at']})", hours)
        return (
            f"SELECT {appeal} AS appeal, {thread} AS thread FROM (SELECT {key}, {fact.sql} "
            f"FROM {DATA}.{table}_g{generation} WHERE {days} GROUP BY day, {key}) "
            f"WHERE {in_hours} AND {fact['off']} >= transform("
            f"bitShiftLeft(toUInt32({fact['log']}), 16) + {fact['part']}, "
            f"[{partitions}], CAST([{offsets}], 'Array(UInt64)'), toUInt64(0))"
        )

    rows = client.query(
        "SELECT DISTINCT appeal, thread FROM ("
        + " UNION ALL ".join(
            (
                news("appeals", "appeal", ["thread"]),
                news("answers", "id", ["appeal", "thread"]),
                news("appeal_changes", "id", ["appeal"]),
            )
        )
        + ")",
        settings=_LONG,
    ).result_rows
    for start in range(0, len(rows), KEYS_A_QUESTION):
        portion = rows[start : start + KEYS_A_QUESTION]
        yield {appeal for appeal, thread in portion if not thread}, {thread for _, thread in portion if thread}


def _refresh(client: Client, generation: int, appeals: set[str], threads: set[str]) -> int:
    table = f"{DATA}.appeals_g{generation}"
    # An appeal that an answer or a change names brings its whole conversation.
    found = _received(client, table, _among("appeal", appeals))
    threads = threads | {each.thread for each, _ in found.values() if each.thread}
    found |= _received(client, table, _among("ifNull(tupleElement(first, 'thread'), '')", threads))
    # A copy that does not stand may name another conversation than the fact.
    received = [each for each, _ in found.values() if each.thread is None or each.thread in threads]
    told = lives(received, _happenings(client, generation, {each.appeal for each in received}, threads))
    changed = {key: life for key, life in told.items() if life.version > found[key][1]}
    if changed:
        client.raw_insert(
            f"{DATA}.appeals_g{generation}",
            column_names=["day", "appeal", "life"],
            insert_block=b"\n".join(_row(day, appeal, life) for (day, appeal), life in changed.items()),
            fmt="JSONEachRow",
            settings=_DURABLE,
        )
    return len(changed)


def _received(client: Client, table: str, condition: str) -> dict[tuple[str, str], tuple[Received, int]]:
    """The appeals that meet a condition, by (day, appeal), with the version of the life that each has."""
    if not condition:
        return {}
    fact = Earliest("at", "thread")
    # Copies of one appeal are merged over all its rows, not only over those that the condition met.
    rows = client.query(
        f"SELECT toString(day), appeal, {fact['thread']}, toUnixTimestamp64Milli({fact['at']}), version "
        f"FROM (SELECT day, appeal, {fact.sql}, max(life.version) AS version FROM {table} "
        f"WHERE (day, appeal) IN (SELECT day, appeal FROM {table} WHERE {condition}) GROUP BY day, appeal)",
        settings=_LONG,
    ).result_rows
    return {
        (day, appeal): (Received(day, appeal, thread or None, at), version) for day, appeal, thread, at, version in rows
    }


def _happenings(client: Client, generation: int, appeals: set[str], threads: set[str]) -> Iterator[Happening]:
    def told(table: str, conditions: Sequence[str], columns: Sequence[str]) -> str:
        selected = " UNION DISTINCT ".join(
            f"SELECT day, id FROM {DATA}.{table}_g{generation} WHERE {condition}" for condition in conditions
        )
        fact = Earliest("at", "kind", "appeal", "responder", *columns)
        thread, topic = (fact[column] if column in columns else "NULL" for column in ("thread", "topic"))
        return (
            f"SELECT id, {fact['kind']}, toUnixTimestamp64Milli({fact['at']}), {fact['appeal']}, {thread}, {topic}, "
            f"{fact['responder']} FROM (SELECT id, {fact.sql} FROM {DATA}.{table}_g{generation} "
            f"WHERE (day, id) IN ({selected}) GROUP BY day, id)"
        )

    named = _among("ifNull(tupleElement(first, 'appeal'), '')", appeals)
    by_thread = _among("ifNull(tupleElement(first, 'thread'), '')", threads)
    questions = []
    if named or by_thread:
        questions.append(told("answers", [each for each in (named, by_thread) if each], ["thread"]))
    if named:
        questions.append(told("appeal_changes", [named], ["topic"]))
    if questions:
        for row in client.query(" UNION ALL ".join(questions), settings=_LONG).result_rows:
            yield Happening(*row)


def _among(expression: str, identities: Iterable[str]) -> str:
    """A condition of SQL; empty where there is nothing to look for. Identities are hex digits by the contract."""
    listed = ", ".join(f"'{identity}'" for identity in sorted(identities))
    return f"{expression} IN ({listed})" if listed else ""


def _row(day: str, appeal: str, life: Life) -> bytes:
    return msgspec.json.encode(
        {
            "day": day,
            "appeal": appeal,
            "life": {
                "version": life.version,
                "state": life.state,
                "first_answer_at": _moment(life.first_answer_at),
                "answered_at": _moment(life.answered_at),
                "closed_at": _moment(life.closed_at),
                "withdrawn_at": _moment(life.withdrawn_at),
                "topic": life.topic,
                "responder": life.responder,
            },
        }
    )


def _moment(at: int | None) -> str | None:
    return None if at is None else f"{datetime.fromtimestamp(at // 1000, UTC):%Y-%m-%d %H:%M:%S}.{at % 1000:03d}"
