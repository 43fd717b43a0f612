"""Reads the facts of all conversations from ClickHouse, with what the refresher recorded of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
from msgspec import Struct

from streams.verify.recount.replay import Fact, Fate
from streams.verify.stored.tables import ON_DISK, StoredRows

_MOMENTS: Final = ("received_at", "first_answer_at", "answered_at", "closed_at", "withdrawn_at")

_SETTINGS: Final = ON_DISK | {
    "output_format_json_named_tuples_as_objects": 0,
    "join_algorithm": "grace_hash",
    "max_bytes_in_join": 1 << 28,
}


class Told(Struct, frozen=True, array_like=True, gc=False):
    """A fact of a conversation and what is recorded of it.

    ``fates``: of a receipt; empty where nothing is recorded. ``match``: of an answer or change, the appeal that it
    belongs to; empty for none.
    """

    conversation: str
    fact: Fact
    fates: list[Fate]
    match: str


def conversations(stored: StoredRows) -> Iterator[Told]:
    """The facts of all conversations, one conversation after the other. ClickHouse joins and sorts on disk.

    A fact belongs to the conversation of the appeal that it names, by itself or by a message; else an answer belongs to
    that of its thread.
    """
    moment = "toUnixTimestamp64Milli({})".format
    table = stored.table
    appeals = (
        f"SELECT appeal, {moment('f.at')} AS at, "
        "if(f.thread IS NULL, concat('appeal ', appeal), concat('thread ', assumeNotNull(f.thread))) AS conversation "
        f"FROM (SELECT appeal, min(first) AS f FROM {table('appeals')} GROUP BY appeal)"
    )
    messages = (
        f"SELECT message, f.appeal AS appeal, {moment('f.at')} AS at "
        f"FROM (SELECT message, min(first) AS f FROM {table('messages')} GROUP BY message)"
    )
    members = ", ".join(
        moment(f"tupleElement(l, '{name}')") if name in _MOMENTS else f"tupleElement(l, '{name}')"
        for name in Fate.__struct_fields__
    )
    fates = (
        f"SELECT appeal, [tuple({members})] AS fates FROM (SELECT appeal, max(life) AS l FROM {table('lives')}"
        " GROUP BY appeal)"
    )
    matches = f"SELECT id, tupleElement(max(match), 'appeal') AS appeal FROM {table('matches')} GROUP BY id"

    removes = "f.kind IN ('appeal_withdrawn', 'appeal_removed', 'appeal_restored')"

    def told(name: str, message: str, thread: str, attributes: str, by_message: str) -> str:
        return (
            f"SELECT f.kind AS kind, id, {moment('f.at')} AS at, ifNull(f.appeal, '') AS appeal, "
            f"ifNull({message}, '') AS message, {thread} AS thread, {attributes}, {by_message} AS message_first "
            f"FROM (SELECT id, min(first) AS f FROM {table(name)} GROUP BY id)"
        )

    none = "CAST(NULL, 'Nullable(String)') AS {}".format
    every = " UNION ALL ".join(
        (
            told(
                "answers",
                "f.reply_to",
                "ifNull(f.thread, '')",
                f"{none('topic')}, f.responder AS responder, {none('nature')}, CAST(NULL, 'Nullable(UInt8)') AS rating",
                "0",
            ),
            told(
                "appeal_changes",
                f"if({removes}, f.message, '')",
                "''",
                "f.topic AS topic, f.responder AS responder, f.nature AS nature, f.rating AS rating",
                removes,
            ),
        )
    )
    named = (
        "SELECT t.kind AS kind, t.id AS id, t.at AS at, t.message AS message, t.topic AS topic,"
        " t.responder AS responder, t.nature AS nature, t.rating AS rating, t.thread AS thread, r.appeal AS recorded,"
        " if((t.message_first AND m.appeal != '') OR a.appeal = '', m.appeal, a.appeal) AS named"
        f" FROM ({every}) AS t LEFT JOIN ({appeals}) AS a ON a.appeal = t.appeal"
        f" LEFT JOIN ({messages}) AS m ON m.message = t.message LEFT JOIN ({matches}) AS r ON r.id = t.id"
    )
    attributes = "CAST(NULL, 'Nullable(String)'), CAST(NULL, 'Nullable(String)'), CAST(NULL, 'Nullable(String)')"
    nothing = f"{attributes}, CAST(NULL, 'Nullable(UInt8)')"
    moments = ", ".join(["Nullable(Int64)"] * 4)
    texts = ", ".join(["Nullable(String)"] * 3)
    no_fates = f"CAST([], 'Array(Tuple(Int64, String, {moments}, {texts}, Nullable(UInt8)))')"
    sql = (
        f"SELECT a.conversation AS c, tuple('appeal_received', a.appeal, a.at, '', '', {nothing}), l.fates, ''"
        f" FROM ({appeals}) AS a LEFT JOIN ({fates}) AS l ON l.appeal = a.appeal"
        f" UNION ALL SELECT a.conversation, tuple('message', m.message, m.at, m.appeal, '', {nothing}), {no_fates}, ''"
        f" FROM ({messages}) AS m INNER JOIN ({appeals}) AS a ON a.appeal = m.appeal"
        " UNION ALL SELECT multiIf(n.named != '', a.conversation,"
        " n.thread != '', concat('thread ', n.thread), concat('fact ', n.id)),"
        " tuple(n.kind, n.id, n.at, n.named, n.message, n.topic, n.responder, n.nature, n.rating),"
        f" {no_fates}, n.recorded FROM ({named}) AS n LEFT JOIN ({appeals}) AS a ON a.appeal = n.named"
    )
    decode = msgspec.json.Decoder(Told).decode
    return map(decode, stored.rows(f"SELECT * FROM ({sql}) ORDER BY 1", _SETTINGS))


def strangers(stored: StoredRows) -> Iterator[tuple[str, str]]:
    """Rows of lives and matches (table, identity) that no fact explains."""
    told = " UNION ALL ".join(f"SELECT id FROM {stored.table(name)}" for name in ("answers", "appeal_changes"))
    for table, key, facts in (
        ("lives", "appeal", f"SELECT appeal FROM {stored.table('appeals')}"),
        ("matches", "id", told),
    ):
        sql = f"SELECT l.{key} FROM {stored.table(table)} AS l LEFT ANTI JOIN ({facts}) AS f ON f.{key} = l.{key}"
        for line in stored.rows(sql, _SETTINGS):
            yield table, msgspec.json.decode(line)[0]
