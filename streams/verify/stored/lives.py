"""Reads the facts of all conversations from ClickHouse, with what the refresher recorded of their appeals."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from streams.verify.recount.replay import Fact, Fate
from streams.verify.stored.tables import NO_LOG, ON_DISK, StoredRows


class StoredFate(Fate, frozen=True, array_like=True, gc=False):
    """What is recorded of an appeal under a day; ``version`` is how many facts were known, 0 before the first time."""

    day: str
    version: int


def conversations(stored: StoredRows) -> Iterator[tuple[str, Fact, list[StoredFate]]]:
    """The facts of all conversations, one conversation after the other: its name, a fact, and for a receipt what
    is recorded of the appeal under each of its days.

    What names an appeal that was never received is left out. ClickHouse joins and sorts on disk.
    """
    moment = "toUnixTimestamp64Milli({})".format
    life = ", ".join(
        ["life.state"]
        + [moment(f"life.{name}") for name in ("first_answer_at", "answered_at", "closed_at", "withdrawn_at")]
        + ["life.topic", "life.responder", "toString(day)", "life.version"]
    )
    appeals = (
        f"SELECT appeal, min(tuple(f.at, day, ifNull(f.thread, ''))) AS first, groupArray(tuple({life})) AS fates,"
        " if(first.3 = '', concat('appeal ', appeal), concat('thread ', first.3)) AS conversation"
        f" FROM (SELECT day, appeal, min(first) AS f, max(life) AS life FROM {stored.table('appeals')}"
        f" GROUP BY day, appeal) WHERE f.log < {NO_LOG} GROUP BY appeal"
    )
    told = " UNION ALL ".join(
        f"SELECT f.kind AS kind, id, {moment('f.at')} AS at, ifNull(f.appeal, '') AS appeal, {thread} AS thread,"
        f" {topic} AS topic, f.responder AS responder"
        f" FROM (SELECT id, min(first) AS f FROM {stored.table(table)} GROUP BY day, id)"
        for table, thread, topic in (
            ("answers", "ifNull(f.thread, '')", "CAST(NULL, 'Nullable(String)')"),
            ("appeal_changes", "''", "f.topic"),
        )
    )
    fact = "tuple(kind, id, at, appeal, topic, responder)"
    moments = ", ".join(["Nullable(Int64)"] * 4)
    nothing = f"CAST([], 'Array(Tuple(String, {moments}, Nullable(String), Nullable(String), String, UInt64))')"
    sql = (
        f"SELECT conversation, tuple('appeal_received', appeal, {moment('first.1')}, '', NULL, NULL), fates"
        f" FROM ({appeals})"
        f" UNION ALL SELECT concat('thread ', thread), {fact}, {nothing} FROM ({told}) WHERE appeal = ''"
        f" UNION ALL SELECT conversation, {fact}, {nothing} FROM ({told}) AS t"
        f" INNER JOIN (SELECT appeal, conversation FROM ({appeals})) AS a ON a.appeal = t.appeal"
        " WHERE t.appeal != ''"
    )
    decode = msgspec.json.Decoder(tuple[str, Fact, list[StoredFate]]).decode
    settings = ON_DISK | {
        "output_format_json_named_tuples_as_objects": 0,
        "join_algorithm": "grace_hash",
        "max_bytes_in_join": 1 << 28,
    }
    return map(decode, stored.rows(f"SELECT * FROM ({sql}) ORDER BY 1", settings))
