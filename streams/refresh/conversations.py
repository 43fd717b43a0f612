"""Conversations whose facts changed: read whole from ClickHouse, replayed, the lives of their appeals written back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import uuid4

import msgspec
from clickhouse_connect.driver.client import Client
from msgspec import Struct

from streams.positions import Partition, Position
from streams.refresh.appeal_rows import write_appeal_rows
from streams.refresh.fact_reader import KEYS, FactReader
from streams.refresh.lifecycle import Conversations, Happening, Life, Message, Received, replay
from streams.refresh.moved_facts import Moved, record_moves
from streams.refresh.rollups import among

#: Conversations that are replayed at once: they bound the memory of a step.
CONVERSATIONS_AT_ONCE: Final = 20_000
_DURABLE: Final[dict[str, Any]] = {"async_insert": 0, "wait_end_of_query": 1, "insert_deduplicate": 0}
_MOMENTS: Final = ("received_at", "first_answer_at", "answered_at", "closed_at", "withdrawn_at")
_SAID: Final = ("kind", "at", "appeal")
_ANSWER: Final = (*_SAID, "reply_to", "thread", "responder")
_CHANGE: Final = (*_SAID, "message", "topic", "responder", "nature", "rating")

#: Partition -> the first offset that is news.
Since = Mapping[Partition, int]
#: Table -> identities of facts in it.
News = Mapping[str, set[str]]


class _Roots(Struct):
    """Conversations: threads, and appeals that have none. What else is named does no harm."""

    threads: set[str]
    appeals: set[str]


class LifeWriter:
    """Brings the lives of appeals up to date with their facts. Any number may run: the one that knew more wins.

    A step records its version before it reads facts and after its lives are written. A life that did not change is
    skipped, unless another run has begun a step with the life's version or a later one and has not finished it: that
    run may still write what it read before.
    """

    def __init__(self, client: Client, generation: int, new_name: Callable[[], str] = lambda: uuid4().hex) -> None:
        """``new_name`` gives each run of steps a name that no other run has."""
        self._client = client
        self._generation = generation
        self._facts = FactReader(client, generation)
        self._new_name = new_name
        self._name = new_name()
        #: When appeals were received whose flat rows changed (ms UTC), by any copy; whoever reads it may clear it.
        self.received: set[int] = set()

    def refresh(self, hours: Sequence[int], since: Since) -> int:
        """Bring everything up to date that facts of some hours (seconds UTC) change. Returns the lives written.

        Only facts at or beyond ``since`` of their partition are news; a partition that it does not name is read whole.
        """
        news = self._news(hours, since)
        if not news:
            return 0
        version = self._known()
        self._record_step(begun=version)
        try:
            roots = self._conversations_of(news)
            written = self._refresh(roots, news.get("appeals", set()), version)
        except BaseException:
            # An insert may still be on its way: under another name this step stays unfinished for ever.
            self._name = self._new_name()
            raise
        self._record_step(finished=version)
        return written

    def _news(self, hours: Sequence[int], since: Since) -> dict[str, set[str]]:
        partitions = ", ".join(str((partition.log << 16) + partition.part) for partition in since) or "0"
        offsets = ", ".join(map(str, since.values())) or "0"
        rows = self._facts.rows(
            f"SELECT DISTINCT fact, key FROM {self._facts.table('fact_hours')} "
            f"WHERE {among('hour', hours)} AND fact IN ({', '.join(map(repr, KEYS))}) "
            "AND first.log < 65535 AND first.off >= transform(bitShiftLeft(toUInt32(first.log), 16) + first.part, "
            f"[{partitions}], CAST([{offsets}], 'Array(UInt64)'), toUInt64(0))"
        )
        news: dict[str, set[str]] = {}
        for table, key in rows:
            news.setdefault(table, set()).add(key)
        return news

    def _known(self) -> int:
        """The sum of the offsets that are known: of each partition the higher of its progress and its marks."""
        ((known,),) = self._facts.rows(
            "SELECT sum(known) FROM (SELECT log, part, max(off) AS known FROM ("
            f"SELECT log, part, folded AS off FROM {self._facts.table('progress')} UNION ALL "
            f"SELECT log, part, high FROM {self._facts.table('touched')}) GROUP BY log, part)"
        )
        return int(known)

    def _record_step(self, begun: int = 0, finished: int = 0) -> None:
        self._client.command(
            f"INSERT INTO {self._facts.table('life_steps')} (refresher, begun, finished) "
            f"VALUES ('{self._name}', {begun}, {finished})",
            settings=_DURABLE,
        )

    def _others_begun(self) -> int:
        """The highest version of a step that another run has begun and not finished; -1 where there is none."""
        ((begun,),) = self._facts.rows(
            f"SELECT max(b) FROM (SELECT refresher, max(begun) AS b, max(finished) AS f "
            f"FROM {self._facts.table('life_steps')} GROUP BY refresher) WHERE b > f AND refresher != '{self._name}'"
        )
        return int(begun) if begun else -1

    def _conversations_of(self, news: News) -> _Roots:
        """The conversations that news may change; records the facts among it that have copies in several hours."""
        facts = self._facts
        names: set[str] = set()
        moved: list[Moved] = []
        for table, keys in news.items():
            for key, log, part, off, at, hours, named in facts.by_identity(
                table, keys, "log", "part", "off", "at", "hours", "names"
            ):
                names.update(named)
                if len(hours) > 1:
                    moved.append(Moved(table, key, Position(log, part, off), at, tuple(hours)))
        record_moves(self._client, facts, moved)
        self.received.update(hour * 1000 for fact in moved if fact.table == "appeals" for hour in fact.hours)
        # What becomes known may draw facts to it that belonged elsewhere, by another of their names.
        own = news.get("appeals", set()) | news.get("messages", set())
        for table in ("answers", "appeal_changes"):
            for _, named in facts.by_name(table, own, "names"):
                names.update(named)
        names |= own
        for message, named in facts.by_identity("messages", names, "names"):
            names.discard(message)
            names.update(named)
        roots = _Roots(set(), set())
        for appeal, named in list(facts.by_identity("appeals", names, "names")):
            names.discard(appeal)
            roots.threads.update(named)
            roots.appeals.add(appeal)
        roots.threads |= names
        return roots

    def _refresh(self, roots: _Roots, new: set[str], version: int) -> int:
        written = 0
        threads, appeals = sorted(roots.threads), sorted(roots.appeals)
        for start in range(0, max(len(threads), len(appeals)), CONVERSATIONS_AT_ONCE):
            portion = slice(start, start + CONVERSATIONS_AT_ONCE)
            written += self._refresh_portion(set(threads[portion]), set(appeals[portion]), new, version)
        return written

    def _refresh_portion(self, threads: set[str], appeals: set[str], new: set[str], version: int) -> int:
        """``new`` are the appeals of which there are new copies."""
        conversations = self._read(threads, appeals)
        if not conversations.received and not conversations.happenings:
            return 0
        replayed = replay(conversations)
        lives = self._stored_lives(replayed.lives)
        matches = self._stored_matches(replayed.matches)
        threshold = self._others_begun()
        changed_lives = [
            (appeal, life)
            for appeal, life in replayed.lives.items()
            if appeal not in lives or lives[appeal][1] != life or lives[appeal][0] <= threshold
        ]
        changed_matches = [
            (identity, appeal or "")
            for identity, appeal in replayed.matches.items()
            if (identity in matches or appeal)
            and (matches.get(identity, (0, ""))[1] != (appeal or "") or matches[identity][0] <= threshold)
        ]
        self._insert("lives", "appeal, life", (_life_row(appeal, life, version) for appeal, life in changed_lives))
        self._insert(
            "matches",
            "id, match",
            (
                msgspec.json.encode({"id": identity, "match": {"version": version, "appeal": appeal}})
                for identity, appeal in changed_matches
            ),
        )
        # A row changes with its life or its fact.
        changed = {appeal for appeal, _ in changed_lives} | (new & replayed.lives.keys())
        write_appeal_rows(self._client, self._generation, changed, version)
        self.received.update(replayed.lives[appeal].received_at for appeal in changed)
        return len(changed_lives)

    def _read(self, threads: set[str], appeals: set[str]) -> Conversations:
        """Whole conversations: of some threads, and of those of ``appeals`` that have none."""
        facts = self._facts
        received = {row[0]: row[1:] for row in facts.by_name("appeals", threads, "thread", "at")}
        received |= {row[0]: row[1:] for row in facts.by_identity("appeals", appeals, "thread", "at")}
        # A copy that does not stand may name another thread than the fact.
        here = {
            appeal: Received(appeal, thread, at)
            for appeal, (thread, at) in received.items()
            if thread in threads or (thread is None and appeal in appeals)
        }
        messages: dict[str, Message] = {}
        for message, appeal, at in facts.by_name("messages", here.keys(), "appeal", "at"):
            messages[message] = Message(message, appeal, at)
        names = threads | here.keys() | messages.keys()
        told: dict[str, Happening] = {}
        for identity, kind, at, appeal, reply_to, thread, responder in facts.by_name("answers", names, *_ANSWER):
            told[identity] = Happening(identity, kind, at, appeal, reply_to, thread, responder=responder)
        for identity, kind, at, appeal, message, topic, responder, nature, rating in facts.by_name(
            "appeal_changes", names, *_CHANGE
        ):
            told[identity] = Happening(
                identity, kind, at, appeal, message, None, topic, responder, nature=nature, rating=rating
            )
        far_appeals = {fact.appeal for fact in told.values() if fact.appeal} - here.keys()
        far_messages = {fact.message for fact in told.values() if fact.message} - messages.keys()
        return Conversations(
            received=list(here.values()),
            threads=threads,
            messages=list(messages.values()),
            happenings=list(told.values()),
            appeals_elsewhere={appeal for (appeal,) in facts.by_identity("appeals", far_appeals)},
            messages_elsewhere=dict(facts.by_identity("messages", far_messages, "appeal")),  # type: ignore[arg-type]
        )

    def _stored_lives(self, appeals: Iterable[str]) -> dict[str, tuple[int, Life]]:
        columns = ", ".join(
            f"toUnixTimestamp64Milli(tupleElement(l, '{name}'))" if name in _MOMENTS else f"tupleElement(l, '{name}')"
            for name in Life.__struct_fields__
        )
        rows = self._facts.by_key(
            "lives", "appeal", list(appeals), f"tupleElement(max(life) AS l, 'version'), {columns}"
        )
        return {
            appeal: (version, Life(**dict(zip(Life.__struct_fields__, said, strict=True))))
            for appeal, version, *said in rows
        }

    def _stored_matches(self, identities: Iterable[str]) -> dict[str, tuple[int, str]]:
        columns = "tupleElement(max(match) AS m, 'version'), tupleElement(m, 'appeal')"
        rows = self._facts.by_key("matches", "id", list(identities), columns)
        return {identity: (version, appeal) for identity, version, appeal in rows}

    def _insert(self, table: str, columns: str, rows: Iterable[bytes]) -> None:
        block = b"\n".join(rows)
        if block:
            self._client.raw_insert(
                self._facts.table(table),
                column_names=columns.split(", "),
                insert_block=block,
                fmt="JSONEachRow",
                settings=_DURABLE,
            )


def _life_row(appeal: str, life: Life, version: int) -> bytes:
    said = msgspec.structs.asdict(life) | {name: _moment(getattr(life, name)) for name in _MOMENTS}
    return msgspec.json.encode({"appeal": appeal, "life": {"version": version} | said})


def _moment(at: int | None) -> str | None:
    return None if at is None else f"{datetime.fromtimestamp(at // 1000, UTC):%Y-%m-%d %H:%M:%S}.{at % 1000:03d}"
