"""Conversations whose facts changed: read whole from ClickHouse, replayed, the lives of their appeals written back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from clickhouse_connect.driver.client import Client

from streams.lifecycle import Happening, Life, Received, lives
from streams.rollups import DATA, days_of_facts

#: Identities in one question: two megabytes of SQL are read within milliseconds, and bound the memory of a step.
KEYS_A_QUESTION: Final = 20_000
_LONG: Final[dict[str, Any]] = {"max_query_size": 16_000_000, "max_ast_elements": 1_000_000}
_DURABLE: Final[dict[str, Any]] = {"async_insert": 0, "wait_end_of_query": 1, "insert_deduplicate": 0}

#: Log and partition -> the first offset that is news.
Since = Mapping[tuple[int, int], int]


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
    days = days_of_facts(hours)
    moments = ", ".join(f"toDateTime({hour}, 'UTC')" for hour in hours)
    partitions = ", ".join(str((log << 16) + part) for log, part in since) or "0"
    offsets = ", ".join(f"toUInt64({offset})" for offset in since.values()) or "toUInt64(0)"

    def news(table: str, key: str, appeal: str, thread: str) -> str:
        # An answer that names its appeal belongs to it alone, whatever conversation it was seen in.
        return (
            f"SELECT {appeal} AS appeal, {thread} AS thread FROM (SELECT {key}, min(first) AS fact "
            f"FROM {DATA}.{table}_g{generation} WHERE day IN ({days}) GROUP BY day, {key}) "
            f"WHERE toStartOfHour(tupleElement(fact, 'at')) IN ({moments}) AND tupleElement(fact, 'off') >= transform("
            "bitShiftLeft(toUInt32(tupleElement(fact, 'log')), 16) + tupleElement(fact, 'part'), "
            f"[{partitions}], [{offsets}], toUInt64(0))"
        )

    named = "ifNull(tupleElement(fact, 'appeal'), '')"
    rows = client.query(
        "SELECT DISTINCT appeal, thread FROM ("
        + " UNION ALL ".join(
            (
                news("appeals", "appeal", "appeal", "ifNull(tupleElement(fact, 'thread'), '')"),
                news("answers", "id", named, f"if({named} = '', ifNull(tupleElement(fact, 'thread'), ''), '')"),
                news("appeal_changes", "id", "tupleElement(fact, 'appeal')", "''"),
            )
        )
        + ")",
        settings=_LONG,
    ).result_rows
    for start in range(0, len(rows), KEYS_A_QUESTION):
        portion = rows[start : start + KEYS_A_QUESTION]
        yield {appeal for appeal, thread in portion if not thread}, {thread for _, thread in portion if thread}


def _refresh(client: Client, generation: int, appeals: set[str], threads: set[str]) -> int:
    # An appeal that an answer or a change names brings its whole conversation.
    if appeals:
        threads = threads | {each.thread for each in _received(client, generation, appeals, set())[0] if each.thread}
    received, known = _received(client, generation, appeals, threads)
    # A copy that does not stand may name another conversation than the fact.
    received = [each for each in received if each.thread is None or each.thread in threads]
    found = lives(received, _happenings(client, generation, {each.appeal for each in received}, threads))
    changed = {key: life for key, life in found.items() if life.version > known[key]}
    if changed:
        client.raw_insert(
            f"{DATA}.appeals_g{generation}",
            column_names=["day", "appeal", "life"],
            insert_block=b"\n".join(_row(day, appeal, life) for (day, appeal), life in changed.items()),
            fmt="JSONEachRow",
            settings=_DURABLE,
        )
    return len(changed)


def _received(
    client: Client, generation: int, appeals: set[str], threads: set[str]
) -> tuple[list[Received], dict[tuple[str, str], int]]:
    """The appeals by identity or conversation, and the version of the life that each (day, appeal) has."""
    table = f"{DATA}.appeals_g{generation}"
    selected = " UNION DISTINCT ".join(
        f"SELECT day, appeal FROM {table} WHERE {condition}"
        for condition in (
            _among("appeal", appeals),
            _among("ifNull(tupleElement(first, 'thread'), '')", threads),
        )
        if condition
    )
    if not selected:
        return [], {}
    # Copies of one appeal are merged over all its rows, not only over those that the condition met.
    rows = client.query(
        "SELECT toString(day), appeal, tupleElement(fact, 'thread'), toUnixTimestamp64Milli(tupleElement(fact, 'at')), "
        "tupleElement(known, 'version') FROM (SELECT day, appeal, min(first) AS fact, max(life) AS known "
        f"FROM {table} WHERE (day, appeal) IN ({selected}) GROUP BY day, appeal)",
        settings=_LONG,
    ).result_rows
    return (
        [Received(day, appeal, thread or None, at) for day, appeal, thread, at, _ in rows],
        {(day, appeal): version for day, appeal, _, _, version in rows},
    )


def _happenings(client: Client, generation: int, appeals: set[str], threads: set[str]) -> Iterator[Happening]:
    answers, changes = f"{DATA}.answers_g{generation}", f"{DATA}.appeal_changes_g{generation}"
    named = "ifNull(tupleElement(first, 'appeal'), '')"
    by_thread = _among("ifNull(tupleElement(first, 'thread'), '')", threads)
    for table, topic, thread, conditions in (
        (answers, "NULL", "tupleElement(fact, 'thread')", [_among(named, appeals), by_thread]),
        (changes, "tupleElement(fact, 'topic')", "NULL", [_among("tupleElement(first, 'appeal')", appeals)]),
    ):
        selected = " UNION DISTINCT ".join(
            f"SELECT day, id FROM {table} WHERE {condition}" for condition in conditions if condition
        )
        if not selected:
            continue
        rows = client.query(
            "SELECT id, tupleElement(fact, 'kind'), toUnixTimestamp64Milli(tupleElement(fact, 'at')), "
            f"tupleElement(fact, 'appeal'), {thread}, {topic}, tupleElement(fact, 'responder') "
            f"FROM (SELECT id, min(first) AS fact FROM {table} WHERE (day, id) IN ({selected}) GROUP BY day, id)",
            settings=_LONG,
        ).result_rows
        for row in rows:
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
