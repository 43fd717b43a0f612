"""The federation: everything that a spec asks for, as records in the order of sending, with the truth beside them."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Final

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ingest.kafka.partitioner import Partitioner
from ingest.simulator.activity import Activity
from ingest.simulator.copies import Copies
from ingest.simulator.geography import choose_places
from ingest.simulator.identities import Identities
from ingest.simulator.lifecycle import consequences, further_messages, returns
from ingest.simulator.pages import Pages
from ingest.simulator.readings import Message, ReadingsSource
from ingest.simulator.records import Writer
from ingest.simulator.rows import APPEAL_KIND_COUNT, KIND, Rows, no_rows
from ingest.simulator.spec import DAY_MS, FederationSpec, check
from ingest.simulator.tally import SentReading, Tally
from schemas.contract.topics import EVENTS, READINGS

#: Records that are made at a time: enough to make columns worth their while, few enough to stay small.
_BLOCK: Final = 40_000
#: Late events arrive so much later, spread over the orders of magnitude (milliseconds).
_LATE_MS: Final = (60_000.0, 3.0 * DAY_MS)
_WORLD: Final = 0
_EVENTS: Final = 1

Record = tuple[str, bytes, bytes]


class _Block(Struct, frozen=True):
    """Rows in their order of sending and the partition of each."""

    rows: Rows
    partitions: NDArray[np.int64]


class Federation:
    """A synthetic federation. Deterministic: an equal spec gives the same records, however fast they are taken.

    ``records()`` may be iterated once; ``tally`` holds the truth of what was taken from it so far, also where one
    stops in the middle. Records are ``(topic, key, value)``: the contract's name of the topic
    (schemas.contract.topics), the Kafka key and the value, both UTF-8.

    Raises SpecError for a spec that contradicts itself.
    """

    def __init__(self, spec: FederationSpec) -> None:
        self.spec = check(spec)
        # The world is that of the seed and its size alone: the same pages in every run.
        rng = np.random.default_rng([spec.seed, _WORLD])
        self.places = choose_places(spec, rng)
        self.pages = Pages(spec, self.places, rng)
        self.activity = Activity(spec, self.places, self.pages, rng)
        self.identities = Identities(spec)
        self.tally = Tally(spec, self.identities, [place.zone for place in self.places])
        self._writer = Writer(spec, self.places, self.pages, self.identities)
        self._copies = Copies(spec)
        self._partitioner = Partitioner(spec.partitions)
        self._next_fact = 0
        self._taken = False

    @property
    def copies_unsent(self) -> int:
        """Copies that were planned and for which the run was too short so far."""
        return self._copies.unsent

    def records(self) -> Generator[Record]:
        """All records in their order of sending: ``spec.events`` of the topic events, and the readings between them."""
        if self._taken:
            raise RuntimeError("The records of a federation can be taken once.")
        self._taken = True
        source = ReadingsSource(self.spec, self.places, self.pages, self.identities)
        readings = source.messages() if self.spec.readings else iter(())
        waiting = next(readings, None)
        for block in self._blocks():
            values = self._writer.records(block.rows)
            said: list[SentReading] = []
            taken = 0
            try:
                for send, (key, value) in zip(block.rows["send"].tolist(), values, strict=True):
                    while waiting is not None and waiting.send <= send:
                        message, waiting = waiting, next(readings, None)
                        said.append(message.reading)
                        yield READINGS, message.key, message.value
                    taken += 1
                    yield EVENTS, key, value
            finally:
                self.tally.add_events(block.rows[:taken], block.partitions[:taken])
                self.tally.add_readings(said)
        yield from self._last(waiting, readings)

    def _last(self, waiting: Message | None, readings: Iterator[Message]) -> Iterator[Record]:
        while waiting is not None:
            self.tally.add_readings([waiting.reading])
            yield READINGS, waiting.key, waiting.value
            waiting = next(readings, None)

    def _blocks(self) -> Iterator[_Block]:
        """Blocks until exactly ``spec.events`` records were sent."""
        spec, activity = self.spec, self.activity
        rng = np.random.default_rng([spec.seed, _EVENTS])
        slots = len(activity.cumulative)
        later = no_rows()
        sent = begin = 0
        # Records that come of one fact: its copies, and what follows from an appeal. Measured as we go.
        growth = 1 + 1.15 * spec.duplicates + spec.appeal_share
        while begin < slots:
            # As many slots as make a block, at least one.
            reached = float(activity.cumulative[begin - 1]) if begin else 0.0
            end = int(np.searchsorted(activity.cumulative, reached + _BLOCK / spec.events, side="right"))
            end = min(slots, max(begin + 1, end))
            last = end == slots
            made = sent + len(later)
            wanted = max(0.0, spec.events * float(activity.cumulative[end - 1]) - made)
            # The last block rather makes too much: what is over is left out again.
            fresh = self._facts(range(begin, end), round(wanted if last else wanted / growth), rng)
            now = spec.end_ms + int(_LATE_MS[1]) + spec.out_of_order_ms if last else activity.slot_end(end - 1)
            rows = np.concatenate([later, fresh])
            later = rows[rows["send"] >= now]
            rows = rows[rows["send"] < now]
            rows = rows[np.lexsort((rows["fact"], rows["send"]))]
            rows, partitions = self._copies.weave(rows, self._partitions(rows), rng)
            rows, partitions = _cut(rows, partitions, spec.events - sent, rng)
            sent += len(rows)
            if wanted > 1:
                growth = max(1.0, growth * (sent + len(later) - made) / wanted)
            begin = end
            yield _Block(rows, partitions)

    def _facts(self, slots: range, count: int, rng: np.random.Generator) -> Rows:
        """Facts that happen in these slots and what follows from them, with the moment at which each arrives."""
        spec = self.spec
        rows = self.activity.draw(slots, count, self._next_fact, rng)
        self._next_fact += len(rows)
        received = rows["kind"] == KIND["appeal_received"]
        again = returns(rows[received], spec.end_ms, rng)
        again["fact"] = again["appeal"] = again["message"] = self._numbers(len(again))
        appeals = np.concatenate([rows[received], again])
        further = further_messages(appeals, spec.end_ms, rng)
        further["message"] = self._numbers(len(further))
        followers = consequences(appeals, further, spec.end_ms, rng)
        followers["fact"] = self._numbers(len(followers))
        rows = np.concatenate([rows[~received], appeals, followers])
        self._choose_repeats(rows, rng)
        rows = np.concatenate([rows, further])
        rows["send"] = rows["at"]
        if spec.out_of_order_ms:
            rows["send"] += rng.integers(0, spec.out_of_order_ms + 1, size=len(rows))
        late = np.flatnonzero(rng.random(len(rows)) < spec.late)
        low, high = np.log(_LATE_MS)
        rows["send"][late] += np.exp(rng.uniform(low, high, size=len(late))).astype(np.int64)
        return rows

    def _numbers(self, count: int) -> NDArray[np.int64]:
        """Numbers that nothing has yet."""
        self._next_fact += count
        return np.arange(self._next_fact - count, self._next_fact)

    def _choose_repeats(self, rows: Rows, rng: np.random.Generator) -> None:
        again = rng.random(len(rows)) < self.spec.duplicates
        twice = again & (rng.random(len(rows)) < 0.15)
        rows["repeats"] = again.astype(np.int8) + twice.astype(np.int8)
        rows["tracked"] |= again

    def _partitions(self, rows: Rows) -> NDArray[np.int64]:
        """The partition of each row: that of its key (schemas.contract.keys)."""
        partitions: NDArray[np.int64] = self.pages.partition[rows["page"]]
        appeals = np.flatnonzero(rows["kind"] < APPEAL_KIND_COUNT)
        keys = self._writer.appeal_keys(rows[appeals])
        partitions[appeals] = [self._partitioner(key.encode()) for key in keys]
        return partitions


def _cut(
    rows: Rows, partitions: NDArray[np.int64], count: int, rng: np.random.Generator
) -> tuple[Rows, NDArray[np.int64]]:
    """At most ``count`` rows. Engagement that is sent once is left out first, an appeal after all that follows it."""
    surplus = len(rows) - count
    if surplus <= 0:
        return rows, partitions
    kinds = rows["kind"]
    worth = np.where(kinds >= APPEAL_KIND_COUNT, rows["tracked"].astype(np.int64), 2)
    worth[kinds == KIND["appeal_received"]] = 3
    # Within one worth it is left to chance, so that no hour is emptied.
    kept = np.ones(len(rows), dtype=np.bool_)
    kept[np.lexsort((rng.random(len(rows)), worth))[:surplus]] = False
    return rows[kept], partitions[kept]
