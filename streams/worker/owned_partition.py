"""An owned partition: its fold and its offsets, for as long as this worker owns it."""

from __future__ import annotations

from enum import Enum
from typing import Literal

from msgspec import Struct

from streams.fold.batch import Batch
from streams.fold.partition_fold import PartitionFold
from streams.positions import TopicPartition
from streams.worker.start_rule import Start


class State(Enum):
    """What a partition is doing."""

    #: It is assigned, and the starter looks up where to start.
    STARTING = "starting"
    #: Records are read ahead or folded.
    FOLDING = "folding"
    #: It is not folded until the reason is gone or a decision is recorded.
    STOPPED = "stopped"
    #: Another worker owns it, or will soon.
    LOST = "lost"


class Hold(Struct, frozen=True):
    """A stop that only a decision ends: what happened, and at which offset."""

    kind: Literal["missing", "rejections", "failure"]
    offset: int


class LogEnd(Struct, frozen=True):
    """The end of a partition's log, from one response of the broker."""

    #: The offset that the next record will get (high watermark).
    end: int
    #: The first offset of an unfinished transaction, else ``end`` (last stable offset): nothing beyond it is readable.
    stable: int
    #: When the broker was asked, milliseconds UTC by this worker's clock: the end is at least as new.
    asked_at: int


class Delivery(Struct, frozen=True):
    """A batch on its way from Kafka to the fold, with the epoch of its seek.

    The epoch shows whether the batch was fetched before the last seek or for an earlier assignment.
    """

    partition: OwnedPartition
    epoch: int
    batch: Batch


class OwnedPartition:
    """One owned partition of one topic. Only ``absorb`` and ``flush`` are called from the folding thread."""

    def __init__(self, topic: str, part: int) -> None:
        """``topic`` is named without the connection's prefix."""
        self.topic = topic
        self.part = part
        self.state = State.STARTING
        #: Why it is stopped, while it is.
        self.reason = ""
        self.log: int | None = None
        self.topic_id: str | None = None
        self.fold: PartitionFold | None = None
        #: Changes with every seek: what was fetched before it is dropped.
        self.epoch = 0
        #: Next offset to come from Kafka.
        self.delivered = 0
        #: Fetched batches that are not folded yet.
        self.queued = 0
        #: Next offset whose rows are all acknowledged: may be committed.
        self.acknowledged = 0
        #: Every record appended before this time is acknowledged, milliseconds UTC; 0 before the first.
        self.complete = 0
        #: What the group has committed, as far as this worker knows.
        self.committed: int | None = None
        #: Last known end of the log.
        self.end = LogEnd(0, 0, 0)
        #: Seeks since the last batch without a gap.
        self.rewinds = 0
        #: Folds that were discarded by an unexpected error since the last acknowledgement.
        self.failures = 0
        #: Offsets without a record below this one are passed over by a decision.
        self.accept_gaps_until = 0
        #: Rejections below this offset were accepted by a decision.
        self.accept_rejections_until = 0
        #: Why it does not start again by itself; None if it does.
        self.hold: Hold | None = None
        #: Where the fold began: a chunk's start. What was read before it gave identities only.
        self.fold_from = 0
        #: Next offset whose rows of this fold are acknowledged; from ``fold_from`` on.
        self.written = 0

    def __repr__(self) -> str:
        return str(self.kafka)

    @property
    def kafka(self) -> TopicPartition:
        """The partition as Kafka names it, without the connection's prefix."""
        return TopicPartition(self.topic, self.part)

    def adopt(self, log: int, topic_id: str) -> None:
        """The partition belongs to this log from now on; forget offsets of a former log under its name."""
        self.log, self.topic_id = log, topic_id
        self.acknowledged = self.complete = 0
        self.end = LogEnd(0, 0, 0)
        self.hold = None

    def begin(self, fold: PartitionFold, start: Start) -> int:
        """Start a new fold; returns the offset to seek to."""
        self.fold = fold
        self.state, self.reason, self.hold = State.FOLDING, "", None
        self.fold_from = self.written = start.fold_from
        self.acknowledged = start.acknowledged
        return self.rewind()

    def rewind(self) -> int:
        """Drop batches on their way; returns the offset to seek to, which the fold needs next."""
        self._forget()
        self.delivered = self.position
        return self.delivered

    def stop(self, reason: str, hold: Hold | None = None) -> None:
        """Stop the partition and discard its fold. Records whose rows are not written are folded again."""
        self.state, self.reason, self.hold, self.fold = State.STOPPED, reason, hold, None
        self._forget()

    def restart(self) -> None:
        """Discard the fold; the starter decides again where to start: at the chunk."""
        self.state, self.reason, self.fold = State.STARTING, "", None
        self._forget()

    def lose(self) -> None:
        """The partition went to another worker."""
        self.state, self.reason, self.fold = State.LOST, "", None
        self._forget()

    def keep(self) -> None:
        """Keep the fold after a rebalance; the starter decides where to continue."""
        self.state = State.STARTING
        self._forget()

    def absorb(self, batch: Batch, epoch: int) -> None:
        """Read ahead or fold a batch, which may reach over the fold's start. In the folding thread.

        Does nothing after a further seek. Raises GapError where records are missing before it.
        """
        fold = self.fold
        if fold is None or epoch != self.epoch:
            return
        if fold.warm_offset < self.fold_from:
            fold.warm(batch)
            if fold.warm_offset < self.fold_from:
                return
        rest = batch.between(self.fold_from) if batch.first_offset < self.fold_from else batch
        if rest is not None:
            fold.fold(rest)

    @property
    def position(self) -> int:
        """The offset that the fold takes next, to read ahead or to fold."""
        if self.fold is None:
            return self.acknowledged
        warm = self.fold.warm_offset
        return warm if warm < self.fold_from else self.fold.next_offset

    @property
    def held(self) -> int:
        """Records in memory: on their way to the fold, or folded and not yet acknowledged."""
        if self.fold is None:
            return 0
        return max(0, self.delivered - (self.position if self.position < self.fold_from else self.written))

    @property
    def folded(self) -> int:
        """Records that are folded and not yet acknowledged."""
        return max(0, self.position - self.written) if self.fold is not None else 0

    def _forget(self) -> None:
        self.epoch += 1
        self.queued = 0
