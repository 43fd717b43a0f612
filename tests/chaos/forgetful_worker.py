"""Control: a worker without the rewind. It goes on at the acknowledged offset as if its chunk began there."""

from __future__ import annotations

import sys

from deploy.cli.main import main
from streams.definition import Definition
from streams.fold.partition_fold import PartitionFold
from streams.worker import starter
from streams.worker.start_rule import Known, Start, Stop, decide_start


def forget_the_chunk() -> None:
    """From now on a partition starts where its rows end, and the chunk's earlier records are not folded again."""
    make = PartitionFold.__init__

    def deciding(known: Known, *, chunk: int, window_chunks: int) -> Start | Stop:
        start = decide_start(known, chunk=chunk, window_chunks=window_chunks)
        if isinstance(start, Stop):
            return start
        at = start.acknowledged
        return Start(read_from=at, fold_from=at, acknowledged=at, floor=at)

    def making(
        self: PartitionFold, log: int, partition: int, start: int, definition: Definition, *, floor: int = 0
    ) -> None:
        # A fold refuses to begin inside a chunk: that, too, must be got past.
        boundary = start - start % definition.chunk
        make(self, log, partition, boundary, definition, floor=min(floor, boundary))
        self.window_from = self.next_offset = self._start = self._warm_offset = self._flushed = start

    starter.decide_start = deciding  # type: ignore[attr-defined]
    PartitionFold.__init__ = making  # type: ignore[method-assign]


if __name__ == "__main__":
    forget_the_chunk()
    sys.exit(main(["worker", *sys.argv[1:]]))
