"""Control: a worker without the rewind. It goes on at the acknowledged offset as if its chunk began there."""

from __future__ import annotations

import sys

from deploy.cli.main import main
from streams import starter
from streams.start import Known, Start, Stop, decide_start


def forget_the_chunk() -> None:
    """From now on a partition starts where its rows end, and the chunk's earlier records are not folded again."""

    def deciding(known: Known, *, chunk: int, window_chunks: int) -> Start | Stop:
        start = decide_start(known, chunk=chunk, window_chunks=window_chunks)
        if isinstance(start, Stop):
            return start
        at = start.acknowledged
        return Start(read_from=at, fold_from=at, acknowledged=at, floor=at)

    starter.decide_start = deciding  # type: ignore[attr-defined]


if __name__ == "__main__":
    forget_the_chunk()
    sys.exit(main(["worker", *sys.argv[1:]]))
