"""The ledger of a recount: data that need the whole log, spilled to disk."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from streams.verify.recount.facts import TEXT_KEYS, Told
from streams.verify.recount.spill import SpillWriter, bucket_of_hex, bucket_of_text

#: Distinct (day, place, page, author) held in memory before they are spilled.
PEOPLE_LIMIT: Final = 500_000

#: (local day, place, page or "")
PersonKey = tuple[str, str, str]
#: (metric, object, period_from, period_to, source); times in milliseconds UTC.
ReadingKey = tuple[str, str, int, int, str]


class FactCopy(Struct, frozen=True, array_like=True, gc=False):
    """One copy of a fact as the log holds it.

    ``at``, ``appended`` and ``said`` are the members of the table's tuple after the position (times in ms UTC);
    ``where`` is what the hours of facts say: place, page or "", kind, entrance. ``acknowledged``: it stands below the
    offset up to which rows must be written; ``counted``: the window let it pass.
    """

    key: str
    part: int
    off: int
    acknowledged: bool
    counted: bool
    at: int
    appended: int
    names: tuple[str, ...]
    said: tuple[object, ...]
    where: tuple[str, str, str, str]

    @property
    def hour(self) -> int:
        """The hour in which it happened: seconds since 1970 (UTC)."""
        return self.at // 3_600_000 * 3600

    @property
    def contents(self) -> tuple[object, ...]:
        """The members of the table's tuple after the position."""
        return (self.at, self.appended, *self.said)


class ReadingCopy(Struct, frozen=True, array_like=True, gc=False):
    """One observation as the log holds it; ``said`` are the members of the table's tuple after the position."""

    key: ReadingKey
    known_at: int
    part: int
    off: int
    acknowledged: bool
    said: tuple[object, ...]


class People(Struct, frozen=True, array_like=True, gc=False):
    """Authors of one (day, place, page), each as eight bytes; ``late`` ones were met beyond the acknowledged offset."""

    key: PersonKey
    acknowledged: bytes
    late: bytes


class RejectedRow(Struct, frozen=True, array_like=True, gc=False):
    """A row of ``rejected``, but for its log and partition; times in milliseconds UTC."""

    off: int
    appended: int
    stage: str
    field: str
    reason: str
    source: str
    origin: str
    size: int


class Ledger:
    """Remembers one partition's facts, readings, people and counted identities in spill files of ``directory``.

    ``step`` is that of ``SpillWriter``.

    ``rejected`` is taken away by whoever compares it (``take_rejected``).
    """

    def __init__(self, directory: Path, part: int, step: int = 1) -> None:
        self._part = part
        self._spill = SpillWriter(directory, step)
        self._encode = msgspec.msgpack.Encoder().encode
        self._people: dict[PersonKey, tuple[set[int], set[int]]] = {}
        self._held = 0
        self._rejected: list[RejectedRow] = []
        self.facts = 0
        self.readings = 0

    def fact(
        self,
        told: Told,
        off: int,
        acknowledged: bool,
        counted: bool,
        at: int,
        appended: int,
        where: tuple[str, str, str, str],
    ) -> None:
        """A copy of a fact; see :class:`FactCopy`."""
        self.facts += 1
        copy = FactCopy(told.key, self._part, off, acknowledged, counted, at, appended, told.names, told.said, where)
        bucket = bucket_of_text(told.key) if told.table in TEXT_KEYS else bucket_of_hex(told.key)
        self._spill.add(told.table, bucket, self._encode(copy))

    def reading(
        self,
        key: ReadingKey,
        known_at: int,
        off: int,
        acknowledged: bool,
        said: tuple[object, ...],
    ) -> None:
        """An observation of ``key``; times in milliseconds UTC."""
        self.readings += 1
        copy = ReadingCopy(key, known_at, self._part, off, acknowledged, said)
        self._spill.add("readings", bucket_of_text(key[1]), self._encode(copy))

    def counted(self, identity: str, is_appeal: bool) -> None:
        """A record that the window let pass."""
        self._spill.add_identity("counted_appeal_records" if is_appeal else "counted_engagement", identity)

    def person(self, key: PersonKey, author: int, acknowledged: bool) -> None:
        """An active account: ``author`` is the first 64 bits of its hash."""
        held = self._people.get(key)
        if held is None:
            held = self._people[key] = (set(), set())
        authors = held[0] if acknowledged else held[1]
        before = len(authors)
        authors.add(author)
        self._held += len(authors) - before
        if self._held >= PEOPLE_LIMIT:
            self._spill_people()

    def reject(self, row: RejectedRow) -> None:
        """A rejected record."""
        self._rejected.append(row)

    @property
    def rejected_held(self) -> int:
        """Rejected records that nobody has taken yet."""
        return len(self._rejected)

    def take_rejected(self) -> list[RejectedRow]:
        """The rejected records since the last call, by offset."""
        taken, self._rejected = self._rejected, []
        return taken

    def close(self) -> None:
        """Write what is still held in memory."""
        self._spill_people()
        self._spill.close()

    def _spill_people(self) -> None:
        for key, (acknowledged, late) in self._people.items():
            people = People(key, _packed(acknowledged), _packed(late))
            self._spill.add("people", bucket_of_people(key), self._encode(people))
        self._people.clear()
        self._held = 0


def bucket_of_people(key: PersonKey) -> int:
    """The bucket of a (day, place, page)."""
    return zlib.crc32("\0".join(key).encode()) & 0xFF


def _packed(authors: set[int]) -> bytes:
    return b"".join(author.to_bytes(8, "little") for author in authors)


def unpacked(authors: bytes) -> set[int]:
    """The authors of a ``People`` field."""
    return {int.from_bytes(authors[i : i + 8], "little") for i in range(0, len(authors), 8)}
