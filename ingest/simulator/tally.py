"""The tally: the true figures of the records sent so far. Memory grows with cells, appeals and posts only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import polars as pl
from msgspec import Struct
from numpy.typing import NDArray

from ingest.simulator.identities import APPEAL, Identities
from ingest.simulator.lives import Lives, lives_of
from ingest.simulator.rhythm import LocalTime
from ingest.simulator.rows import APPEAL_KIND_COUNT, KIND, Rows, no_rows
from ingest.simulator.spec import DAY_MS, HOUR_MS, FederationSpec
from schemas.contract.events import ACTIVE_KINDS, KINDS, POST_KINDS

#: What a record is to the counters. Whether one between is dropped depends on where it falls on the grid of chunks.
FIRST: Final = 0
WITHIN: Final = 1
BETWEEN: Final = 2
BEYOND: Final = 3

CELL: Final = ("place", "page", "hour", "kind")
PERSON: Final = ("day", "place", "page", "author")
APPEALS: Final = ("day", "entrance", "channel", "place")
POST: Final = ("page", "post", "kind")
READING: Final = ("metric", "object", "period_from", "period_to")
_COMPACT_ROWS: Final = 1_000_000
#: Moscow's day is that of UTC+3 since the end of 2014.
_MOSCOW_MS: Final = 3 * HOUR_MS


class SentReading(Struct, frozen=True):
    """A reading as it was sent; times in milliseconds UTC."""

    metric: str
    object: str
    period_from: int
    period_to: int
    observed_at: int
    value: int
    place: str
    channel: str | None = None
    entrance: str | None = None


class Repeats(Struct):
    """Records of facts that were sent before, by what the counters make of them."""

    within: int = 0
    between: int = 0
    beyond: int = 0


class _Frames:
    """Frames of one shape that are put together, and made smaller once they have grown."""

    def __init__(self, shrink: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
        self._shrink = shrink
        self._parts: list[pl.DataFrame] = []
        self._grown = 0

    def add(self, frame: pl.DataFrame) -> None:
        self._parts.append(frame)
        self._grown += len(frame)
        if self._grown > _COMPACT_ROWS:
            self._parts = [self.whole()]
            self._grown = 0

    def whole(self) -> pl.DataFrame:
        return self._shrink(pl.concat(self._parts)) if self._parts else pl.DataFrame()


class Tally:
    """Counts records in their order of sending: the first copy of a fact stands, its repeats are told apart.

    Figures of counters (``cells``) are kept by place, page, hour and kind, those of audiences (``people``) by local
    day of the place, place, page and account, appeals by Moscow's day.
    """

    def __init__(self, spec: FederationSpec, identities: Identities, zones: Sequence[str]) -> None:
        self._spec = spec
        self._identities = identities
        names = sorted(set(zones))
        self._zone_of_place = np.array([names.index(zone) for zone in zones], dtype=np.int64)
        self._local = LocalTime(names)
        self._sent = np.zeros(spec.partitions, dtype=np.int64)
        self._last: dict[int, int] = {}
        self._cells = _Frames(lambda frame: frame.group_by(CELL).sum())
        self._people = _Frames(lambda frame: frame.group_by(PERSON).agg(pl.col("perhaps").min()))
        self._appeals = _Frames(lambda frame: frame.group_by(APPEALS).sum())
        self._posts = _Frames(lambda frame: frame.unique(POST, keep="first", maintain_order=True))
        self._conversations: list[Rows] = []
        self._readings = _Frames(
            lambda frame: frame.sort("observed_at", "order").unique(READING, keep="last", maintain_order=True)
        )
        self._active = np.array([KIND[kind] for kind in sorted(ACTIVE_KINDS)])
        self._of_posts = np.array([KIND[kind] for kind in POST_KINDS])
        self.repeats = Repeats()
        self.facts = np.zeros(len(KINDS), dtype=np.int64)
        self.events = 0
        self.readings_sent = 0
        self.identities_xor = 0

    def add_events(self, rows: Rows, partitions: NDArray[np.int64]) -> None:
        """Count rows that were sent in this order, each to the partition beside it."""
        if not len(rows):
            return
        self.events += len(rows)
        status = self._judge(rows, self._positions(partitions))
        first = status == FIRST
        self.facts += np.bincount(rows["kind"][first], minlength=len(KINDS))
        self.repeats.within += int((status == WITHIN).sum())
        self.repeats.between += int((status == BETWEEN).sum())
        self.repeats.beyond += int((status == BEYOND).sum())
        self._count_cells(rows, status)
        people = (status != WITHIN) & np.isin(rows["kind"], self._active) & (rows["author"] >= 0)
        self._count_people(rows[people], status[people] == BETWEEN)
        self._count_appeals(rows[first & (rows["kind"] == KIND["appeal_received"])])
        # Of the copies of a fact the first one stands; further messages of an appeal are news all the same.
        received = rows["kind"] == KIND["appeal_received"]
        self._conversations.append(rows[(rows["kind"] < APPEAL_KIND_COUNT) & (first | received)])
        self._count_posts(rows[first & np.isin(rows["kind"], self._of_posts)])

    def add_readings(self, readings: Sequence[SentReading]) -> None:
        """Count readings that were sent in this order."""
        if not readings:
            return
        columns = {name: [getattr(reading, name) for reading in readings] for name in SentReading.__struct_fields__}
        schema = {name: pl.Int64 if isinstance(cells[0], int) else pl.String for name, cells in columns.items()}
        order = pl.Series("order", range(self.readings_sent, self.readings_sent + len(readings)), dtype=pl.Int64)
        self._readings.add(pl.DataFrame(columns, schema=schema).with_columns(order))
        self.readings_sent += len(readings)

    def cells(self) -> pl.DataFrame:
        """Counters: :data:`CELL` as numbers, then the sums of ``first``, ``between`` and ``beyond``."""
        return self._cells.whole()

    def people(self) -> pl.DataFrame:
        """Accounts by :data:`PERSON`, all numbers, each once; ``perhaps``: met only in repeats at the window's edge."""
        return self._people.whole()

    def appeals(self) -> pl.DataFrame:
        """``count`` of appeals by :data:`APPEALS`, numbers; the day is Moscow's."""
        return self._appeals.whole()

    def lives(self) -> Lives:
        """What became of the appeals, and where the answers belong."""
        return lives_of(np.concatenate([no_rows(), *self._conversations]), self._identities)

    def posts(self) -> pl.DataFrame:
        """What stands of posts: :data:`POST` as numbers, then ``place``, ``at`` and ``format``."""
        return self._posts.whole()

    def readings(self) -> pl.DataFrame:
        """The latest observation of each :data:`READING`."""
        return self._readings.whole()

    def _positions(self, partitions: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where each record stands in its partition, counted from the first that this run sent there."""
        order = np.argsort(partitions, kind="stable")
        counts = np.bincount(partitions, minlength=self._spec.partitions)
        positions = np.empty(len(partitions), dtype=np.int64)
        positions[order] = np.arange(len(partitions)) - np.repeat(np.cumsum(counts) - counts, counts)
        positions += self._sent[partitions]
        self._sent += counts
        return positions

    def _judge(self, rows: Rows, positions: NDArray[np.int64]) -> NDArray[np.int8]:
        status = np.zeros(len(rows), dtype=np.int8)
        tracked = np.flatnonzero(rows["tracked"])
        within, beyond = self._spec.surely_within, self._spec.surely_beyond
        last = self._last
        for i, fact, position in zip(
            tracked.tolist(), rows["fact"][tracked].tolist(), positions[tracked].tolist(), strict=True
        ):
            before = last.get(fact)
            if before is not None:
                distance = position - before
                status[i] = WITHIN if distance <= within else BEYOND if distance > beyond else BETWEEN
            last[fact] = position
        return status

    def _count_cells(self, rows: Rows, status: NDArray[np.int8]) -> None:
        counted = status != WITHIN
        rows, status = rows[counted], status[counted]
        amount = rows["amount"].astype(np.int64)
        frame = pl.DataFrame(
            {
                "place": rows["place"],
                "page": rows["page"],
                "hour": (rows["at"] // HOUR_MS).astype(np.int32),
                "kind": rows["kind"],
                "first": np.where(status == FIRST, amount, 0),
                "between": np.where(status == BETWEEN, amount, 0),
                "beyond": np.where(status == BEYOND, amount, 0),
            }
        )
        self._cells.add(frame.group_by(CELL).sum())

    def _count_people(self, rows: Rows, perhaps: NDArray[np.bool_]) -> None:
        days = self._local.days(self._zone_of_place[rows["place"]], rows["at"])
        columns = {"day": days.astype(np.int32), **{name: rows[name] for name in PERSON[1:]}, "perhaps": perhaps}
        self._people.add(pl.DataFrame(columns).group_by(PERSON).agg(pl.col("perhaps").min()))

    def _count_appeals(self, rows: Rows) -> None:
        day = ((rows["at"] + _MOSCOW_MS) // DAY_MS).astype(np.int32)
        columns = {"day": day, **{name: rows[name] for name in APPEALS[1:]}}
        self._appeals.add(pl.DataFrame(columns).group_by(APPEALS).agg(pl.len().cast(pl.Int64).alias("count")))
        if len(rows):
            self.identities_xor ^= int(np.bitwise_xor.reduce(self._identities.words(APPEAL, rows["appeal"])))

    def _count_posts(self, rows: Rows) -> None:
        self._posts.add(pl.DataFrame({name: rows[name] for name in (*POST, "place", "at", "format")}))
