"""What ClickHouse holds of a generation, read by plain SQL: cells, facts, readings, rejections, sketches, progress."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, Final, Self

import clickhouse_connect
import msgspec
from clickhouse_connect.driver.exceptions import ClickHouseError
from msgspec import Struct

from schemas.connections import ClickHouseConnection
from streams.positions import Partition
from streams.verify.recount.ledger import PersonKey, ReadingKey, RejectedRow

READING_MEMBERS: Final = (
    "observed_at",
    "complete_at",
    "value",
    "appended",
    "id",
    "page",
    "place",
    "channel",
    "entrance",
    "topic",
    "load",
)
#: Groups come out in the order of the table and are sorted on disk: memory does not grow with the table.
ON_DISK: Final[dict[str, Any]] = {
    "optimize_aggregation_in_order": 1,
    "max_bytes_before_external_group_by": 1 << 28,
    "max_bytes_before_external_sort": 1 << 28,
}
_MOMENTS: Final = frozenset({"at", "appended", "observed_at", "complete_at"})


class StoredReading(Struct, frozen=True, array_like=True, gc=False):
    """A reading as ClickHouse holds it."""

    key: ReadingKey
    known_at: int
    log: int
    part: int
    off: int
    said: tuple[Any, ...]


class StoreUnreadableError(Exception):
    """ClickHouse could not be asked; the message says why."""


class StoredRows:
    """The tables of one generation. A context manager; raises :class:`StoreUnreadableError`."""

    def __init__(self, connection: ClickHouseConnection, generation: int) -> None:
        self.generation = generation
        try:
            self._client = clickhouse_connect.get_client(**connection.client_options(), send_receive_timeout=3600)
        except (ClickHouseError, OSError) as error:
            raise StoreUnreadableError(
                f"ClickHouse at {connection.host}:{connection.port} cannot be reached: {_first_line(error)}"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: type[BaseException] | None, _e: BaseException | None, _tb: TracebackType | None) -> None:
        self._client.close()

    def table(self, name: str) -> str:
        """The full name of a table of this generation."""
        return f"gospulse_data.{name}_g{self.generation}"

    def rows(self, sql: str, settings: dict[str, Any] | None = None) -> Iterator[bytes]:
        """The rows of a query as JSON arrays, one at a time."""
        try:
            with self._client.raw_stream(
                sql,
                fmt="JSONCompactEachRow",
                settings={"output_format_json_quote_64bit_integers": 0} | (settings or {}),
            ) as stream:
                yield from io.BufferedReader(_Readable(stream), 1 << 20)
        except (ClickHouseError, OSError) as error:
            raise StoreUnreadableError(f"ClickHouse could not answer: {_first_line(error)}") from error

    def values(self, sql: str, settings: dict[str, Any] | None = None) -> list[list[Any]]:
        """The rows of a query with a small answer."""
        return [msgspec.json.decode(line) for line in self.rows(sql, settings)]

    def command(self, sql: str) -> None:
        """Run a statement without a result."""
        try:
            self._client.command(sql)
        except (ClickHouseError, OSError) as error:
            raise StoreUnreadableError(f"ClickHouse could not answer: {_first_line(error)}") from error

    def engines(self) -> dict[str, str]:
        """Table of this generation (without its number) to its engine's clause, TTL included."""
        suffix = f"_g{self.generation}"
        sql = (
            "SELECT name, engine_full FROM system.tables"
            f" WHERE database = 'gospulse_data' AND endsWith(name, '{suffix}')"
        )
        return {name.removesuffix(suffix): engine for name, engine in self.values(sql)}

    def progress(self) -> dict[Partition, int]:
        """The acknowledged next offset of each partition."""
        sql = f"SELECT log, part, max(folded) FROM {self.table('progress')} GROUP BY log, part"
        return {Partition(log, part): folded for log, part, folded in self.values(sql)}

    def is_folded_now(self) -> bool:
        """Whether a worker of the generation was heard within the last 15 seconds: then a refresher runs as well."""
        sql = f"SELECT max(tupleElement(latest, 'heartbeat')) > now64(3) - 15 FROM {self.table('progress')}"
        return bool(self.values(sql)[0][0])

    def skipped_to(self) -> list[list[int]]:
        """(log, part, offset) of decisions to go on at an offset that were not undone: the farthest by partition."""
        sql = (
            "SELECT log, part, max(off) FROM (SELECT log, part, off FROM gospulse_data.decisions"
            f" WHERE kind IN ('skip_gap', 'undo_skip_gap') AND generation IN (0, {self.generation})"
            " GROUP BY log, part, off HAVING argMax(kind, decided_at) = 'skip_gap') GROUP BY log, part"
        )
        return self.values(sql)

    def stopped(self) -> dict[Partition, str]:
        """Why partitions are stopped, as their worker said last."""
        sql = (
            f"SELECT log, part, max(latest).stopped AS reason FROM {self.table('progress')}"
            " GROUP BY log, part HAVING reason != ''"
        )
        return {Partition(log, part): reason for log, part, reason in self.values(sql)}

    def logs(self) -> list[int]:
        """The logs that the generation has folded or carried over."""
        return [log for (log,) in self.values(f"SELECT DISTINCT log FROM {self.table('progress')}")]

    def rows_by_partition(self, table: str) -> list[list[int]]:
        """(log, part, stored rows) of a table with positions."""
        return self.values(f"SELECT log, part, count() FROM {self.table(table)} GROUP BY log, part")

    def days_before(self, chunks: list[tuple[int, int, int]], deleted_logs: list[int]) -> list[str]:
        """Days (ISO, UTC) of counters of chunks below (log, part, chunk), or of deleted logs."""
        conditions = [f"(log = {log} AND part = {part} AND chunk < {chunk})" for log, part, chunk in chunks]
        conditions += [f"log = {log}" for log in deleted_logs]
        if not conditions:
            return []
        sql = f"SELECT DISTINCT toString(toDate(hour)) FROM {self.table('page_hour')} WHERE {' OR '.join(conditions)}"
        return [day for (day,) in self.values(sql)]

    def appeals_by_both_routes(self) -> tuple[int, int]:
        """How many appeals stand as facts, and how many records were counted on their way."""
        ((facts,),) = self.values(f"SELECT uniqExact(appeal) FROM {self.table('appeals')}")
        ((counted,),) = self.values(
            f"SELECT sum(n) FROM (SELECT max(appeal_received) AS n FROM {self.table('page_hour')}"
            " GROUP BY hour, place, page, log, part, chunk)"
        )
        return facts, counted

    def rejected(self, log: int, part: int, start: int, end: int) -> Iterator[RejectedRow]:
        """Rows of ``rejected`` from offset ``start`` (inclusive) to ``end`` (exclusive), by offset."""
        sql = (
            "SELECT off, toUnixTimestamp64Milli(appended), stage, field, reason, source, origin, size"
            f" FROM {self.table('rejected')} FINAL WHERE log = {log} AND part = {part}"
            f" AND off >= {start} AND off < {end} ORDER BY off"
        )
        decode = msgspec.json.Decoder(RejectedRow).decode
        return (decode(line) for line in self.rows(sql))

    def readings(self, buckets: range) -> Iterator[StoredReading]:
        """Readings whose object falls into ``buckets`` (see ``spill.bucket_of_text``)."""
        said = ", ".join(_member(name) for name in READING_MEMBERS)
        sql = (
            "SELECT tuple(metric, object, toUnixTimestamp64Milli(period_from), toUnixTimestamp64Milli(period_to),"
            f" source), toUnixTimestamp64Milli(f.known_at), f.log, f.part, f.off, tuple({said})"
            " FROM (SELECT metric, object, period_from, period_to, source, max(latest) AS f"
            f" FROM {self.table('readings')} WHERE bitAnd(CRC32(object), 255) BETWEEN {buckets[0]} AND {buckets[-1]}"
            " GROUP BY metric, object, period_from, period_to, source)"
        )
        decode = msgspec.json.Decoder(StoredReading).decode
        return (decode(line) for line in self.rows(sql, {"output_format_json_named_tuples_as_objects": 0}))

    def people(self) -> Iterator[tuple[PersonKey, int]]:
        """The estimate of every stored sketch."""
        sql = (
            f"SELECT tuple(toString(day), place, page), uniqCombined64Merge(people) FROM {self.table('people_day')}"
            " GROUP BY day, place, page"
        )
        decode = msgspec.json.Decoder(tuple[PersonKey, int]).decode
        settings = {"output_format_json_named_tuples_as_objects": 0, "max_bytes_before_external_group_by": 1 << 30}
        return (decode(line) for line in self.rows(sql, settings))

    def estimates(self, sets: Iterable[set[int]]) -> list[int]:
        """The estimates of new sketches of the given sets of authors: one query, nothing is stored."""
        lines = "".join(f"[{number}, [{','.join(map(str, authors))}]]\n" for number, authors in enumerate(sets))
        sql = (
            "SELECT n, arrayReduce('uniqCombined64', v) FROM"
            f" format(JSONCompactEachRow, 'n UInt32, v Array(UInt64)', '{lines}') ORDER BY n"
        )
        return [row[1] for row in (msgspec.json.decode(r) for r in self.rows(sql, {"max_query_size": len(sql) + 1024}))]


class _Readable(io.RawIOBase):
    """The driver's stream as a raw stream that can be buffered by line."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        content = self._stream.read(len(target))
        target[: len(content)] = content
        return len(content)


def _member(name: str) -> str:
    return f"toUnixTimestamp64Milli(f.{name})" if name in _MOMENTS else f"f.{name}"


def _first_line(error: Exception) -> str:
    if getattr(error, "code", None) is None and "HTTP" in str(error):
        return "there was no answer. Is it running?"
    return str(error).strip().splitlines()[0][:300] if str(error).strip() else type(error).__name__
